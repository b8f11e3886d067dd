package track

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/motionmill/motionmill/inference/picture"
)

// standingPose is a pose of 6 points in a box of 60 by 200 px whose corner is x, y.
func standingPose(x, y float64) []picture.Keypoint {
	return []picture.Keypoint{{X: x, Y: y, Score: .9}, {X: x + 60, Y: y, Score: .9}, {X: x, Y: y + 100, Score: .9}, {X: x + 60, Y: y + 100, Score: .9}, {X: x, Y: y + 200, Score: .9}, {X: x + 60, Y: y + 200, Score: .9}}
}

func seenAt(x, y float64) Observation {
	return Observation{Points: standingPose(x, y), Box: picture.Rect{X: x - 10, Y: y - 10, W: 80, H: 220}, Score: 0.9}
}

func TestMotionLearnsTheSpeed(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	const fps, speed = 30.0, 150.0
	k := newTrack(seenAt(0, 0), 0)
	for i := 1; i <= 30; i++ {
		at := float64(i) / fps
		k = k.seen(seenAt(speed*at+random.NormFloat64(), random.NormFloat64()), at)
	}
	// Half a second later they are where they would have walked to.
	if dx, dy := k.Expected(1.5); math.Abs(dx-speed/2) > 12 || math.Abs(dy) > 12 {
		t.Errorf("half a second on they are expected %.1f, %.1f px away, want %.0f, 0", dx, dy, speed/2)
	}
	// Nobody walks on for ever.
	if far, _ := k.Expected(60); far > speed*motionReach*1.2 {
		t.Errorf("a minute on they are expected %.0f px away", far)
	}
}

func TestMotionStandsStillInSpiteOfNoise(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	k := newTrack(seenAt(100, 100), 0)
	for i := 1; i <= 60; i++ {
		k = k.seen(seenAt(100+2*random.NormFloat64(), 100+2*random.NormFloat64()), float64(i)/30)
	}
	if dx, dy := k.Expected(2.5); math.Hypot(dx, dy) > 20 {
		t.Errorf("half a second on they are expected %.1f, %.1f px away", dx, dy)
	}
	if got := k.motion.next(0, 50, 50); got != k.motion {
		t.Error("time that stands still changed the motion")
	}
}

func TestDisplacement(t *testing.T) {
	from, to := standingPose(0, 0), standingPose(7, -3)
	to[1], to[2] = picture.Keypoint{X: 500, Y: 500, Score: 0.9}, picture.Keypoint{X: 900, Y: 0, Score: 0.1} // an arm that swings, a point that is not seen
	if dx, dy, ok := displacement(from, to); !ok || dx != 7 || dy != -3 {
		t.Errorf("got %v, %v, %v", dx, dy, ok)
	}
	for i := range to[:3] {
		to[i].Score = 0
	}
	if _, _, ok := displacement(from, to); ok {
		t.Error("three points tell where somebody went")
	}
}

func TestAlike(t *testing.T) {
	a := standingPose(0, 0)
	const area = 80 * 220.0
	if got := Alike(a, a, 0, 0, area); got != 1 {
		t.Errorf("a pose is %v like itself", got)
	}
	if got := Alike(a, standingPose(30, 0), 30, 0, area); got != 1 {
		t.Errorf("moved on it is %v", got)
	}
	// exp(−d²/2s²k²) with d²/s² = k² is e^−½.
	d := math.Sqrt(area) * likenessWidth
	if got := Alike(a, standingPose(d, 0), 0, 0, area); math.Abs(got-math.Exp(-0.5)) > 1e-9 {
		t.Errorf("at one width's distance it is %v", got)
	}
	hidden := standingPose(0, 0)
	for i := range hidden[:3] {
		hidden[i].Score = 0.1
	}
	if got := Alike(a, hidden, 0, 0, area); got != 0 {
		t.Errorf("three points that both show make %v", got)
	}
}

