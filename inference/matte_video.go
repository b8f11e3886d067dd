package inference

import (
	"context"

	"github.com/motionmill/motionmill/inference/family"
	"github.com/motionmill/motionmill/inference/matting"
	"github.com/motionmill/motionmill/inference/picture"
)

// mattes is what the mattes of one video need beyond a frame.
type mattes struct {
	way     matting.Options
	model   family.Matter // nil where there is none
	ordered bool
	steady  matting.Steady
	end     func() error
	// near looks at parts of frames, and gives mattes of nearW by nearH px; nil where that is not wanted.
	near         family.Closer
	nearW, nearH int
}

// newMattes begins a video.
func newMattes(m family.Matter, way matting.Options, pic picture.Picture) *mattes {
	v := &mattes{way: way, model: m, end: func() error { return nil }}
	if f, ok := m.(family.Filmed); ok {
		video := f.Film(pic)
		v.model, v.ordered, v.end = video, video.Ordered(), video.Close
	}
	return v
}

// place makes a place for the mattes of frames like pic.
func (v *mattes) place(pic picture.Picture) matting.Cutout {
	if v.model == nil {
		return matting.Cutout{}
	}
	w, h := v.model.Size(pic)
	return matting.NewCutout(v.way, pic, w, h)
}

// cutMatte makes the matte of f, once. Mattes of which one needs the one before
// wait for it: the same bytes come out whatever runs beside.
func (r *analysis) cutMatte(ctx context.Context, f *frame) error {
	c, v := &f.cut, r.mattes
	if f.matted {
		return nil
	}
	f.matted = true
	inOrder := v.ordered || r.wantMatte() && v.way.Steady
	if v.ordered {
		if _, err := receive(ctx, f.old.matted); err != nil {
			return err
		}
	}
	err := r.compute(ctx, meterMatte, func() error {
		err := r.cut(f)
		switch {
		case err != nil || !r.wantMatte():
		case v.near != nil:
			c.Begin(f.pic)
		default:
			c.Finish(f.pic)
		}
		return err
	})
	if err != nil || !inOrder || v.near != nil {
		return err
	}
	return r.settleMatte(ctx, f)
}

// settleMatte brings the matte of f into order with the one before.
func (r *analysis) settleMatte(ctx context.Context, f *frame) error {
	if _, err := receive(ctx, f.old.matted); err != nil {
		return err
	}
	if r.wantMatte() && r.mattes.way.Steady {
		if err := r.steadyMatte(ctx, f); err != nil {
			return err
		}
	}
	close(f.own.matted)
	return nil
}

// cut runs the matte model over f. A model that is the detector as well has then
// looked for people, too.
func (r *analysis) cut(f *frame) (err error) {
	if r.masks == nil {
		return r.mattes.model.Cut(f.pic, f.cut.Raw)
	}
	f.ahead.found, err = r.masks.CutFound(f.pic, f.cut.Raw)
	f.ahead.detected = err == nil
	return err
}

// steadyMatte blends the matte of f with the one before, which is done.
func (r *analysis) steadyMatte(ctx context.Context, f *frame) error {
	return r.afterMatte(ctx, func() { r.mattes.steady.Next(&f.cut, f.pic) })
}

// afterMatte does something with mattes. Its time is the matte's; it is no inference.
func (r *analysis) afterMatte(ctx context.Context, do func()) error {
	err := r.compute(ctx, meterMatte, func() error {
		do()
		return nil
	})
	r.meters[meterMatte].count.Add(-1)
	return err
}
