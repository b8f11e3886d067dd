package inference

import (
	"math"
	"math/rand/v2"
	"testing"
)

// followPath smooths a path given as positions at times, for a person of 400 px,
// and returns what comes out.
func followPath(times, xs []float64) []float64 {
	var s smoother
	out := make([][3]float64, 1)
	path := make([]float64, len(xs))
	for i, x := range xs {
		s.smooth(1, times[i], 400, [][3]float64{{x, -x, 0.9}}, out)
		path[i] = out[0][0]
	}
	return path
}

func regular(n int, fps float64) []float64 {
	times := make([]float64, n)
	for i := range times {
		times[i] = float64(i) / fps
	}
	return times
}

func TestSmoothCalmsNoise(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	xs := make([]float64, 300)
	for i := range xs {
		xs[i] = 100 + random.NormFloat64()
	}
	if raw, smooth := jitter(xs), jitter(followPath(regular(300, 30), xs)); smooth > raw/2 {
		t.Errorf("the jitter is %.2f px, it was %.2f", smooth, raw)
	}
}

// jitter is the root of the mean square of steps.
func jitter(xs []float64) float64 {
	sum := 0.0
	for i := range xs[1:] {
		sum += (xs[i+1] - xs[i]) * (xs[i+1] - xs[i])
	}
	return math.Sqrt(sum / float64(len(xs)-1))
}

func TestSmoothDoesNotLagInFastMoves(t *testing.T) {
	// A hand that crosses three body heights a second is at most a sixth of a frame's way behind.
	const speed, fps = 1200.0, 30.0
	times, xs := regular(30, fps), make([]float64, 30)
	for i := range xs {
		xs[i] = speed * times[i]
	}
	out := followPath(times, xs)
	if lagged := xs[29] - out[29]; lagged > speed/fps/6 || lagged < 0 {
		t.Errorf("it lags %.1f px behind a move of %.0f px a frame", lagged, speed/fps)
	}
}

func TestSmoothFollowsRealTime(t *testing.T) {
	// The same move, sampled twice as often in its first half, ends nearly at the same place.
	var times, xs []float64
	for at := 0.0; at < 1; at += 1.0 / 60 {
		times, xs = append(times, at), append(xs, 200*at)
	}
	for at := 1.0; at < 2; at += 1.0 / 20 {
		times, xs = append(times, at), append(xs, 200*at)
	}
	even := regular(40, 20)
	evenXs := make([]float64, len(even))
	for i, at := range even {
		evenXs[i] = 200 * at
	}
	a, b := followPath(times, xs), followPath(even, evenXs)
	if d := math.Abs(a[len(a)-1] - b[len(b)-1]); d > 0.5 {
		t.Errorf("they end %.2f px apart", d)
	}
}

func TestSmoothStartsAnew(t *testing.T) {
	var s smoother
	out := make([][3]float64, 1)
	at := func(id int, t, x, score float64) float64 {
		s.smooth(id, t, 400, [][3]float64{{x, 0, score}}, out)
		return out[0][0]
	}
	at(1, 0, 0, 1)
	if got := at(1, 0.033, 10, 1); got <= 0 || got >= 10 {
		t.Errorf("a step of 10 px came out as %v", got)
	}
	for _, c := range []struct {
		name    string
		id      int
		time, x float64
	}{
		{"another person", 2, 0.066, 300},
		{"after a gap", 2, 5, 100},
		{"time that stands still", 2, 5, 140},
	} {
		if got := at(c.id, c.time, c.x, 1); got != c.x {
			t.Errorf("%s: %v came out as %v", c.name, c.x, got)
		}
	}
	at(2, 5.03, 0, 0) // not found
	if got := at(2, 5.06, 70, 1); got != 70 {
		t.Errorf("a point that was lost came back as %v, want 70", got)
	}
}
