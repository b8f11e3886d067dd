package picture

import "math"

// Rect is a box in pixels: left, top, width, height.
type Rect struct{ X, Y, W, H float64 }

// Area is in px².
func (r Rect) Area() float64 { return math.Max(r.W, 0) * math.Max(r.H, 0) }

// Centre is the middle, in px.
func (r Rect) Centre() (x, y float64) { return r.X + r.W/2, r.Y + r.H/2 }

// Grow adds share of the width on the left and on the right, and of the height
// above and below.
func (r Rect) Grow(share float64) Rect {
	return Rect{r.X - share*r.W, r.Y - share*r.H, r.W * (1 + 2*share), r.H * (1 + 2*share)}
}

// Within cuts r down to a picture of w by h.
func (r Rect) Within(w, h float64) Rect {
	x0, y0 := math.Max(r.X, 0), math.Max(r.Y, 0)
	x1, y1 := math.Min(r.X+r.W, w), math.Min(r.Y+r.H, h)
	return Rect{x0, y0, math.Max(x1-x0, 0), math.Max(y1-y0, 0)}
}

// Overlap is the intersection of a and b over their union, 0 to 1.
func Overlap(a, b Rect) float64 {
	w := math.Min(a.X+a.W, b.X+b.W) - math.Max(a.X, b.X)
	h := math.Min(a.Y+a.H, b.Y+b.H) - math.Max(a.Y, b.Y)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (a.Area() + b.Area() - w*h)
}

// Array is left, top, width, height.
func (r Rect) Array() [4]float64 { return [4]float64{r.X, r.Y, r.W, r.H} }
