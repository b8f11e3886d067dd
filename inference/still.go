package inference

import (
	"fmt"

	"github.com/motionmill/motionmill/job"
)

// Still is one picture by itself: rgb24, row by row from the top.
type Still struct {
	Pix           []byte
	Width, Height int // px
}

// Found is someone in a still, in its px.
type Found struct {
	// Box is left, top, width, height.
	Box [4]float64
	// Score is the detector's for the person, or 1 where the box was given.
	Score float64
	// Points are x, y, score (0 to 1); 0, 0, 0 is a point that was not found.
	Points [][3]float64
}

func (s Still) picture() (picture, error) {
	if s.Width < 1 || s.Height < 1 || len(s.Pix) != s.Width*s.Height*3 {
		return picture{}, job.Fail(job.Internal, "analyse picture", "",
			fmt.Sprintf("%d bytes are not %dx%d rgb24", len(s.Pix), s.Width, s.Height), "", nil)
	}
	return picture{pix: s.Pix, width: s.Width, height: s.Height}, nil
}

// FindsPeople tells whether People works: with a detector, or with a pose
// model that finds everyone by itself.
func (a *Analyser) FindsPeople() bool { return a.detect != nil || a.people != nil }

// TakesBoxes tells whether PoseIn works: the pose model looks at one person at a time.
func (a *Analyser) TakesBoxes() bool { return a.pose != nil }

// People finds everyone in a still with their points, best first, without
// anything that is known from other frames.
func (a *Analyser) People(s Still) ([]Found, error) {
	pic, err := s.picture()
	if err != nil {
		return nil, err
	}
	found := []Found{}
	if a.people != nil {
		everyone, err := a.people.spot(pic, nil)
		for _, p := range everyone {
			found = append(found, Found{Box: p.box.array(), Score: p.score, Points: arrays(p.points)})
		}
		return found, err
	}
	boxes, err := a.Boxes(s)
	if err != nil {
		return nil, err
	}
	for _, b := range boxes {
		f, err := a.PoseIn(s, b.Box)
		if err != nil {
			return nil, err
		}
		f.Score = b.Score
		found = append(found, f)
	}
	return found, nil
}

// Boxes finds everyone in a still as the detector does, best first, without points.
func (a *Analyser) Boxes(s Still) ([]Found, error) {
	pic, err := s.picture()
	if err != nil {
		return nil, err
	}
	if a.detect == nil {
		return nil, job.Fail(job.Internal, "find people", "", "there is no detector", "", nil)
	}
	boxes, err := a.detect.detect(pic)
	found := make([]Found, len(boxes))
	for i, b := range boxes {
		found[i] = Found{Box: b.box.array(), Score: b.score}
	}
	return found, err
}

// PoseIn finds the points of the person in a box of a still.
func (a *Analyser) PoseIn(s Still, box [4]float64) (Found, error) {
	pic, err := s.picture()
	if err != nil {
		return Found{}, err
	}
	if a.pose == nil {
		return Found{}, job.Fail(job.Internal, "find points", "", "there is no pose model that looks into boxes", "", nil)
	}
	area := rect{box[0], box[1], box[2], box[3]}
	if _, ok := a.pose.(follower); ok {
		area = area.grow(0.125) // A top-down model widens boxes itself, this one looks where it is told.
	}
	points := make([]keypoint, len(a.choice.Pose.Points.Names))
	err = a.pose.estimate(pic, area, points)
	return Found{Box: box, Score: 1, Points: arrays(points)}, err
}

// CutOut gives the matte of a still, grey8 of w by h over the whole picture;
// 255 is person.
func (a *Analyser) CutOut(s Still) (matte []byte, w, h int, err error) {
	pic, err := s.picture()
	if err != nil {
		return nil, 0, 0, err
	}
	if a.matte == nil {
		return nil, 0, 0, job.Fail(job.Internal, "cut person out", "", "there is no matte model", "", nil)
	}
	w, h = a.matte.size(pic)
	matte = make([]byte, w*h)
	return matte, w, h, a.matte.cut(pic, matte)
}

func (r rect) array() [4]float64 { return [4]float64{r.x, r.y, r.w, r.h} }

func arrays(points []keypoint) [][3]float64 {
	out := make([][3]float64, len(points))
	for i, p := range points {
		out[i] = [3]float64{p.x, p.y, p.score}
	}
	return out
}
