package inference

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/motionmill/motionmill/inference/track"
)

// unseen makes people who walk at random under a camera that swings and shakes. Nothing of
// the tracking was chosen on these scenes.
func unseen(seed uint64) (people []walker) {
	r := rand.New(rand.NewPCG(seed, 61))
	between := func(low, high float64) float64 { return low + (high-low)*r.Float64() }
	swing, beat, shake := between(0, 60), between(0.5, 2), between(0, 3)
	for i := range 2 + r.IntN(3) {
		x, way, height := between(60, 580), between(30, 220), between(120, 230)
		if x > 320 {
			way = -way
		}
		turn, depth := between(1.5, 5), float64(i+1)
		y := 345 - 12*depth
		people = append(people, func(t float64) (float64, float64, float64, float64, float64) {
			camera := swing*math.Sin(beat*t) + shake*math.Sin(37*t)
			return x + way*math.Min(t, 2*turn-t) + camera, y + shake*math.Cos(31*t), height, 1, depth
		})
	}
	return people
}

// TestUnseenScenes follows everybody through scenes on which nothing was tuned. The table is
// in docs/models.md.
func TestUnseenScenes(t *testing.T) {
	for _, c := range []struct {
		name     string
		rate     float64 // at which the scene is drawn; all are shown at 30 frames/s
		switches int
	}{{"1.25 times as fast", 24, 9}, {"as drawn", 30, 3}, {"half as fast", 60, 5}} {
		var sum filmScore
		for seed := range uint64(12) {
			scene := render(unseen(100*uint64(c.rate)+seed), int(4*c.rate), c.rate)
			r := &rendered{frames: scene, seed: 1000 + seed}
			sum.add(watchFilm(t, r, Video{Parallel: 2, People: track.PeopleAll}, func(*track.Following) {}), r)
		}
		t.Log(sum.row(c.name))
		if n := float64(sum.runs); sum.switches > c.switches || sum.mota/n < 0.90 || sum.hota/n < 0.85 {
			t.Errorf("%s: %d switches, MOTA %.3f, HOTA %.3f", c.name, sum.switches, sum.mota/n, sum.hota/n)
		}
	}
}
