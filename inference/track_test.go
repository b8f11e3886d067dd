package inference

import "testing"

func TestObserve(t *testing.T) {
	person := func(score float64) []keypoint {
		return []keypoint{{100, 100, score}, {200, 100, score}, {100, 300, score}, {200, 300, score}, {900, 900, 0.1}}
	}
	o, ok := observe(person(0.9), 0.2, 400, 320)
	if want := (rect{85, 70, 130, 250}); !ok || o.box != want {
		t.Errorf("found %v in %v, want %v: the weak point counts for nothing, the frame cuts it", ok, o.box, want)
	}
	if _, ok := observe(person(0.15), 0.2, 400, 400); ok {
		t.Error("weak points make a person")
	}
	if _, ok := observe([]keypoint{{1, 1, 1}, {2, 50, 1}, {3, 99, 1}}, 0.2, 400, 400); ok {
		t.Error("three points make a person")
	}
	if _, ok := observe([]keypoint{{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}}, 0.2, 400, 400); ok {
		t.Error("one place makes a person")
	}
	if o, ok := observe(nil, 0.2, 400, 400); ok || o.score != 0 {
		t.Errorf("no points gave %+v", o)
	}
}
