package inference

import (
	"context"
	"slices"

	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/inference/track"
)

// ahead is what was found in a frame before the scene was known that it depends on, so
// that no core is idle while an earlier frame takes long. What turns out to have
// been looked for in the wrong place is dropped: results do not depend on it.
type ahead struct {
	detected bool
	found    []picture.Detection // by the detector
	boxes    []picture.Rect      // where poses were looked for
	points   [][]picture.Keypoint
}

// prepare finds in f what can be found before the scene after the frame lag before is
// known: people, where it is the detector's turn whatever is known, or else poses
// where that frame showed people, who hardly turn out to be nobody.
func (r *analysis) prepare(ctx context.Context, f *frame) (err error) {
	if r.detect != nil && r.following.Due(f.number) {
		f.ahead.found, err = r.findByDetector(ctx, f)
		f.ahead.detected = err == nil
		return err
	}
	if _, err := receive(ctx, f.older.sighted); err != nil {
		return err
	}
	select {
	case <-f.older.done:
		return nil // There is nothing to be guessed.
	default:
	}
	if boxes := f.older.boxes; len(boxes) > 0 && len(boxes) <= r.following.Limit {
		f.ahead.boxes = boxes
		f.ahead.points, err = r.estimateEach(ctx, f, boxes)
	}
	return err
}

// pointsIn finds the points of poses in boxes of f, or takes those that were found ahead.
func (r *analysis) pointsIn(ctx context.Context, f *frame, boxes []picture.Rect) ([][]picture.Keypoint, error) {
	// All or none: the same box beside others in a run may give other last digits.
	if len(boxes) > 0 && slices.Equal(boxes, f.ahead.boxes) {
		return f.ahead.points, nil
	}
	return r.estimateEach(ctx, f, boxes)
}

// show tells the frame lag after where people were seen. Whoever is still looked
// for then is hardly there.
func (l *link) show(seen []track.Observation) {
	for _, o := range seen {
		l.boxes = append(l.boxes, o.Box)
	}
	close(l.sighted)
}
