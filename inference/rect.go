package inference

import "math"

// rect is a box in pixels: left, top, width, height.
type rect struct{ x, y, w, h float64 }

func (r rect) area() float64 { return math.Max(r.w, 0) * math.Max(r.h, 0) }

func (r rect) centre() (x, y float64) { return r.x + r.w/2, r.y + r.h/2 }

// grow adds share of the width on the left and on the right, and of the height
// above and below.
func (r rect) grow(share float64) rect {
	return rect{r.x - share*r.w, r.y - share*r.h, r.w * (1 + 2*share), r.h * (1 + 2*share)}
}

// within cuts r down to a picture of w by h.
func (r rect) within(w, h float64) rect {
	x0, y0 := math.Max(r.x, 0), math.Max(r.y, 0)
	x1, y1 := math.Min(r.x+r.w, w), math.Min(r.y+r.h, h)
	return rect{x0, y0, math.Max(x1-x0, 0), math.Max(y1-y0, 0)}
}

// overlap is the intersection of a and b over their union, 0 to 1.
func overlap(a, b rect) float64 {
	w := math.Min(a.x+a.w, b.x+b.w) - math.Max(a.x, b.x)
	h := math.Min(a.y+a.h, b.y+b.h) - math.Max(a.y, b.y)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (a.area() + b.area() - w*h)
}
