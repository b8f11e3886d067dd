package inference

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/motionmill/motionmill/inference/family"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/inference/track"
	"github.com/motionmill/motionmill/job"
)

// follow finds the poses of the followed people in f: where they are expected,
// given what was known lag frames ago. Everywhere people are sought now and
// then, and when somebody is not where expected.
func (r *analysis) follow(ctx context.Context, f *frame) ([]track.Observation, error) {
	if err := r.prepare(ctx, f); err != nil {
		return nil, err
	}
	before, err := f.older.wait(ctx)
	if err != nil {
		return nil, err
	}
	var s track.Sight
	expected := before.Visible()
	sources := r.sources()
	searched := len(expected) == 0 || r.detect != nil &&
		r.following.Searches(f.number, before, f.time)
	var found []picture.Detection
	if searched {
		if found, err = sources[0](ctx, f); err != nil {
			return nil, err
		}
	}
	if err := r.look(ctx, f, &s, r.following.Correct(expected, found)); err != nil {
		return nil, err
	}
	if !searched && len(s.Seen) < len(s.Tried) {
		if found, err = sources[0](ctx, f); err != nil {
			return nil, err
		}
		searched = true
	}
	f.own.show(s.Seen)
	now, err := f.old.wait(ctx) // Somebody may have been found in the frame in between.
	if err != nil {
		return nil, err
	}
	for next := 1; ; next++ {
		if err := r.look(ctx, f, &s, r.following.Others(now, found, s, f.time)); err != nil {
			return nil, err
		}
		// What a source finds may turn out to be nobody.
		if !searched || len(s.Seen) > 0 || len(found) == 0 || next == len(sources) {
			return s.Seen, nil
		}
		if found, err = sources[next](ctx, f); err != nil {
			return nil, err
		}
	}
}

// look looks for poses at the guesses.
func (r *analysis) look(ctx context.Context, f *frame, s *track.Sight, guesses []track.Guess) error {
	boxes := make([]picture.Rect, len(guesses))
	for i, g := range guesses {
		boxes[i] = g.Box
	}
	points, err := r.pointsIn(ctx, f, boxes)
	if err != nil {
		return err
	}
	for i, g := range guesses {
		s.Tried = append(s.Tried, g.Box)
		if o, ok := track.Observe(points[i], r.pose.Minimum(), f.pic.Width, f.pic.Height); ok {
			o.Sought = g.Sought
			s.Seen = append(s.Seen, o)
		}
	}
	return nil
}

// estimateEach finds the points of poses in boxes, side by side: as many in a run
// as the model takes, in as many runs at once as there are tokens.
func (r *analysis) estimateEach(ctx context.Context, f *frame, boxes []picture.Rect) ([][]picture.Keypoint, error) {
	points := make([][]picture.Keypoint, len(boxes))
	for i := range points {
		points[i] = make([]picture.Keypoint, len(r.choice.Pose.Points.Names))
	}
	group, inner := errgroup.WithContext(ctx)
	most := family.InOneRun(r.pose)
	for from := 0; from < len(boxes); from += most {
		to := min(from+most, len(boxes))
		group.Go(func() error {
			return job.Guarded("estimate poses", func() error { return r.estimate(inner, f, boxes[from:to], points[from:to]) })
		})
	}
	return points, group.Wait()
}

// estimate runs the pose model once, over as many boxes as it takes in one run.
func (r *analysis) estimate(ctx context.Context, f *frame, boxes []picture.Rect, points [][]picture.Keypoint) error {
	err := r.compute(ctx, meterPose, func() error {
		return family.EstimateAll(r.pose, f.pic, boxes, points)
	})
	r.meters[meterPose].count.Add(int64(len(boxes) - 1)) // Each counts as an inference.
	return err
}

// sources lists the ways to look for people, the next for when what one finds
// turns out to be nobody: the detector, else the matte and then the whole frame.
func (r *analysis) sources() []func(context.Context, *frame) ([]picture.Detection, error) {
	switch {
	case r.detect != nil:
		return []func(context.Context, *frame) ([]picture.Detection, error){r.findByDetector}
	case r.matte != nil:
		return []func(context.Context, *frame) ([]picture.Detection, error){r.findByMatte, findWhole}
	default:
		return []func(context.Context, *frame) ([]picture.Detection, error){findWhole}
	}
}

func (r *analysis) findByDetector(ctx context.Context, f *frame) (found []picture.Detection, err error) {
	if f.ahead.detected {
		return f.ahead.found, nil
	}
	err = r.compute(ctx, meterDetect, func() (err error) {
		found, err = r.detect.Detect(f.pic)
		return err
	})
	return found, err
}

func findWhole(_ context.Context, f *frame) ([]picture.Detection, error) {
	return []picture.Detection{{Box: f.pic.Whole(), Score: 1}}, nil
}

func (r *analysis) findByMatte(ctx context.Context, f *frame) ([]picture.Detection, error) {
	if err := r.cutMatte(ctx, f); err != nil {
		return nil, err
	}
	box, ok := f.cut.Person(f.pic)
	if !ok {
		return nil, nil
	}
	return []picture.Detection{{Box: box, Score: 1}}, nil
}
