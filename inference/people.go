package inference

import "context"

// person is someone whom a model found by itself, in frame px.
type person struct {
	detection
	points []keypoint
}

// spotter finds everyone in a frame with their points, best first.
type spotter interface {
	spot(pic picture) ([]person, error)
}

// follower is a poser that finds the person in the whole frame, and says from a
// pose where in a frame of w by h px to look for the next.
type follower interface {
	next(points []keypoint, w, h int) rect
}

// pick finds everyone in f and takes the followed person, who is known from
// the frame before: the models of several frames run at once.
func (r *analysis) pick(ctx context.Context, f *frame) error {
	var people []person
	err := r.compute(ctx, meterPose, func() (err error) {
		people, err = r.people.spot(f.pic)
		return err
	})
	if err != nil {
		return err
	}
	before, err := f.old.wait(ctx)
	if err == nil {
		f.seen = before.recognise(people)
	}
	return err
}

// recognise finds the followed person among people: who is where the person
// was, else the largest.
func (k track) recognise(people []person) observation {
	best, most := -1, 0.0
	for i, p := range people {
		if o := overlap(k.box, p.box); k.id > 0 && o >= samePerson && o > most {
			best, most = i, o
		}
	}
	if best < 0 {
		for i, p := range people {
			if area := p.box.area(); area > most {
				best, most = i, area
			}
		}
	}
	if best < 0 {
		return observation{}
	}
	o := observation{found: true, sought: true, points: people[best].points, box: people[best].box}
	for _, p := range o.points {
		o.score += p.score / float64(len(o.points))
	}
	return o
}

// followItself finds the pose of the followed person in f: where the pose lag
// frames ago said, else in the whole frame.
func (r *analysis) followItself(ctx context.Context, f *frame, before track, self follower) error {
	whole := rect{0, 0, float64(f.pic.width), float64(f.pic.height)}
	areas := []rect{whole}
	if before.visible && f.older.look != whole {
		areas = []rect{f.older.look, whole}
	}
	for _, area := range areas {
		if err := r.estimate(ctx, f, area); err != nil {
			return err
		}
		if f.seen.sought = area == whole; f.seen.found {
			f.own.look = self.next(f.seen.points, f.pic.width, f.pic.height)
			return nil
		}
	}
	return nil
}
