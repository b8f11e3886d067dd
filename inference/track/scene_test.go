package track

import (
	"testing"

	"github.com/motionmill/motionmill/inference/picture"
)

func TestDetectorIsDueInTurn(t *testing.T) {
	for _, every := range []int{1, 2, 3, 7, 10, 31} {
		g := Following{detectEvery: every}
		count, odd, last := 0, 0, -1
		for i := range 1000 {
			if !g.Due(i) {
				continue
			}
			if last >= 0 && i-last > every+1 {
				t.Errorf("every %d: nothing between %d and %d", every, last, i)
			}
			count, odd, last = count+1, odd+i%2, i
		}
		if want := 1000 / every; count < want-1 || count > want+1 || odd < count/2-1 || odd > count/2+1 {
			t.Errorf("every %d: %d of 1000 frames, %d of them odd", every, count, odd)
		}
	}
}

// TestNoMoreThanTwentyAreFollowed lets two of a crowd take turns in hiding: whoever takes the
// place of somebody hidden is not one too many when these are back.
func TestNoMoreThanTwentyAreFollowed(t *testing.T) {
	g := NewFollowing(PeopleAll, 1, 4000, 200)
	var crowd []Observation
	for i := range 25 {
		box := picture.Rect{X: float64(i) * 150, Y: 10, W: 100 - float64(i), H: 150}
		o := Observation{Sought: true, Score: 0.9, Box: box}
		for k := range 4 {
			o.Points = append(o.Points, picture.Keypoint{X: box.X + box.W*float64(k%2), Y: box.Y + box.H*float64(k/2), Score: 0.9})
		}
		crowd = append(crowd, o)
	}
	var s Scene
	for frame, seen := range [][]Observation{crowd, crowd[3:], crowd, crowd[:20], crowd} {
		var taken []Observation
		s, taken = s.Advance(g, seen, float64(frame)/30)
		if len(taken) != min(20, len(seen)) || len(s.Visible()) != len(taken) {
			t.Errorf("frame %d of %d people has %d with an id, %d of them in sight", frame, len(seen), len(taken), len(s.Visible()))
		}
	}
	if ids := s.ids; ids != 23 {
		t.Errorf("%d ids were given, want those of 20 people and of the 3 who took the places of the hidden", ids)
	}
}
