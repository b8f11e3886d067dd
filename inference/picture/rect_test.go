package picture

import "testing"

func TestOverlap(t *testing.T) {
	a := Rect{0, 0, 10, 10}
	for _, c := range []struct {
		b    Rect
		want float64
	}{{a, 1}, {Rect{5, 0, 10, 10}, 1.0 / 3}, {Rect{10, 0, 5, 5}, 0}, {Rect{2, 2, 5, 5}, 0.25}, {Rect{3, 3, 0, 0}, 0}} {
		if got := Overlap(a, c.b); got != c.want {
			t.Errorf("overlap with %v is %v, want %v", c.b, got, c.want)
		}
	}
}
