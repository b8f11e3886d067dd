package track

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
)

// followPath smooths a path given as positions at times, for a person of 400 px,
// and returns what comes out.
func followPath(times, xs []float64) []float64 {
	var s Smoother
	out := make([][3]float64, 1)
	path := make([]float64, len(xs))
	for i, x := range xs {
		s.Smooth(times[i], 400, [][3]float64{{x, -x, 0.9}}, out)
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

// Of somebody who stands still, jitter gets less by three fifths, up to noise
// of a hundredth of the person's size.
func TestSmoothCalmsNoise(t *testing.T) {
	for _, noise := range []float64{1, 2, 4} { // px of 400
		random := rand.New(rand.NewPCG(3, 4))
		xs := make([]float64, 600)
		for i := range xs {
			xs[i] = 100 + noise*random.NormFloat64()
		}
		raw, smooth := inferencetest.Jitter(xs), inferencetest.Jitter(followPath(regular(600, 30), xs))
		t.Logf("noise of %.0f px: jitter %.2f px, smoothed %.2f: %.0f %% less", noise, raw, smooth, 100*(1-smooth/raw))
		if smooth > 0.4*raw {
			t.Errorf("the jitter is %.2f px, it was %.2f", smooth, raw)
		}
	}
}

// Points that move are at most one frame late: a walk of any pace, and a limb
// that swings.
func TestSmoothLagsOneFrameAtMost(t *testing.T) {
	const fps = 30.0
	for _, speed := range []float64{0.1, 0.25, 0.5, 1, 3} { // sizes a second
		times, xs := regular(60, fps), make([]float64, 60)
		for i := range xs {
			xs[i] = speed * 400 * times[i]
		}
		out := followPath(times, xs)
		if late := (xs[59] - out[59]) / (speed * 400) * fps; late > 1 || late < 0 {
			t.Errorf("at %.2f sizes/s it is %.2f frames late", speed, late)
		}
	}
	random := rand.New(rand.NewPCG(13, 14))
	for _, hz := range []float64{0.5, 1, 2} {
		times, xs := regular(300, fps), make([]float64, 300)
		clean := make([]float64, 300)
		for i := range xs {
			clean[i] = 40 * math.Sin(2*math.Pi*hz*times[i])
			xs[i] = clean[i] + 2*random.NormFloat64()
		}
		if late := inferencetest.LagOf([][]float64{followPath(times, xs)}, [][]float64{clean}); late > 1 {
			t.Errorf("a limb that swings %.1f times a second is %.2f frames late", hz, late)
		}
	}
}

// A hand that rests and is then flung is at its place at once.
func TestSmoothIsThereWhenAMoveBegins(t *testing.T) {
	const fps, speed = 30.0, 1200.0
	times, xs := regular(60, fps), make([]float64, 60)
	for i := range xs {
		xs[i] = speed * math.Max(times[i]-1, 0)
	}
	for i, x := range followPath(times, xs) {
		if late := (xs[i] - x) / speed * fps; late > 0.5 {
			t.Errorf("frame %d: %.2f frames late", i, late)
		}
	}
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

// However many frames there are in a second, a steady move is about as many
// seconds late; a filter that counted frames would be late by twice or a quarter of that.
func TestSmoothFollowsRealTime(t *testing.T) {
	late := func(times []float64) float64 { // s
		xs := make([]float64, len(times))
		for i, at := range times {
			xs[i] = 200 * at
		}
		last := len(xs) - 1
		return (xs[last] - followPath(times, xs)[last]) / 200
	}
	want := late(regular(90, 30))
	uneven := regular(60, 60) // a second at 60 frames, then one at 20, then one at 100
	for at := 1.0; at < 2; at += 1.0 / 20 {
		uneven = append(uneven, at)
	}
	for at := 2.0; at < 3; at += 1.0 / 100 {
		uneven = append(uneven, at)
	}
	for name, times := range map[string][]float64{
		"15 a second": regular(45, 15), "60 a second": regular(180, 60), "120 a second": regular(360, 120), "uneven": uneven,
	} {
		if got := late(times); math.Abs(got-want) > 0.3*want {
			t.Errorf("%s: %.2f ms late, want about %.2f as with 30", name, 1000*got, 1000*want)
		}
	}
}

func TestSmoothStartsAnew(t *testing.T) {
	people := Smoothers{}
	out := make([][3]float64, 1)
	at := func(id int, t, x, score float64) float64 {
		people.Of(id).Smooth(t, 400, [][3]float64{{x, 0, score}}, out)
		people.Forget(t)
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
	if len(people) != 1 {
		t.Errorf("%d people are remembered, want the one who was seen of late", len(people))
	}
	at(2, 5.03, 0, 0) // not found
	if got := at(2, 5.06, 70, 1); got != 70 {
		t.Errorf("a point that was lost came back as %v, want 70", got)
	}
}

func TestSmoothTellsPeopleApart(t *testing.T) {
	people := Smoothers{}
	out := make([][3]float64, 1)
	for i := range 10 {
		at := float64(i) / 30
		for id, x := range map[int]float64{1: 100, 2: 900} {
			people.Of(id).Smooth(at, 400, [][3]float64{{x, 0, 1}}, out)
			if out[0][0] != x {
				t.Fatalf("frame %d: person %d stands at %v and came out at %v", i, id, x, out[0][0])
			}
		}
	}
}
