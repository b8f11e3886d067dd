package family

import (
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// Poser finds the points of the person in a box of a frame.
type Poser interface {
	// Estimate writes into points, which must have one place for each; all are px of pic.
	Estimate(pic picture.Picture, box picture.Rect, points []picture.Keypoint) error
	// Minimum is the mean score from which a pose is taken for a person's.
	Minimum() float64
}

// Detector finds people in a frame, best first.
type Detector interface {
	Detect(pic picture.Picture) ([]picture.Detection, error)
}

// Matter cuts the person out of a frame.
type Matter interface {
	// Size is the width and height in px of the mattes of frames like pic.
	Size(pic picture.Picture) (w, h int)
	// Cut writes grey8 of that size into dst; 255 is person.
	Cut(pic picture.Picture, dst []byte) error
}

// Closer is a matter that may be able to look at a part of a frame.
type Closer interface {
	// PartSize is the width and height in px of the mattes of parts; 0, 0 where it cannot.
	PartSize() (w, h int)
	// CutPart writes the matte of a part, which must lie in pic, into dst: grey8 of
	// PartSize; 255 is person.
	CutPart(pic picture.Picture, part picture.Rect, dst []byte) error
}

// Masker finds people and cuts them out.
type Masker interface {
	Detector
	Matter
	// CutFound is Cut, and gives whom Detect finds, by one run.
	CutFound(pic picture.Picture, dst []byte) ([]picture.Detection, error)
}

// Spotter finds everyone in a frame with their points, best first. It uses the
// memory of into, which may be nil, for what it returns.
type Spotter interface {
	Spot(pic picture.Picture, into []picture.Person) ([]picture.Person, error)
}

// Follower is a poser that finds the person in the whole frame, and says from a
// pose where in a frame of w by h px to look for the next.
type Follower interface {
	Next(points []picture.Keypoint, w, h int) picture.Rect
}

// Filmed is a matter that keeps something for each video that it works on.
type Filmed interface {
	// Film begins a video with frames like pic.
	Film(pic picture.Picture) VideoMatter
}

// VideoMatter is a matter for the frames of one video.
type VideoMatter interface {
	Matter
	// Ordered tells whether it has to see every frame, one after the other.
	Ordered() bool
	// Close frees what it keeps. No cut may be under way.
	Close() error
}

// Skills is what a model can do for a task: all but one are nil.
type Skills struct {
	Pose   Poser
	People Spotter
	Detect Detector
	Matte  Matter
}

// New makes the family of a network, which checks that the graph is one of
// it, for a task.
func New(task string, n *onnx.Network) (s Skills, err error) {
	switch n.Model.Family {
	case "heatmap":
		s.Pose, err = newHeatmap(n)
	case "simcc":
		s.Pose, err = newSimCC(n)
	case "movenet":
		s.Pose, s.People, err = newMoveNet(n)
	case "yolo-pose":
		s.People, err = newYOLOPose(n)
	case "yolox":
		s.Detect, err = newYOLOX(n)
	case "matte":
		s.Matte, err = newMatte(n)
	case models.FamilyRVM:
		s.Matte, err = newRVM(n)
	case "yolo":
		s.Detect, err = newYOLO(n)
	case "rtmdet":
		s.Detect, err = newRTMDet(n)
	case "yolo-seg":
		err = s.addMasks(task, n, func(n *onnx.Network) (Masker, error) { return newYOLOSeg(n) })
	case "maskrcnn":
		err = s.addMasks(task, n, func(n *onnx.Network) (Masker, error) { return newMaskRCNN(n) })
	}
	return s, err
}

// addMasks gives a family that finds masks one of the tasks that it serves.
func (s *Skills) addMasks(task string, n *onnx.Network, family func(*onnx.Network) (Masker, error)) error {
	m, err := family(n)
	switch {
	case err != nil:
		return err
	case task == models.TaskDetect:
		s.Detect = m
	default:
		s.Matte = m
	}
	return nil
}

// RunOnce runs a network by itself, whatever its family.
func RunOnce(n *onnx.Network) error {
	if n.Model.Family != models.FamilyRVM {
		return n.RunOnce()
	}
	r, err := newRVM(n)
	if err != nil {
		return err
	}
	return r.runOnce()
}
