package inference

import (
	"context"
)

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

// filmed is a matter that keeps something for each video that it works on.
type filmed interface {
	// film begins a video with frames like pic.
	film(pic picture) videoMatter
}

// videoMatter is a matter for the frames of one video.
type videoMatter interface {
	matter
	// ordered tells whether it has to see every frame, one after the other.
	ordered() bool
	// close frees what it keeps. No cut may be under way.
	close() error
}

// mattes is what the mattes of one video need beyond a frame.
type mattes struct {
	way     Matting
	model   matter // nil where there is none
	ordered bool
	steady  steady
	end     func() error
}

// newMattes begins a video.
func newMattes(m matter, way Matting, pic picture) *mattes {
	v := &mattes{way: way, model: m, end: func() error { return nil }}
	if f, ok := m.(filmed); ok {
		video := f.film(pic)
		v.model, v.ordered, v.end = video, video.ordered(), video.close
	}
	return v
}

// cutout is a place for the matte of one frame, and the memory that making it needs.
type cutout struct {
	raw   []byte // as the model gives it, w by h
	w, h  int
	taken bool
	// out is what the result holds.
	out      []byte
	clean    []byte
	solid    solid
	raster   raster
	guide    guide
	enlarger resampler
	cells    []float32
}

// place makes a place for the mattes of frames like pic.
func (v *mattes) place(pic picture) cutout {
	if v.model == nil {
		return cutout{}
	}
	w, h := v.model.size(pic)
	c := cutout{raw: make([]byte, w*h), w: w, h: h}
	c.out = c.raw
	if v.way.Solid {
		c.clean = make([]byte, w*h)
		c.out = c.clean
	}
	if v.way.enlarges() {
		c.out = make([]byte, pic.width*pic.height)
	}
	return c
}

// finish makes of the raw matte what can be made from one frame.
func (v *mattes) finish(c *cutout, pic picture) {
	small := c.raw
	if v.way.Solid {
		copy(c.clean, c.raw)
		c.solid.clean(c.clean, c.w, c.h)
		small = c.clean
	}
	if !v.way.enlarges() {
		return
	}
	c.raster.set(pic, guideStep)
	// A model that sees nearly as much as the frame shows knows more of its edges than the raster.
	if v.way.Refine && (4*c.w < 3*pic.width || 4*c.h < 3*pic.height) {
		c.cells = grown(c.cells, c.raster.w*c.raster.h)
		c.enlarger.plane(c.cells, c.raster.w, c.raster.h, small, c.w, c.h)
		for i := range c.cells {
			c.cells[i] *= 1.0 / 255
		}
		c.guide.apply(c.out, pic, &c.raster, c.cells)
		return
	}
	c.cells = grown(c.cells, len(c.out))
	c.enlarger.plane(c.cells, pic.width, pic.height, small, c.w, c.h)
	for i, v := range c.cells {
		c.out[i] = byte(v + 0.5)
	}
}

// cutMatte makes the matte of f, once. Mattes of which one needs the one before
// wait for it: the same bytes come out whatever runs beside.
func (r *analysis) cutMatte(ctx context.Context, f *frame) error {
	c, v := &f.cut, r.mattes
	if c.taken {
		return nil
	}
	c.taken = true
	inOrder := v.ordered || r.wantMatte() && v.way.Steady
	if v.ordered {
		if _, err := receive(ctx, f.old.matted); err != nil {
			return err
		}
	}
	err := r.compute(ctx, meterMatte, func() error {
		err := v.model.cut(f.pic, c.raw)
		if err == nil && r.wantMatte() {
			v.finish(c, f.pic)
		}
		return err
	})
	if err != nil || !inOrder {
		return err
	}
	if _, err := receive(ctx, f.old.matted); err != nil {
		return err
	}
	if r.wantMatte() && v.way.Steady {
		if err := r.steadyMatte(ctx, f); err != nil {
			return err
		}
	}
	close(f.own.matted)
	return nil
}

// steadyMatte blends the matte of f with the one before, which is done.
func (r *analysis) steadyMatte(ctx context.Context, f *frame) error {
	err := r.compute(ctx, meterMatte, func() error {
		r.mattes.steady.blend(f.cut.out, f.pic.width, f.pic.height, &f.cut.raster)
		return nil
	})
	r.meters[meterMatte].count.Add(-1) // Its time is the matte's; it is no inference.
	return err
}
