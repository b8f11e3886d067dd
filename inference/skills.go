package inference

import (
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// poser finds the points of the person in a box of a frame.
type poser interface {
	estimate(pic picture.Picture, box picture.Rect, points []picture.Keypoint) error
	minimum() float64
}

// detector finds people in a frame, best first.
type detector interface {
	detect(pic picture.Picture) ([]picture.Detection, error)
}

// matter cuts the person out of a frame.
type matter interface {
	size(pic picture.Picture) (w, h int)
	cut(pic picture.Picture, dst []byte) error
}

// spotter finds everyone in a frame with their points, best first. It uses the
// memory of into, which may be nil, for what it returns.
type spotter interface {
	spot(pic picture.Picture, into []picture.Person) ([]picture.Person, error)
}

// follower is a poser that finds the person in the whole frame, and says from a
// pose where in a frame of w by h px to look for the next.
type follower interface {
	next(points []picture.Keypoint, w, h int) picture.Rect
}

// filmed is a matter that keeps something for each video that it works on.
type filmed interface {
	// film begins a video with frames like pic.
	film(pic picture.Picture) videoMatter
}

// videoMatter is a matter for the frames of one video.
type videoMatter interface {
	matter
	// ordered tells whether it has to see every frame, one after the other.
	ordered() bool
	// close frees what it keeps. No cut may be under way.
	close() error
}

// skills is what a model can do for a task: all but one are nil.
type skills struct {
	pose   poser
	people spotter
	detect detector
	matte  matter
}

// newSkills makes the family of a network, which checks that the graph is one of
// it, for a task.
func newSkills(task string, n *onnx.Network) (s skills, err error) {
	switch n.Model.Family {
	case "heatmap":
		s.pose, err = newHeatmap(n)
	case "simcc":
		s.pose, err = newSimCC(n)
	case "movenet":
		s.pose, s.people, err = newMoveNet(n)
	case "yolo-pose":
		s.people, err = newYOLOPose(n)
	case "yolox":
		s.detect, err = newYOLOX(n)
	case "matte":
		s.matte, err = newMatte(n)
	case models.FamilyRVM:
		s.matte, err = newRVM(n)
	case "yolo":
		s.detect, err = newYOLO(n)
	case "rtmdet":
		s.detect, err = newRTMDet(n)
	case "yolo-seg":
		err = s.addMasks(task, n, func(n *onnx.Network) (masker, error) { return newYOLOSeg(n) })
	case "maskrcnn":
		err = s.addMasks(task, n, func(n *onnx.Network) (masker, error) { return newMaskRCNN(n) })
	}
	return s, err
}

// masker finds people and cuts them out.
type masker interface {
	detector
	matter
}

// addMasks gives a family that finds masks one of the tasks that it serves.
func (s *skills) addMasks(task string, n *onnx.Network, family func(*onnx.Network) (masker, error)) error {
	m, err := family(n)
	switch {
	case err != nil:
		return err
	case task == models.TaskDetect:
		s.detect = m
	default:
		s.matte = m
	}
	return nil
}

// runOnce runs a network by itself, whatever its family.
func runOnce(n *onnx.Network) error {
	if n.Model.Family != models.FamilyRVM {
		return n.RunOnce()
	}
	r, err := newRVM(n)
	if err != nil {
		return err
	}
	return r.runOnce()
}
