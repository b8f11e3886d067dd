package inference

import (
	"context"

	"github.com/motionmill/motionmill/inference/family"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/inference/track"
)

// spotAll finds everyone in f: the models of several frames run at once.
func (r *analysis) spotAll(ctx context.Context, f *frame) ([]track.Observation, error) {
	var people []picture.Person
	err := r.compute(ctx, meterPose, func() (err error) {
		people, err = r.people.Spot(f.pic, nil)
		return err
	})
	seen := make([]track.Observation, len(people))
	for i, p := range people {
		seen[i] = track.Spotted(p)
	}
	return seen, err
}

// followItself finds the one person whom the model shows in f: where the pose
// lag frames ago said, else in the whole frame.
func (r *analysis) followItself(ctx context.Context, f *frame, self family.Follower) ([]track.Observation, error) {
	before, err := f.older.wait(ctx)
	if err != nil {
		return nil, err
	}
	whole := f.pic.Whole()
	guesses := []track.Guess{{Box: whole, Sought: true}}
	if len(before.Visible()) > 0 && f.older.look != whole {
		guesses = []track.Guess{{Box: f.older.look}, {Box: whole, Sought: true}}
	}
	var s track.Sight
	for _, g := range guesses {
		if err := r.look(ctx, f, &s, []track.Guess{g}); err != nil {
			return nil, err
		}
		if len(s.Seen) > 0 {
			f.own.look = self.Next(s.Seen[0].Points, f.pic.Width, f.pic.Height)
			break
		}
	}
	return s.Seen, nil
}
