package inference

import "github.com/motionmill/motionmill/inference/picture"

// Matting says what is made of the mattes that a model gives. The zero value
// leaves them as they are, at the model's size.
type Matting struct {
	// Solid clears what is no person, closes holes in people, and makes the matte
	// of a frame that shows nobody empty.
	Solid bool `yaml:"solid"`
	// Refine brings the matte to the frame's size along the edges that the frame
	// shows, unless the model itself sees nearly as many pixels.
	Refine bool `yaml:"refine"`
	// Steady keeps edges from flickering; the matte is of the frame's size then.
	Steady bool `yaml:"steady"`
}

// AllMatting is what a profile gets that says nothing else.
func AllMatting() Matting { return Matting{Solid: true, Refine: true, Steady: true} }

// enlarges tells whether mattes are brought to the frame's size.
func (m Matting) enlarges() bool { return m.Refine || m.Steady }

// cutout is a place for the matte of one frame, and the memory that making it needs.
type cutout struct {
	way  Matting
	raw  []byte // as the model gives it, w by h
	w, h int
	// out is what the result holds.
	out      []byte
	clean    []byte
	solid    solid
	raster   raster
	guide    guide
	enlarger picture.Resampler
	cells    []float32
	finder   finder
}

// newCutout makes a place for the mattes of frames like pic, of which the model
// gives w by h px.
func newCutout(way Matting, pic picture.Picture, w, h int) cutout {
	c := cutout{way: way, raw: make([]byte, w*h), w: w, h: h}
	c.out = c.raw
	if way.Solid {
		c.clean = make([]byte, w*h)
		c.out = c.clean
	}
	if way.enlarges() {
		c.out = make([]byte, pic.Width*pic.Height)
	}
	return c
}

// finish makes of the raw matte what can be made from one frame.
func (c *cutout) finish(pic picture.Picture) {
	small := c.raw
	if c.way.Solid {
		copy(c.clean, c.raw)
		c.solid.clean(c.clean, c.w, c.h)
		small = c.clean
	}
	if !c.way.enlarges() {
		return
	}
	c.raster.set(pic, guideStep)
	// A model that sees nearly as much as the frame shows knows more of its edges than the raster.
	if c.way.Refine && (4*c.w < 3*pic.Width || 4*c.h < 3*pic.Height) {
		c.cells = picture.Grown(c.cells, c.raster.w*c.raster.h)
		c.enlarger.Plane(c.cells, c.raster.w, c.raster.h, small, c.w, c.h)
		for i := range c.cells {
			c.cells[i] *= 1.0 / 255
		}
		c.guide.apply(c.out, pic, &c.raster, c.cells)
		return
	}
	c.cells = picture.Grown(c.cells, len(c.out))
	c.enlarger.Plane(c.cells, pic.Width, pic.Height, small, c.w, c.h)
	for i, v := range c.cells {
		c.out[i] = byte(v + 0.5)
	}
}

// person is the box of the largest person in the raw matte, in px of pic; ok is
// false where there is none.
func (c *cutout) person(pic picture.Picture) (box picture.Rect, ok bool) {
	b, ok := c.finder.largestBlob(c.raw, c.w, c.h)
	sx, sy := float64(pic.Width)/float64(c.w), float64(pic.Height)/float64(c.h)
	return picture.Rect{X: b.X * sx, Y: b.Y * sy, W: b.W * sx, H: b.H * sy}, ok
}
