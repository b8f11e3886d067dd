package family

import (
	"math"

	"github.com/motionmill/motionmill/inference/fit"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// The ways to read a heat map below one cell. UDP also lays the crop otherwise:
// its corners on the middles of the input's outermost samples.
const (
	decodeQuarter = "quarter"
	decodeDark    = "dark"
	decodeUDP     = "udp"
)

// heatmap is the pose family of HRNet, Lite-HRNet, TinyPose and ViTPose: a crop
// of one person goes in, a map of likelihood for each point comes out.
type heatmap struct {
	view
	boxScale float64
	decode   string
	minScore float64
	points   int
}

func newHeatmap(n *onnx.Network) (*heatmap, error) {
	m := n.Model
	h := &heatmap{view: viewOf(n), points: len(m.Points.Names)}
	if m.Input.Fit != models.FitAffine {
		return nil, m.BadManifest(models.WrongField("input.fit", "is %q, the family heatmap needs %q", m.Input.Fit, models.FitAffine))
	}
	err := m.KnownOptions("box_scale", "decode", "min_score")
	if err == nil {
		h.boxScale, err = m.Number("box_scale", 1.25, 0.5, 4)
	}
	if err == nil {
		h.minScore, err = m.Number("min_score", defaultMinScore, 0, 1)
	}
	if err == nil {
		h.decode, err = m.Choice("decode", decodeQuarter, decodeDark, decodeUDP)
	}
	if err != nil {
		return nil, m.BadManifest(err)
	}
	_, outputs := n.Info()
	if len(outputs) == 0 || outputs[0].Type != "float32" || !onnx.Fits(outputs[0].Shape, []int64{1, int64(h.points), -1, -1}) {
		return nil, m.Mismatch("the graph's outputs are %v, the family heatmap with %d keypoints gives float32[1 %d h w] first",
			outputs, h.points, h.points)
	}
	return h, nil
}

// Minimum is the mean score from which a pose is taken for a person's.
func (h *heatmap) Minimum() float64 { return h.minScore }

// Estimate finds the points of the person in box, all in frame pixels, and
// writes them into points, which must have one place for each.
func (h *heatmap) Estimate(pic picture.Picture, box picture.Rect, points []picture.Keypoint) error {
	area, place := h.aim(box)
	return h.look(pic, place, func(out []onnx.Tensor) error { return h.read(out, area, points) })
}

func (h *heatmap) parts() view { return h.view }

// aim gives the area of the frame that is seen for a box, and how it is laid into the input.
func (h *heatmap) aim(box picture.Rect) (area picture.Rect, place fit.Placement) {
	area = fit.TopDown(box, h.boxScale, float64(h.fill.Width)/float64(h.fill.Height))
	if h.decode == decodeUDP {
		return area, fit.CropUDP(area, h.fill.Width, h.fill.Height)
	}
	return area, fit.Crop(area, h.fill.Width, h.fill.Height)
}

// read takes the points of one person, who was seen in an area, from the outputs.
func (h *heatmap) read(out []onnx.Tensor, area picture.Rect, points []picture.Keypoint) error {
	shape := out[0].Shape
	if len(shape) != 4 || int(shape[1]) != h.points || len(points) != h.points {
		return h.network.Model.Mismatch("its output has the shape %v, want [1 %d h w]", shape, h.points)
	}
	rows, cols := int(shape[2]), int(shape[3])
	// The area's far corner lies one cell beyond the last, with UDP on it.
	right, bottom := float64(cols), float64(rows)
	if h.decode == decodeUDP {
		right, bottom = max(right-1, 1), max(bottom-1, 1)
	}
	for i := range points {
		m := grid{data: out[0].Data[i*rows*cols : (i+1)*rows*cols], w: cols, h: rows}
		x, y, score := m.peak(h.decode)
		points[i] = picture.Keypoint{}
		if score > 0 {
			points[i] = picture.Keypoint{
				X:     area.X + x/right*area.W,
				Y:     area.Y + y/bottom*area.H,
				Score: math.Min(score, 1),
			}
		}
	}
	return nil
}
