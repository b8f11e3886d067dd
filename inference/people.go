package inference

import (
	"context"

	"github.com/motionmill/motionmill/inference/picture"
)

// spotAll finds everyone in f: the models of several frames run at once.
func (r *analysis) spotAll(ctx context.Context, f *frame) ([]observation, error) {
	var people []picture.Person
	err := r.compute(ctx, meterPose, func() (err error) {
		people, err = r.people.spot(f.pic, nil)
		return err
	})
	seen := make([]observation, len(people))
	for i, p := range people {
		seen[i] = spotted(p)
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
	whole := f.pic.Whole()
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
			f.own.look = self.next(s.seen[0].points, f.pic.Width, f.pic.Height)
			break
		}
	}
	return s.seen, nil
}
