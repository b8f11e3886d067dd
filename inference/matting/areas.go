package matting

import "github.com/motionmill/motionmill/inference/picture"

// areas finds connected areas (4 neighbours) of a matte.
//
// The zero value is ready; its memory grows once and is then reused.
type areas struct {
	w, h int
	seen []bool
	px   []int32 // of the area that is being visited
}

// begin takes a matte of w by h px of which nothing has been seen.
func (a *areas) begin(w, h int) {
	a.w, a.h = w, h
	a.seen, a.px = picture.Grown(a.seen, w*h), picture.Grown(a.px, w*h)
	clear(a.seen)
}

// about lists the px that have not been seen and hang together with start, which is one
// of them. The list is good until the next call.
func (a *areas) about(start int, inside func(i int) bool) []int32 {
	a.seen[start] = true
	a.px[0] = int32(start)
	count := 1
	add := func(i int) {
		if !a.seen[i] && inside(i) {
			a.seen[i] = true
			a.px[count] = int32(i)
			count++
		}
	}
	for next := 0; next < count; next++ {
		i := int(a.px[next])
		x, y := i%a.w, i/a.w
		if x > 0 {
			add(i - 1)
		}
		if x < a.w-1 {
			add(i + 1)
		}
		if y > 0 {
			add(i - a.w)
		}
		if y < a.h-1 {
			add(i + a.w)
		}
	}
	return a.px[:count]
}
