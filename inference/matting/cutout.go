package matting

import "github.com/motionmill/motionmill/inference/picture"

// Options says what is made of the mattes that a model gives. The zero value
// leaves them as they are, at the model's size.
type Options struct {
	// Solid clears what is no person, closes holes in people, and makes the matte
	// of a frame that shows nobody empty.
	Solid bool `yaml:"solid"`
	// Refine brings the matte to the frame's size along the edges that the frame
	// shows, unless the model itself sees nearly as many pixels.
	Refine bool `yaml:"refine"`
	// Steady keeps edges from flickering; the matte is of the frame's size then.
	Steady bool `yaml:"steady"`
	// Near looks at everybody who is followed from nearby, too, where the model
	// sees the whole frame smaller than it is; it takes one of the two before.
	Near bool `yaml:"near"`
}

// All is what a profile gets that says nothing else.
func All() Options { return Options{Solid: true, Refine: true, Steady: true, Near: true} }

// Enlarges tells whether mattes are brought to the frame's size.
func (m Options) Enlarges() bool { return m.Refine || m.Steady }

// Cutout is a place for the matte of one frame, and the memory that making it needs.
type Cutout struct {
	way  Options
	Raw  []byte // as the model gives it, w by h
	w, h int
	// Out is what the result holds.
	Out      []byte
	clean    []byte
	solid    solid
	raster   raster
	guide    guide
	enlarger picture.Resampler
	cells    []float32
	finder   finder
	near     near
}

// NewCutout makes a place for the mattes of frames like pic, of which the model
// gives w by h px.
func NewCutout(way Options, pic picture.Picture, w, h int) Cutout {
	c := Cutout{way: way, Raw: make([]byte, w*h), w: w, h: h}
	c.Out = c.Raw
	if way.Solid {
		c.clean = make([]byte, w*h)
		c.Out = c.clean
	}
	if way.Enlarges() {
		c.Out = make([]byte, pic.Width*pic.Height)
	}
	return c
}

// Finish makes of the raw matte what can be made from one frame.
func (c *Cutout) Finish(pic picture.Picture) {
	small := c.cleaned()
	if !c.way.Enlarges() {
		return
	}
	c.raster.set(pic, guideStep)
	if c.refines(pic) {
		c.refine(pic, small, c.w, c.h)
		return
	}
	c.enlarge(pic, small)
}

// cleaned is the raw matte, solid where that is wanted.
func (c *Cutout) cleaned() []byte {
	if !c.way.Solid {
		return c.Raw
	}
	copy(c.clean, c.Raw)
	c.solid.clean(c.clean, c.w, c.h)
	return c.clean
}

// refines tells whether the frame knows more of the edges: a model that sees nearly
// as much as the frame shows knows more of them than the raster.
func (c *Cutout) refines(pic picture.Picture) bool {
	return c.way.Refine && (4*c.w < 3*pic.Width || 4*c.h < 3*pic.Height)
}

// refine brings a matte of w by h px to the frame's size along the edges that the frame shows.
func (c *Cutout) refine(pic picture.Picture, matte []byte, w, h int) {
	c.cells = picture.Grown(c.cells, c.raster.w*c.raster.h)
	c.enlarger.Cells(c.cells, pic.Width, pic.Height, guideStep, matte, w, h)
	for i := range c.cells {
		c.cells[i] *= 1.0 / 255
	}
	c.guide.apply(c.Out, pic, &c.raster, c.cells)
}

// enlarge brings a matte of the model's size to the frame's.
func (c *Cutout) enlarge(pic picture.Picture, matte []byte) {
	c.cells = picture.Grown(c.cells, len(c.Out))
	c.enlarger.Plane(c.cells, pic.Width, pic.Height, matte, c.w, c.h)
	for i, v := range c.cells {
		c.Out[i] = byte(v + 0.5)
	}
}

// Person is the box of the largest person in the raw matte, in px of pic; ok is
// false where there is none.
func (c *Cutout) Person(pic picture.Picture) (box picture.Rect, ok bool) {
	b, ok := c.finder.largestBlob(c.Raw, c.w, c.h)
	sx, sy := float64(pic.Width)/float64(c.w), float64(pic.Height)/float64(c.h)
	return picture.Rect{X: b.X * sx, Y: b.Y * sy, W: b.W * sx, H: b.H * sy}, ok
}
