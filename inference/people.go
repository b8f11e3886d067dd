package inference

import "context"

// person is someone whom a model found by itself, in frame px.
type person struct {
	detection
	points []keypoint
}

// spotter finds everyone in a frame with their points, best first. It uses the
// memory of into, which may be nil, for what it returns.
type spotter interface {
	spot(pic picture, into []person) ([]person, error)
}

// follower is a poser that finds the person in the whole frame, and says from a
// pose where in a frame of w by h px to look for the next.
type follower interface {
	next(points []keypoint, w, h int) rect
}

// spotAll finds everyone in f: the models of several frames run at once.
func (r *analysis) spotAll(ctx context.Context, f *frame) ([]observation, error) {
	var people []person
	err := r.compute(ctx, meterPose, func() (err error) {
		people, err = r.people.spot(f.pic, nil)
		return err
	})
	seen := make([]observation, len(people))
	for i, p := range people {
		seen[i] = observation{sought: true, points: p.points, score: meanScore(p.points), box: p.box}
	}
	return seen, err
}

// followItself finds the one person whom the model shows in f: where the pose
// lag frames ago said, else in the whole frame.
func (r *analysis) followItself(ctx context.Context, f *frame, self follower) ([]observation, error) {
	before, err := f.older.wait(ctx)
	if err != nil {
		return nil, err
	}
	whole := rect{0, 0, float64(f.pic.width), float64(f.pic.height)}
	guesses := []guess{{whole, true}}
	if len(before.visible()) > 0 && f.older.look != whole {
		guesses = []guess{{box: f.older.look}, {whole, true}}
	}
	var s sight
	for _, g := range guesses {
		if err := r.look(ctx, f, &s, []guess{g}); err != nil {
			return nil, err
		}
		if len(s.seen) > 0 {
			f.own.look = self.next(s.seen[0].points, f.pic.width, f.pic.height)
			break
		}
	}
	return s.seen, nil
}
