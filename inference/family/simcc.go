package family

import (
	"math"

	"github.com/motionmill/motionmill/inference/fit"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// simcc is the pose family of RTMPose: a crop of one person goes in, and for
// each point two rows of likelihood come out, one along each axis, in steps of
// a fraction of an input pixel. After MMPose, codecs/simcc_label.py.
type simcc struct {
	view
	boxScale float64
	split    float64 // steps of a row to one input px
	mean     bool    // the score is the mean of both rows' maxima, not the lower
	minScore float64
	points   int
	x, y     int // which outputs hold the rows along each axis

	shapeX, shapeY []int64
}

func newSimCC(n *onnx.Network) (*simcc, error) {
	m := n.Model
	s := &simcc{view: viewOf(n), points: len(m.Points.Names), x: 0, y: 1}
	if m.Input.Fit != models.FitAffine {
		return nil, m.BadManifest(models.WrongField("input.fit", "is %q, the family simcc needs %q", m.Input.Fit, models.FitAffine))
	}
	if err := s.options(); err != nil {
		return nil, m.BadManifest(err)
	}
	_, outputs := n.Info()
	for i, o := range outputs {
		switch o.Name {
		case "simcc_x":
			s.x = i
		case "simcc_y":
			s.y = i
		}
	}
	row := func(px int) []int64 { return []int64{1, int64(s.points), int64(math.Round(float64(px) * s.split))} }
	s.shapeX, s.shapeY = row(s.fill.Width), row(s.fill.Height)
	if len(outputs) < 2 || s.x == s.y || outputs[s.x].Type != "float32" || outputs[s.y].Type != "float32" ||
		!onnx.Fits(outputs[s.x].Shape, s.shapeX) || !onnx.Fits(outputs[s.y].Shape, s.shapeY) {
		return nil, m.Mismatch("the graph's outputs are %v, the family simcc with %d keypoints and split %v gives float32%v and float32%v",
			outputs, s.points, s.split, s.shapeX, s.shapeY)
	}
	return s, nil
}

func (s *simcc) options() (err error) {
	m := s.network.Model
	if err = m.KnownOptions("box_scale", "min_score", "score", "split"); err != nil {
		return err
	}
	if s.boxScale, err = m.Number("box_scale", 1.25, 0.5, 4); err != nil {
		return err
	}
	if s.minScore, err = m.Number("min_score", defaultMinScore, 0, 1); err != nil {
		return err
	}
	if s.split, err = m.Number("split", 2, 1, 8); err != nil {
		return err
	}
	score, err := m.Choice("score", "min", "mean")
	s.mean = score == "mean"
	return err
}

// Minimum is the mean score from which a pose is taken for a person's.
func (s *simcc) Minimum() float64 { return s.minScore }

// Estimate finds the points of the person in box, all in frame pixels, and
// writes them into points, which must have one place for each.
func (s *simcc) Estimate(pic picture.Picture, box picture.Rect, points []picture.Keypoint) error {
	area, place := s.aim(box)
	return s.look(pic, place, func(out []onnx.Tensor) error { return s.read(out, area, points) })
}

func (s *simcc) parts() view { return s.view }

// aim gives the area of the frame that is seen for a box, and how it is laid into the input.
func (s *simcc) aim(box picture.Rect) (area picture.Rect, place fit.Placement) {
	area = fit.TopDown(box, s.boxScale, float64(s.fill.Width)/float64(s.fill.Height))
	return area, fit.Crop(area, s.fill.Width, s.fill.Height)
}

// read takes the points of one person, who was seen in an area, from the outputs.
func (s *simcc) read(out []onnx.Tensor, area picture.Rect, points []picture.Keypoint) error {
	if !onnx.Fits(out[s.x].Shape, s.shapeX) || !onnx.Fits(out[s.y].Shape, s.shapeY) || len(points) != s.points {
		return s.network.Model.Mismatch("its outputs have the shapes %v and %v, want %v and %v",
			out[s.x].Shape, out[s.y].Shape, s.shapeX, s.shapeY)
	}
	cols, rows := int(s.shapeX[2]), int(s.shapeY[2])
	for i := range points {
		x, scoreX := highest(out[s.x].Data[i*cols : (i+1)*cols])
		y, scoreY := highest(out[s.y].Data[i*rows : (i+1)*rows])
		score := math.Min(scoreX, scoreY)
		if s.mean {
			score = (scoreX + scoreY) / 2
		}
		points[i] = picture.Keypoint{}
		if score > 0 {
			points[i] = picture.Keypoint{
				X:     area.X + float64(x)/float64(cols)*area.W,
				Y:     area.Y + float64(y)/float64(rows)*area.H,
				Score: math.Min(score, 1),
			}
		}
	}
	return nil
}

// highest returns where the first maximum of a row is, and its value.
func highest(row []float32) (at int, value float64) {
	best := row[0]
	for i, v := range row {
		if v > best {
			at, best = i, v
		}
	}
	return at, float64(best)
}
