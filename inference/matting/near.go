package matting

import (
	"math"

	"github.com/motionmill/motionmill/inference/picture"
)

const (
	// nearMargin is what is added on each side of a person's box, as a share of its width and height.
	nearMargin = 0.15
	// nearest is the share of the frame up to which a part of it shows more than the whole.
	nearest = 0.6
	// leastNear is how long a part's longer side must be, in px, for a look at it.
	leastNear = 32
	// slimmest is the least of a part's width to height, and of its height to width, in units of
	// the model's input: stretched more, people look like nobody.
	slimmest = 0.5
	// fade is the share of a part's side in which what the part shows takes over from the whole.
	fade = 0.1
)

// near is where the looks from nearby are put together, in px of the frame.
type near struct {
	matte  []byte // the largest of the parts'
	weight []byte // how much that counts, of 255
	plane  []float32
	across []float64 // how much each column of a part counts
	clean  []byte
	used   bool // in this frame
}

// PartOf is the part of pic in which the model should look at the person in a
// box; ok is false where that would show nothing more than the whole frame does. The
// model's input is w by h px.
func PartOf(box picture.Rect, pic picture.Picture, w, h int) (part picture.Rect, ok bool) {
	box = box.Grow(nearMargin)
	x, y := box.Centre()
	across, down := box.W/float64(w), box.H/float64(h)
	across, down = math.Max(across, down*slimmest), math.Max(down, across*slimmest)
	wide, high := across*float64(w), down*float64(h)
	part = picture.Rect{X: x - wide/2, Y: y - high/2, W: wide, H: high}.Within(float64(pic.Width), float64(pic.Height))
	x1, y1 := math.Ceil(part.X+part.W), math.Ceil(part.Y+part.H)
	part.X, part.Y = math.Floor(part.X), math.Floor(part.Y)
	part.W, part.H = x1-part.X, y1-part.Y
	whole := float64(pic.Width * pic.Height)
	return part, math.Max(part.W, part.H) >= leastNear && part.W >= 2 && part.H >= 2 && part.Area() <= nearest*whole
}

// Begin does what Finish does where parts follow: Approach for each, and then Merge.
func (c *Cutout) Begin(pic picture.Picture) {
	c.raster.set(pic, guideStep)
	c.enlarge(pic, c.cleaned())
	c.near.used = false
}

// Approach adds the matte of a part of pic, as PartOf gave it, of w by h px.
func (c *Cutout) Approach(pic picture.Picture, part picture.Rect, matte []byte, w, h int) {
	n := &c.near
	if !n.used {
		n.matte, n.weight = picture.Grown(n.matte, len(c.Out)), picture.Grown(n.weight, len(c.Out))
		clear(n.matte)
		clear(n.weight)
		n.used = true
	}
	if c.way.Solid {
		n.clean = append(n.clean[:0], matte...)
		c.solid.clean(n.clean, w, h)
		matte = n.clean
	}
	wide, high := int(part.W), int(part.H)
	n.plane = picture.Grown(n.plane, wide*high)
	c.enlarger.Plane(n.plane, wide, high, matte, w, h)
	left, top := int(part.X), int(part.Y)
	n.across = picture.Grown(n.across, wide)
	for x := range n.across {
		n.across[x] = ramp(x, wide, left == 0, left+wide == pic.Width)
	}
	for y := range high {
		at := (top+y)*pic.Width + left
		down := ramp(y, high, top == 0, top+high == pic.Height)
		for x, v := range n.plane[y*wide : (y+1)*wide] {
			sure := min(down, n.across[x])
			n.matte[at+x] = max(n.matte[at+x], byte(v+0.5))
			n.weight[at+x] = max(n.weight[at+x], byte(255*sure+0.5))
		}
	}
}

// ramp rises from 0 at an edge to 1 within the fade. An edge of the frame is none.
func ramp(at, size int, first, last bool) float64 {
	width := fade * float64(size)
	sure := 1.0
	if !first {
		sure = min(sure, (float64(at)+0.5)/width)
	}
	if !last {
		sure = min(sure, (float64(size-at)-0.5)/width)
	}
	return sure
}

// Merge lets what was seen from nearby take the place of what the whole frame
// showed. Then edges follow those of the frame, but whatever is sure from nearby
// stays: hands and feet are thinner than the cells by which they are found.
func (c *Cutout) Merge(pic picture.Picture) {
	n := &c.near
	if n.used {
		for i, weight := range n.weight {
			if w := int(weight); w > 0 {
				n.matte[i] = byte((int(n.matte[i])*w + int(c.Out[i])*(255-w) + 127) / 255)
				c.Out[i] = n.matte[i]
			}
		}
	}
	if !c.refines(pic) {
		return
	}
	n.clean = append(n.clean[:0], c.Out...)
	c.refine(pic, n.clean, pic.Width, pic.Height)
	if !n.used {
		return
	}
	for i, weight := range n.weight {
		if weight > 0 && n.matte[i] >= solidSure {
			c.Out[i] = max(c.Out[i], n.matte[i])
		}
	}
}
