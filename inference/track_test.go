package inference

import "testing"

func TestOverlap(t *testing.T) {
	a := rect{0, 0, 10, 10}
	for _, c := range []struct {
		b    rect
		want float64
	}{{a, 1}, {rect{5, 0, 10, 10}, 1.0 / 3}, {rect{10, 0, 5, 5}, 0}, {rect{2, 2, 5, 5}, 0.25}, {rect{3, 3, 0, 0}, 0}} {
		if got := overlap(a, c.b); got != c.want {
			t.Errorf("overlap with %v is %v, want %v", c.b, got, c.want)
		}
	}
}

func TestChooseBox(t *testing.T) {
	here, near, far, huge := rect{10, 10, 20, 40}, rect{12, 10, 20, 40}, rect{100, 10, 20, 50}, rect{200, 0, 90, 90}
	list := func(boxes ...rect) (found []detection) {
		for _, b := range boxes {
			found = append(found, detection{b, 0.9})
		}
		return found
	}
	for _, c := range []struct {
		name  string
		track track
		found []detection
		want  rect
		ok    bool
	}{
		{"nobody known, nobody found", track{}, nil, rect{}, false},
		{"nobody known: the largest", track{}, list(here, huge, far), huge, true},
		{"visible and not sought", track{id: 1, visible: true, box: here}, nil, here, true},
		{"visible and found again", track{id: 1, visible: true, box: here}, list(huge, near), near, true},
		{"visible and only others found", track{id: 1, visible: true, box: here}, list(huge, far), here, true},
		{"lost and found near", track{id: 1, box: here}, list(huge, near), near, true},
		{"lost, others found", track{id: 1, box: here}, list(far, huge), huge, true},
		{"lost, nobody found", track{id: 1, box: here}, nil, rect{}, false},
	} {
		if got, ok := c.track.choose(c.found); got != c.want || ok != c.ok {
			t.Errorf("%s: got %v %v, want %v %v", c.name, got, ok, c.want, c.ok)
		}
	}
}

func TestAdvance(t *testing.T) {
	here, far := rect{10, 10, 20, 40}, rect{100, 10, 20, 50}
	seen := func(box rect, sought bool) observation { return observation{found: true, box: box, sought: sought} }
	for _, c := range []struct {
		name  string
		track track
		o     observation
		at    float64
		want  track
		found bool
	}{
		{"first seen", track{}, seen(here, true), 0, track{1, true, here, 0}, true},
		{"still there", track{1, true, here, 1}, seen(here, false), 2, track{1, true, here, 2}, true},
		{"not seen", track{1, true, here, 1}, observation{}, 2, track{1, false, here, 1}, false},
		{"strayed to somebody else", track{1, true, here, 1}, seen(far, false), 1.1, track{1, false, here, 1}, false},
		{"after a cut", track{1, true, here, 1}, seen(far, true), 1.1, track{1, true, far, 1.1}, true},
		{"soon elsewhere", track{1, false, here, 1}, seen(far, true), 1.9, track{1, true, far, 1.9}, true},
		{"late at the same place", track{1, false, here, 1}, seen(here, true), 9, track{1, true, here, 9}, true},
		{"late and elsewhere", track{1, false, here, 1}, seen(far, true), 2.1, track{2, true, far, 2.1}, true},
	} {
		got, o := c.track.advance(c.o, c.at)
		if got != c.want || o.found != c.found {
			t.Errorf("%s: got %+v found %v, want %+v found %v", c.name, got, o.found, c.want, c.found)
		}
	}
}

func TestObserve(t *testing.T) {
	person := func(score float64) []keypoint {
		return []keypoint{{100, 100, score}, {200, 100, score}, {100, 300, score}, {200, 300, score}, {900, 900, 0.1}}
	}
	o := observe(person(0.9), 0.2, 400, 320)
	if want := (rect{85, 70, 130, 250}); !o.found || o.box != want {
		t.Errorf("found %v in %v, want %v: the weak point counts for nothing, the frame cuts it", o.found, o.box, want)
	}
	if o := observe(person(0.15), 0.2, 400, 400); o.found {
		t.Error("weak points make a person")
	}
	if o := observe([]keypoint{{1, 1, 1}, {2, 50, 1}, {3, 99, 1}}, 0.2, 400, 400); o.found {
		t.Error("three points make a person")
	}
	if o := observe([]keypoint{{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}}, 0.2, 400, 400); o.found {
		t.Error("one place makes a person")
	}
	if o := observe(nil, 0.2, 400, 400); o.found || o.score != 0 {
		t.Errorf("no points gave %+v", o)
	}
}
