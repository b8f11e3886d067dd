package track

import "math"

// Pair matches rows with columns one to one so that the sum of the values of
// the pairs is the greatest, and returns for each row its column, or -1. Only
// pairs of at least the value least, which is above 0, are made: a row and a
// column may stay alone.
func Pair(rows, columns int, least float64, value func(row, column int) float64) []int {
	// Square, with empty places for those that stay alone at no gain and no cost.
	n := rows + columns
	cost := make([][]float64, n)
	for i := range cost {
		cost[i] = make([]float64, n)
		for j := range columns {
			if i >= rows {
				continue
			}
			if v := value(i, j); v >= least {
				cost[i][j] = -v
			}
		}
	}
	of := cheapest(cost)[:rows]
	for i, j := range of {
		if j >= columns || cost[i][j] == 0 {
			of[i] = -1
		}
	}
	return of
}

// cheapest gives each row of a square matrix a column of its own so that the
// sum of the costs is the least: the Hungarian method with potentials and
// shortest paths, after Jonker and Volgenant, "A Shortest Augmenting Path
// Algorithm for Dense and Sparse Linear Assignment Problems" (1987).
func cheapest(cost [][]float64) []int {
	n := len(cost)
	// Rows and columns count from 1; column 0 holds the row that is looking for a place.
	rowPotential, columnPotential := make([]float64, n+1), make([]float64, n+1)
	rowOf, from := make([]int, n+1), make([]int, n+1)
	least, done := make([]float64, n+1), make([]bool, n+1)
	for row := 1; row <= n; row++ {
		for j := range least {
			least[j], done[j] = math.Inf(1), false
		}
		rowOf[0] = row
		at := 0
		for rowOf[at] != 0 { // until a column is reached that is free
			done[at] = true
			i, step, next := rowOf[at], math.Inf(1), 0
			for j := 1; j <= n; j++ {
				if done[j] {
					continue
				}
				if c := cost[i-1][j-1] - rowPotential[i] - columnPotential[j]; c < least[j] {
					least[j], from[j] = c, at
				}
				if least[j] < step {
					step, next = least[j], j
				}
			}
			for j := range done {
				if done[j] {
					rowPotential[rowOf[j]] += step
					columnPotential[j] -= step
				} else {
					least[j] -= step
				}
			}
			at = next
		}
		for at != 0 { // Each row on the way moves on by one place.
			rowOf[at] = rowOf[from[at]]
			at = from[at]
		}
	}
	columns := make([]int, n)
	for j := 1; j <= n; j++ {
		columns[rowOf[j]-1] = j - 1
	}
	return columns
}
