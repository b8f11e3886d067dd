package inference

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/motionmill/motionmill/inference/family"
	"github.com/motionmill/motionmill/inference/matting"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/job"
)

// approach lets the followed people be looked at from nearby, where the model can and
// the mattes get the frame's size.
func (v *mattes) approach() {
	closer, ok := v.model.(family.Closer)
	if !ok || !v.way.Near || !v.way.Enlarges() {
		return
	}
	if v.nearW, v.nearH = closer.PartSize(); v.nearW > 0 {
		v.near = closer
	}
}

// approachPeople looks at everybody who is followed in f from nearby, after the whole
// frame was looked at: the boxes are those of this very frame.
func (r *analysis) approachPeople(ctx context.Context, f *frame) error {
	v := r.mattes
	if v.near == nil {
		return nil
	}
	parts := r.partsOf(f)
	group, inner := errgroup.WithContext(ctx)
	for i, part := range parts {
		group.Go(func() error {
			return job.Guarded("cut people out", func() error {
				return r.compute(inner, meterMatte, func() error { return v.near.CutPart(f.pic, part, f.near[i]) })
			})
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	err := r.afterMatte(ctx, func() {
		for i, part := range parts {
			f.cut.Approach(f.pic, part, f.near[i], v.nearW, v.nearH)
		}
		f.cut.Merge(f.pic)
	})
	if err != nil || !v.way.Steady {
		return err
	}
	return r.settleMatte(ctx, f)
}

// partsOf lists the parts of f that are worth a look, and makes room for their mattes.
func (r *analysis) partsOf(f *frame) (parts []picture.Rect) {
	v := r.mattes
	for _, o := range f.seen {
		if part, ok := matting.PartOf(o.Box, f.pic, v.nearW, v.nearH); ok {
			parts = append(parts, part)
		}
	}
	for len(f.near) < len(parts) {
		f.near = append(f.near, make([]byte, v.nearW*v.nearH))
	}
	return parts
}
