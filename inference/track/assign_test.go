package track

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// bestSum tries all ways to pair rows with columns, and gives the greatest sum of values.
func bestSum(rows int, free []int, least float64, value func(i, j int) float64) float64 {
	if rows == 0 {
		return 0
	}
	best := bestSum(rows-1, free, least, value) // The row stays alone.
	for at, j := range free {
		if v := value(rows-1, j); v >= least {
			best = math.Max(best, v+bestSum(rows-1, slices.Delete(slices.Clone(free), at, at+1), least, value))
		}
	}
	return best
}

func TestPairIsTheBestOfAllWays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		rows, columns, least := random.IntN(6), random.IntN(6), random.Float64()*0.6+0.01
		values := make([]float64, rows*columns)
		for i := range values {
			values[i] = math.Round(random.Float64()*8) / 8 // Coarse: many are equal.
		}
		value := func(i, j int) float64 { return values[i*columns+j] }
		of := Pair(rows, columns, least, value)
		sum, used := 0.0, map[int]bool{}
		for i, j := range of {
			if j < 0 {
				continue
			}
			if used[j] || value(i, j) < least {
				t.Fatalf("%v: row %d must not have column %d", of, i, j)
			}
			used[j] = true
			sum += value(i, j)
		}
		free := make([]int, columns)
		for j := range free {
			free[j] = j
		}
		if want := bestSum(rows, free, least, value); len(of) != rows || math.Abs(sum-want) > 1e-9 {
			t.Fatalf("%d by %d from %.2f: the pairs add up to %v, the best to %v", rows, columns, least, sum, want)
		}
	}
}

func TestPairIsNotGreedy(t *testing.T) {
	values := [][]float64{{0.9, 0.8}, {0.85, 0.1}}
	if of := Pair(2, 2, 0.05, func(i, j int) float64 { return values[i][j] }); !slices.Equal(of, []int{1, 0}) {
		t.Errorf("got %v: the best pair spoils the rest", of)
	}
}
