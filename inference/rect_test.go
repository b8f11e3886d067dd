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
