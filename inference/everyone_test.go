package inference

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/inference/track"
)

// slowly is a rendered scene whose models take times of their own, in fake time.
type slowly struct {
	*rendered
	delay func(model, frame int) time.Duration
}

func (s slowly) Detect(pic picture.Picture) ([]picture.Detection, error) {
	time.Sleep(s.delay(meterDetect, number(pic)))
	return s.rendered.Detect(pic)
}

func (s slowly) Estimate(pic picture.Picture, box picture.Rect, points []picture.Keypoint) error {
	time.Sleep(s.delay(meterPose, number(pic)+int(box.X)))
	return s.rendered.Estimate(pic, box, points)
}

// everyone follows people through a rendered scene, in fake time.
func everyone(t *testing.T, r *rendered, people string, parallel int, delay func(model, frame int) time.Duration) (results []Result) {
	t.Helper()
	a := r.analyser()
	s := slowly{r, delay}
	a.detect, a.pose = s, s
	v := Video{
		Width: sceneWidth, Height: sceneHeight, FrameWidth: sceneWidth, FrameHeight: sceneHeight, Parallel: parallel, People: people,
	}
	synctest.Test(t, func(t *testing.T) {
		_, err := a.Analyse(t.Context(), v, frames(len(r.frames)), func(r Result) error {
			results = append(results, r)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	return results
}

// ids lists whom each frame shows.
func ids(results []Result) [][]int {
	list := make([][]int, len(results))
	for i, r := range results {
		for _, p := range r.People {
			list[i] = append(list[i], p.ID)
		}
	}
	return list
}

func TestEveryoneIsTheSameWhateverTheLoad(t *testing.T) {
	for _, f := range films()[1:3] {
		scene := render(f.people, 90, 30)
		var want []Result
		for i, parallel := range []int{1, 2, 3, 8} {
			got := everyone(t, &rendered{frames: scene, seed: 9}, track.PeopleAll, parallel, scramble(i))
			if i == 0 {
				want = got
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s, %d at once: %s", f.name, parallel, diff)
			}
		}
		for i, list := range ids(want) {
			if !slices.IsSorted(list) {
				t.Errorf("%s, frame %d: the ids %v are not in order", f.name, i, list)
			}
		}
	}
}

func TestHiddenForHalfASecond(t *testing.T) {
	scene := render(films()[1].people, films()[1].frames, 30)
	hidden := 0
	for _, people := range scene {
		if people[1].share < 0.25 {
			hidden++
		}
	}
	if hidden < 15 {
		t.Fatalf("the scene hides somebody for %d frames only", hidden)
	}
	results := everyone(t, &rendered{frames: scene, clean: true}, track.PeopleAll, 2, scramble(1))
	for i, list := range ids(results) {
		want := []int{1, 2}
		if scene[i][1].share < 0.1 {
			want = []int{1}
		} else if share := scene[i][1].share; share < 0.6 && slices.Equal(list, []int{1}) {
			continue // Coming out: the detector may not have seen it yet.
		}
		if !slices.Equal(list, want) {
			t.Errorf("frame %d, of which %.0f %% of the second person are seen: ids %v, want %v", i, 100*scene[i][1].share, list, want)
		}
	}
}

// A crowd of three: the middle one is small, the right one is the largest.
func trio() []walker {
	return []walker{straight(120, 0, 320, 150, 1, 1), straight(330, 0, 300, 120, 1, 1), straight(540, 0, 340, 220, 1, 1)}
}

func TestWhoIsFollowed(t *testing.T) {
	scene := render(trio(), 40, 30)
	for people, at := range map[string][]int{track.PeopleLargest: {540}, track.PeopleCentre: {330}, track.PeopleAll: {540, 120, 330}, "": {540}} {
		r := &rendered{frames: scene, clean: true}
		for i, result := range everyone(t, r, people, 2, scramble(3)) {
			var middles []int
			for j, p := range result.People {
				if p.ID != j+1 {
					t.Fatalf("%q, frame %d: the ids are %v", people, i, ids([]Result{result}))
				}
				x := p.Box[0] + p.Box[2]/2
				for _, near := range at {
					if x > float64(near-30) && x < float64(near+30) {
						middles = append(middles, near)
					}
				}
			}
			if !slices.Equal(middles, at) {
				t.Fatalf("%q, frame %d: found those at %v, want %v, the first to be followed first", people, i, middles, at)
			}
		}
		// Nobody else is looked at: as many poses as people and frames.
		if poses := r.poses.Load(); poses != int64(len(at)*40) {
			t.Errorf("%q: %d poses in 40 frames, want %d", people, poses, len(at)*40)
		}
	}
}

// A newcomer is found when the detector looks, and then in every frame, also
// in those whose boxes come from frames that did not know them yet.
func TestNewcomers(t *testing.T) {
	scene := render([]walker{straight(120, 0, 320, 150, 1, 1), straight(330, 0, 320, 170, 1, 1)}, 60, 30)
	for i := range scene[:20] {
		scene[i] = scene[i][:1]
	}
	r := &rendered{frames: scene, clean: true}
	lists := ids(everyone(t, r, track.PeopleAll, 3, scramble(4)))
	for i, list := range lists {
		want := []int{1}
		if i >= 2*track.DetectEvery(track.PeopleAll) { // the first look that can see them
			want = []int{1, 2}
		}
		if !slices.Equal(list, want) {
			t.Errorf("frame %d: ids %v, want %v", i, list, want)
		}
	}
	if n := r.detections.Load(); n != int64(2+59/track.DetectEvery(track.PeopleAll)) {
		t.Errorf("%d detections, want one every %d frames and one more at the start", n, track.DetectEvery(track.PeopleAll))
	}
}

// When somebody leaves, the detector looks every third frame for two seconds.
func TestSomebodyLeaves(t *testing.T) {
	scene := render([]walker{straight(120, 0, 320, 150, 1, 1), straight(330, 0, 320, 170, 1, 1)}, 200, 30)
	for i := range scene[30:] {
		scene[30+i] = scene[30+i][:1]
	}
	r := &rendered{frames: scene, clean: true}
	for i, list := range ids(everyone(t, r, track.PeopleAll, 3, scramble(5))) {
		if want := []int{1, 2}; i < 30 && !slices.Equal(list, want) || i >= 30 && len(list) != 1 {
			t.Errorf("frame %d: ids %v", i, list)
		}
	}
	// 2 at the start, one each eleventh frame, 2 as the poses fail, and a third of 60.
	if n := r.detections.Load(); n > int64(2+200/track.DetectEvery(track.PeopleAll)+2+21) {
		t.Errorf("%d detections", n)
	}
}

// tired is a rendered scene whose poses get weak for a while.
type tired struct {
	*rendered
	from, to int // frames
}

func (s tired) Estimate(pic picture.Picture, box picture.Rect, points []picture.Keypoint) error {
	err := s.rendered.Estimate(pic, box, points)
	if n := number(pic); n >= s.from && n < s.to {
		for i := range points {
			points[i].Score /= 2 // still somebody's
		}
	}
	return err
}

// While a pose scores far less than is usual for the person the detector looks
// every third frame, and no longer than until that has become usual.
func TestDetectorLooksWhenAPoseIsInDoubt(t *testing.T) {
	scene := render([]walker{straight(300, 0, 320, 150, 1, 1)}, 90, 30)
	count := func(from, to int) int64 {
		r := &rendered{frames: scene, clean: true}
		a := r.analyser()
		a.pose = tired{r, from, to}
		v := Video{Width: sceneWidth, Height: sceneHeight, FrameWidth: sceneWidth, FrameHeight: sceneHeight, Parallel: 2}
		var results []Result
		if _, err := a.Analyse(t.Context(), v, frames(90), func(r Result) error { results = append(results, r); return nil }); err != nil {
			t.Fatal(err)
		}
		for i, list := range ids(results) {
			if !slices.Equal(list, []int{1}) {
				t.Errorf("frame %d: ids %v", i, list)
			}
		}
		// A pose that was looked for ahead is dropped where the detector looks instead.
		if n := r.poses.Load(); n < 90 || n > 90+r.detections.Load() {
			t.Errorf("%d poses in 90 frames", n)
		}
		return r.detections.Load()
	}
	usual := count(0, 0)
	if n := count(40, 46); n < usual+2 || n > usual+3 {
		t.Errorf("%d detections with a weak pose in six frames, %d without", n, usual)
	}
	if n := count(40, 90); n < usual+2 || n > usual+6 {
		t.Errorf("%d detections with a pose that stays weak, %d without", n, usual)
	}
}
