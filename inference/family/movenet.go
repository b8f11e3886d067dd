package family

import (
	"math"
	"slices"

	"github.com/motionmill/motionmill/inference/fit"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// newMoveNet tells by the output which MoveNet it is: one pose (1 × 1 × points × 3),
// or several (1 × people × 3·points + 5). The other result is nil.
func newMoveNet(n *onnx.Network) (one Poser, several Spotter, err error) {
	m := n.Model
	if m.Input.Fit != models.FitLetterboxCentre {
		return nil, nil, m.BadManifest(models.WrongField("input.fit", "is %q, the family movenet needs %q", m.Input.Fit, models.FitLetterboxCentre))
	}
	_, outputs := n.Info()
	points := len(m.Points.Names)
	single, multi := movenetShapes(points)
	if len(outputs) > 0 && outputs[0].Type == "float32" {
		switch shape := outputs[0].Shape; {
		case onnx.Fits(shape, single):
			one, err = newMoveNetSingle(n)
			return one, nil, err
		case onnx.Fits(shape, multi):
			several, err = newMoveNetMulti(n)
			return nil, several, err
		}
	}
	return nil, nil, m.Mismatch("the graph's outputs are %v, the family movenet with %d keypoints gives float32%v or float32[1 n %d] first",
		outputs, points, single, multi[2])
}

func movenetShapes(points int) (single, multi []int64) {
	return []int64{1, 1, int64(points), 3}, []int64{1, -1, int64(3*points + 5)}
}

// movenetSingle finds the points of one person in a square of the frame: at
// first the whole with its padding, then the surroundings of the person. After
// TensorFlow's tutorial movenet.ipynb.
type movenetSingle struct {
	view
	minScore        float64
	points          int
	hips, shoulders [2]int // indices of points
	shape           []int64
}

func newMoveNetSingle(n *onnx.Network) (*movenetSingle, error) {
	m := n.Model
	s := &movenetSingle{view: viewOf(n), points: len(m.Points.Names)}
	s.shape, _ = movenetShapes(s.points)
	if m.Input.Pad != 0 {
		return nil, m.BadManifest(models.WrongField("input.pad", "is %v, the family movenet pads with 0", m.Input.Pad))
	}
	err := m.KnownOptions("min_score")
	if err == nil {
		s.minScore, err = m.Number("min_score", defaultMinScore, 0, 1)
	}
	for i, name := range []string{"left_hip", "right_hip", "left_shoulder", "right_shoulder"} {
		at := slices.Index(m.Points.Names, name)
		if at < 0 && err == nil {
			err = models.WrongField("keypoints", "does not name %s, by which the family movenet follows a person", name)
		}
		if i < 2 {
			s.hips[i] = at
		} else {
			s.shoulders[i-2] = at
		}
	}
	if err != nil {
		return nil, m.BadManifest(err)
	}
	return s, nil
}

// Minimum is the mean score from which a pose is taken for a person's.
func (s *movenetSingle) Minimum() float64 { return s.minScore }

// Estimate finds the points of the person in box, which may be the whole frame,
// and writes them into points, which must have one place for each. All are frame pixels.
func (s *movenetSingle) Estimate(pic picture.Picture, box picture.Rect, points []picture.Keypoint) error {
	area := fit.TopDown(box, 1, float64(s.fill.Width)/float64(s.fill.Height))
	place := fit.Window(area, s.fill.Width, s.fill.Height)
	return s.look(pic, place, func(out []onnx.Tensor) error {
		if !onnx.Fits(out[0].Shape, s.shape) || len(points) != s.points {
			return s.network.Model.Mismatch("its output has the shape %v, want %v", out[0].Shape, s.shape)
		}
		s.relative(out[0].Data, place, points)
		return nil
	})
}

// relative reads y, x, score of points, as shares of the input's height and width.
func (v view) relative(data []float32, place fit.Placement, points []picture.Keypoint) {
	for i := range points {
		share := data[i*3 : i*3+3]
		points[i] = place.Point(float64(share[1])*float64(v.fill.Width), float64(share[0])*float64(v.fill.Height), float64(share[2]))
	}
}

// The numbers of following, from the tutorial.
const (
	movenetSure  = 0.2 // the least score of a point that counts
	movenetTorso = 1.9 // how far to look, in distances of the torso from the middle of the hips
	movenetBody  = 1.2 // and in those of the body
)

// Next returns the square about the middle of the hips that holds the person
// whole, or the frame where the torso is not seen or the square would not be smaller.
func (s *movenetSingle) Next(points []picture.Keypoint, w, h int) picture.Rect {
	width, height := float64(w), float64(h)
	whole := picture.Rect{X: 0, Y: 0, W: width, H: height}
	sure := func(pair [2]int) bool {
		return points[pair[0]].Score > movenetSure || points[pair[1]].Score > movenetSure
	}
	if !sure(s.hips) || !sure(s.shoulders) {
		return whole
	}
	left, right := points[s.hips[0]], points[s.hips[1]]
	x, y := (left.X+right.X)/2, (left.Y+right.Y)/2
	half := 0.0
	for i, p := range points {
		away := math.Max(math.Abs(p.X-x), math.Abs(p.Y-y))
		if p.Score > 0 && (slices.Contains(s.hips[:], i) || slices.Contains(s.shoulders[:], i)) {
			half = math.Max(half, movenetTorso*away)
		}
		if p.Score >= movenetSure {
			half = math.Max(half, movenetBody*away)
		}
	}
	x, y = x+0.5, y+0.5 // In a rect 0 is the picture's edge.
	half = math.Min(half, math.Max(math.Max(x, width-x), math.Max(y, height-y)))
	if half > math.Max(width, height)/2 {
		return whole
	}
	return picture.Rect{X: x - half, Y: y - half, W: 2 * half, H: 2 * half}
}

// movenetMulti finds up to six people in the whole frame.
type movenetMulti struct {
	view
	minScore float64
	points   int
	shape    []int64
}

func newMoveNetMulti(n *onnx.Network) (*movenetMulti, error) {
	m := n.Model
	s := &movenetMulti{view: viewOf(n), points: len(m.Points.Names)}
	_, s.shape = movenetShapes(s.points)
	err := m.KnownOptions("score")
	if err == nil {
		s.minScore, err = m.Number("score", 0.25, 0, 1)
	}
	if err != nil {
		return nil, m.BadManifest(err)
	}
	return s, nil
}

// Spot finds everyone in a frame with their points, best first. A row of the
// output holds the points, then the box (top, left, bottom, right) and its score.
func (s *movenetMulti) Spot(pic picture.Picture, into []picture.Person) ([]picture.Person, error) {
	place := fit.Letterbox(pic, s.fill.Width, s.fill.Height, true)
	width, height := float64(s.fill.Width), float64(s.fill.Height)
	people := into[:0]
	err := s.look(pic, place, func(out []onnx.Tensor) error {
		if !onnx.Fits(out[0].Shape, s.shape) {
			return s.network.Model.Mismatch("its output has the shape %v, want [1 n %d]", out[0].Shape, s.shape[2])
		}
		columns := int(s.shape[2])
		for row := range slices.Chunk(out[0].Data, columns) {
			box := row[3*s.points:]
			score := float64(box[4])
			if score < s.minScore {
				continue
			}
			left, top := float64(box[1])*width, float64(box[0])*height
			area := picture.Rect{X: left, Y: top, W: float64(box[3])*width - left, H: float64(box[2])*height - top}
			people = another(people, picture.Detection{Box: place.Back(area, pic), Score: score}, s.points)
			s.relative(row, place, people[len(people)-1].Points)
		}
		sortByScore(people)
		return nil
	})
	return people, err
}
