package inference

import (
	"bytes"
	"math"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/inference/track"
	"github.com/motionmill/motionmill/job"
)

// crowd is a stage whose model finds everyone by itself: the stage's person
// and a larger one who stands elsewhere from frame 20 on.
type crowd struct{ *stage }

var bystander = picture.Rect{X: 0, Y: 60, W: 40, H: 20}

func (c crowd) Spot(pic picture.Picture, _ []picture.Person) (people []picture.Person, err error) {
	c.poses.Add(1)
	c.work(meterPose, pic)
	boxes := []picture.Rect{}
	if at, ok := c.person(number(pic)); ok {
		boxes = append(boxes, at)
	}
	if number(pic) >= 20 {
		boxes = append([]picture.Rect{bystander}, boxes...)
	}
	for _, b := range boxes {
		p := picture.Person{Detection: picture.Detection{Box: b, Score: 0.9}}
		for i := range 4 {
			p.Points = append(p.Points, picture.Keypoint{X: b.X + b.W*float64(i%2), Y: b.Y + b.H*float64(i/2), Score: 0.8})
		}
		people = append(people, p)
	}
	return people, c.poseFails
}

func (c crowd) analyser() *Analyser {
	a := c.stage.analyser(false, false)
	a.pose, a.people = nil, c
	return a
}

func TestSpottedPersonIsFollowed(t *testing.T) {
	walking := func(i int) (picture.Rect, bool) { return picture.Rect{X: float64(i) / 2, Y: 10, W: 20, H: 30}, i != 30 }
	var want []Result
	for i, parallel := range []int{1, 2, 3, 8} {
		c := crowd{&stage{person: walking, delay: scramble(i)}}
		got := c.watch(t, c.analyser(), testVideo(parallel), 60)
		if i == 0 {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%d at once: %s", parallel, diff)
		}
		if n := c.poses.Load(); n != 60 || c.mattes.Load()+c.detections.Load() != 0 {
			t.Errorf("%d inferences for 60 frames, %d mattes, %d detections", n, c.mattes.Load(), c.detections.Load())
		}
	}
	for i, r := range want {
		at, there := walking(i)
		if !there || i > 30 {
			continue // Whoever is found then is the bystander.
		}
		if len(r.People) != 1 || r.People[0].Box != [4]float64{at.X, at.Y, at.W, at.H} || r.People[0].ID != 1 {
			t.Errorf("frame %d: %+v, want the box %v", i, r.People, at)
		}
	}
}

func TestNobodySpotted(t *testing.T) {
	c := crowd{&stage{person: func(int) (picture.Rect, bool) { return picture.Rect{}, false }}}
	for i, r := range c.watch(t, c.analyser(), testVideo(2), 10) {
		if len(r.People) != 0 {
			t.Errorf("frame %d: %+v", i, r.People)
		}
	}
}

func TestSpottedPeopleAreInferredAllAtOnce(t *testing.T) {
	c := crowd{&stage{person: standing, delay: scramble(3)}}
	c.watch(t, c.analyser(), testVideo(5), 40)
	if n := c.busiest.Load(); n != 5 {
		t.Errorf("at most %d inferences at once, want 5", n)
	}
}

// guided is a stage whose pose model says itself where to look.
type guided struct {
	*stage
	whole, near atomic.Int64
}

func (g *guided) Estimate(pic picture.Picture, box picture.Rect, points []picture.Keypoint) error {
	if box == (picture.Rect{X: 0, Y: 0, W: 80, H: 80}) {
		g.whole.Add(1)
	} else {
		g.near.Add(1)
	}
	return g.stage.Estimate(pic, box, points)
}

func (g *guided) Next(points []picture.Keypoint, _, _ int) picture.Rect {
	o, _ := track.Observe(points, 0, 80, 80)
	return o.Box.Grow(0.25)
}

// TestModelThatFollowsByItselfFollowsOne wants nobody to be told to install a detector, which
// would not be used.
func TestModelThatFollowsByItselfFollowsOne(t *testing.T) {
	g := &guided{stage: &stage{person: standing}}
	a := g.stage.analyser(true, false)
	a.pose = g
	for _, people := range []string{track.PeopleAll, track.PeopleCentre} {
		typed := inferencetest.WantKind(t, a.CanFollow(people), job.ModelMissing)
		if !strings.Contains(typed.Finding, "no detector is used with it") || strings.Contains(typed.Remedy, "Install a detector") {
			t.Errorf("%s: %v", people, typed)
		}
	}
	if err := a.CanFollow(track.PeopleLargest); err != nil {
		t.Error(err)
	}
}

func TestModelThatFollowsByItself(t *testing.T) {
	var want []Result
	for i, parallel := range []int{1, 2, 3, 8} {
		g := &guided{stage: &stage{person: standing, delay: scramble(i)}}
		g.person = func(i int) (picture.Rect, bool) {
			return picture.Rect{X: 20 + 5*math.Sin(float64(i)/9), Y: 20, W: 20, H: 40}, i < 40 || i > 45
		}
		a := g.stage.analyser(false, false)
		a.pose = g
		got := g.watch(t, a, testVideo(parallel), 90)
		if i == 0 {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%d at once: %s", parallel, diff)
		}
		// The whole frame: in the first two, in the six without anyone and in the two after these.
		// Where the person was: in all but the first two, as two of the six knew better no more
		// than the two after them, and four were not tried.
		if g.whole.Load() != 10 || g.near.Load() != 82 {
			t.Errorf("%d looks at the whole frame and %d near the person, want 10 and 82", g.whole.Load(), g.near.Load())
		}
	}
	for i, r := range want {
		if there := i < 40 || i > 45; there != (len(r.People) == 1) {
			t.Errorf("frame %d: found %+v", i, r.People)
		}
	}
}

func TestPoseFamiliesOnTheDance(t *testing.T) {
	v, all, truth := danced(t, 40)
	r := inferencetest.OpenRuntime(t)
	for name, c := range map[string]struct {
		frames int     // as many as do not take too long
		median float64 // px; the truth is MoveNet's own
	}{
		// The surrogate's rows are heatmaps enlarged, which moves each point by 1.75 input px, here 3.6, along both axes.
		"tinypose-simcc-256x192": {40, 9},
		"movenet-lightning":      {40, 3},
		"yolov8n-pose":           {8, 6},
	} {
		t.Run(name, func(t *testing.T) {
			frames := all[:c.frames]
			a := analyserOf(t, r, []string{models.TaskPose}, map[string]string{models.TaskPose: name, models.TaskDetect: "yolox-nano"})
			var first []byte
			for _, parallel := range []int{1, 4} {
				v.Parallel = parallel
				results, _ := analyse(t, a, v, frames, 30)
				track := trackOf(t, v, a, results)
				if first == nil {
					first = track
				}
				if !bytes.Equal(first, track) {
					t.Error("the tracks of one and of four inferences at once differ")
				}
				px, missing := distances(results, truth, func(p Person) [][3]float64 { return p.Raw })
				t.Logf("median distance %.2f px, 90 %% within %.2f", px[len(px)/2], px[len(px)*9/10])
				if px[len(px)/2] > c.median || missing > 0 {
					t.Errorf("want at most %v px, and a person in all frames (%d without)", c.median, missing)
				}
			}
		})
	}
}

func trackOf(tb testing.TB, v Video, a *Analyser, results []Result) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := NewTrackWriter(&out, TrackHeader{Width: v.Width, Height: v.Height, Models: a.Used()})
	for _, result := range results {
		if err := w.WriteFrame(result); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}
