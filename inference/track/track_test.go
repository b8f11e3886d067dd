package track

import (
	"testing"

	"github.com/motionmill/motionmill/inference/picture"
)

func TestObserve(t *testing.T) {
	person := func(score float64) []picture.Keypoint {
		return []picture.Keypoint{{X: 100, Y: 100, Score: score}, {X: 200, Y: 100, Score: score}, {X: 100, Y: 300, Score: score}, {X: 200, Y: 300, Score: score}, {X: 900, Y: 900, Score: 0.1}}
	}
	o, ok := Observe(person(0.9), 0.2, 400, 320)
	if want := (picture.Rect{X: 85, Y: 70, W: 130, H: 250}); !ok || o.Box != want {
		t.Errorf("found %v in %v, want %v: the weak point counts for nothing, the frame cuts it", ok, o.Box, want)
	}
	if _, ok := Observe(person(0.15), 0.2, 400, 400); ok {
		t.Error("weak points make a person")
	}
	if _, ok := Observe([]picture.Keypoint{{X: 1, Y: 1, Score: 1}, {X: 2, Y: 50, Score: 1}, {X: 3, Y: 99, Score: 1}}, 0.2, 400, 400); ok {
		t.Error("three points make a person")
	}
	if _, ok := Observe([]picture.Keypoint{{X: 1, Y: 1, Score: 1}, {X: 1, Y: 1, Score: 1}, {X: 1, Y: 1, Score: 1}, {X: 1, Y: 1, Score: 1}}, 0.2, 400, 400); ok {
		t.Error("one place makes a person")
	}
	if o, ok := Observe(nil, 0.2, 400, 400); ok || o.Score != 0 {
		t.Errorf("no points gave %+v", o)
	}
}
