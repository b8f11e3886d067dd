package inferencetest

import "math"

// Jitter is the root of the mean square of steps.
func Jitter(xs []float64) float64 {
	sum := 0.0
	for i := range xs[1:] {
		sum += (xs[i+1] - xs[i]) * (xs[i+1] - xs[i])
	}
	return math.Sqrt(sum / float64(len(xs)-1))
}

// LagOf is by how many frames paths come after others: the shift, in
// twentieths of a frame, at which they differ least.
func LagOf(paths, others [][]float64) float64 {
	best, least := 0.0, math.Inf(1)
	for step := -20; step <= 60; step++ {
		shift, sum := float64(step)/20, 0.0
		for k, path := range paths {
			for i := 4; i < len(path)-4; i++ {
				at := float64(i) - shift
				low := int(math.Floor(at))
				part := at - float64(low)
				d := path[i] - (others[k][low]*(1-part) + others[k][low+1]*part)
				sum += d * d
			}
		}
		if sum < least {
			best, least = shift, sum
		}
	}
	return best
}
