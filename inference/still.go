package inference

import (
	"github.com/motionmill/motionmill/inference/family"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/job"
)

// Found is someone in a still, in its px.
type Found struct {
	// Box is left, top, width, height.
	Box [4]float64
	// Score is the detector's for the person, or 1 where the box was given.
	Score float64
	// Points are x, y, score (0 to 1); 0, 0, 0 is a point that was not found.
	Points [][3]float64
}

// FindsPeople tells whether People works: with a detector, or with a pose
// model that finds everyone by itself.
func (a *Analyser) FindsPeople() bool { return a.detect != nil || a.people != nil }

// TakesBoxes tells whether PoseIn works: the pose model looks at one person at a time.
func (a *Analyser) TakesBoxes() bool { return a.pose != nil }

// People finds everyone in a still with their points, best first, without
// anything that is known from other frames.
func (a *Analyser) People(pic picture.Picture) ([]Found, error) {
	if err := pic.Check(); err != nil {
		return nil, err
	}
	found := []Found{}
	if a.people != nil {
		everyone, err := a.people.Spot(pic, nil)
		for _, p := range everyone {
			found = append(found, Found{Box: p.Box.Array(), Score: p.Score, Points: arrays(p.Points)})
		}
		return found, err
	}
	boxes, err := a.Boxes(pic)
	if err != nil {
		return nil, err
	}
	for _, b := range boxes {
		f, err := a.PoseIn(pic, b.Box)
		if err != nil {
			return nil, err
		}
		f.Score = b.Score
		found = append(found, f)
	}
	return found, nil
}

// Boxes finds everyone in a still as the detector does, best first, without points.
func (a *Analyser) Boxes(pic picture.Picture) ([]Found, error) {
	if err := pic.Check(); err != nil {
		return nil, err
	}
	if a.detect == nil {
		return nil, job.Fail(job.Internal, "find people", "", "there is no detector", "", nil)
	}
	boxes, err := a.detect.Detect(pic)
	found := make([]Found, len(boxes))
	for i, b := range boxes {
		found[i] = Found{Box: b.Box.Array(), Score: b.Score}
	}
	return found, err
}

// PoseIn finds the points of the person in a box of a still.
func (a *Analyser) PoseIn(pic picture.Picture, box [4]float64) (Found, error) {
	if err := pic.Check(); err != nil {
		return Found{}, err
	}
	if a.pose == nil {
		return Found{}, job.Fail(job.Internal, "find points", "", "there is no pose model that looks into boxes", "", nil)
	}
	area := picture.Rect{X: box[0], Y: box[1], W: box[2], H: box[3]}
	if _, ok := a.pose.(family.Follower); ok {
		area = area.Grow(0.125) // A top-down model widens boxes itself, this one looks where it is told.
	}
	points := make([]picture.Keypoint, len(a.choice.Pose.Points.Names))
	err := a.pose.Estimate(pic, area, points)
	return Found{Box: box, Score: 1, Points: arrays(points)}, err
}

// CutOut gives the matte of a still, grey8 of w by h over the whole picture;
// 255 is person.
func (a *Analyser) CutOut(pic picture.Picture) (matte []byte, w, h int, err error) {
	if err := pic.Check(); err != nil {
		return nil, 0, 0, err
	}
	if a.matte == nil {
		return nil, 0, 0, job.Fail(job.Internal, "cut person out", "", "there is no matte model", "", nil)
	}
	w, h = a.matte.Size(pic)
	matte = make([]byte, w*h)
	return matte, w, h, a.matte.Cut(pic, matte)
}

func arrays(points []picture.Keypoint) [][3]float64 {
	out := make([][3]float64, len(points))
	for i, p := range points {
		out[i] = [3]float64{p.X, p.Y, p.Score}
	}
	return out
}