func TestDoubt(t *testing.T) {
	k := newTrack(seenAt(0, 0), 0)
	weak := seenAt(0, 0)
	weak.Score = 0.4
	if k = k.seen(weak, 0.03); !k.inDoubt() {
		t.Error("half the usual score raises no doubt")
	}
	for i := range 60 {
		k = k.seen(weak, 0.06+float64(i)/30)
	}
	if k.inDoubt() {
		t.Error("what has become usual is still in doubt")
	}
}

func TestAdvance(t *testing.T) {
	here, far := seenAt(20, 20), seenAt(400, 20)
	sought := func(o Observation) Observation { o.Sought = true; return o }
	known := func(visible bool, at float64) Scene {
		k := newTrack(here, at)
		k.id, k.visible = 1, visible
		return Scene{tracks: []Track{k}, ids: 1}
	}
	for _, c := range []struct {
		name     string
		before   Scene
		seen     []Observation
		at       float64
		one, all []int // the ids given when one person is followed, and when all are
	}{
		{"first seen", Scene{}, []Observation{sought(here)}, 0, []int{1}, []int{1}},
		{"first seen, and not looked for", Scene{}, []Observation{here}, 0, nil, nil},
		{"two at once", Scene{}, []Observation{sought(here), sought(far)}, 0, []int{1}, []int{1, 2}},
		{"still there", known(true, 1), []Observation{here}, 1.1, []int{1}, []int{1}},
		{"not seen", known(true, 1), nil, 1.1, nil, nil},
		{"strayed to somebody else", known(true, 1), []Observation{far}, 1.1, nil, nil},
		{"after a cut", known(true, 1), []Observation{sought(far)}, 1.1, []int{1}, []int{2}},
		{"soon elsewhere", known(false, 1), []Observation{sought(far)}, 1.9, []int{1}, []int{2}},
		{"soon at the same place", known(false, 1), []Observation{sought(here)}, 1.9, []int{1}, []int{1}},
		{"late at the same place", known(false, 1), []Observation{sought(here)}, 9, []int{1}, []int{1}},
		{"late and elsewhere", known(false, 1), []Observation{sought(far)}, 2.1, []int{2}, []int{2}},
		{"twice in one frame", known(true, 1), []Observation{here, sought(seenAt(22, 20))}, 1.1, []int{1}, []int{1}},
		{"one more", known(true, 1), []Observation{here, sought(far)}, 1.1, []int{1}, []int{1, 2}},
	} {
		for _, g := range []Following{
			{Limit: 1, Likeness: byMotion, Pair: Pair}, {Limit: MostPeople, Likeness: byMotion, Pair: Pair},
		} {
			want := c.one
			if g.Limit > 1 {
				want = c.all
			}
			after, seen := c.before.Advance(g, c.seen, c.at)
			var got []int
			for _, o := range seen {
				got = append(got, o.ID)
			}
			if len(got) != len(want) || len(got) > 0 && (got[0] != want[0] || got[len(got)-1] != want[len(want)-1]) {
				t.Errorf("%s, at most %d: the ids are %v, want %v", c.name, g.Limit, got, want)
			}
			if len(after.Visible()) != len(want) {
				t.Errorf("%s, at most %d: %d are visible after it", c.name, g.Limit, len(after.Visible()))
			}
		}
	}
}

func TestWhoIsGoneIsForgotten(t *testing.T) {
	g := Following{Limit: MostPeople, Likeness: byMotion, Pair: Pair}
	o := seenAt(20, 20)
	o.Sought = true
	s, _ := Scene{}.Advance(g, []Observation{o}, 0)
	for i := 1; i < 70; i++ {
		s, _ = s.Advance(g, nil, float64(i)/30)
	}
	if len(s.tracks) != 0 {
		t.Errorf("%d people are remembered after %v s", len(s.tracks), 69.0/30)
	}
	if _, seen := s.Advance(g, []Observation{o}, 2.4); len(seen) != 1 || seen[0].ID != 2 {
		t.Errorf("whoever comes then is %+v, want id 2", seen)
	}
}
