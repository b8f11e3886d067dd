package family

import (
	"cmp"
	"math"
	"slices"

	"github.com/motionmill/motionmill/inference/fit"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// yolox is the detector family of YOLOX: either the raw grid (N × 5 + classes,
// objectness and classes after sigmoid) or an export with the suppression of
// doubles inside (N × 5).
type yolox struct {
	view
	minScore float64
	maxIoU   float64
	person   int
	output   int // which output holds the boxes
	labels   int // which output holds the classes of an N × 5 export, or -1
}

func newYOLOX(n *onnx.Network) (*yolox, error) {
	m := n.Model
	d := &yolox{view: viewOf(n)}
	if m.Input.Fit != models.FitLetterboxTopLeft {
		return nil, m.BadManifest(models.WrongField("input.fit", "is %q, the family yolox needs %q", m.Input.Fit, models.FitLetterboxTopLeft))
	}
	var err error
	if d.person, err = m.PersonClass(); err != nil {
		return nil, err
	}
	if d.minScore, d.maxIoU, err = m.Thresholds(0.3, 0.45); err != nil {
		return nil, err
	}
	_, outputs := n.Info()
	d.output, d.labels = d.find(outputs)
	if d.output < 0 {
		return nil, m.Mismatch("the graph's outputs are %v, the family yolox gives float32[1 n 5] or float32[1 %d %d]",
			outputs, d.cells(), 5+len(m.Classes))
	}
	return d, nil
}

// find tells the boxes from the labels among the outputs.
func (d *yolox) find(outputs []onnx.TensorInfo) (boxes, labels int) {
	boxes, labels = -1, -1
	for i, o := range outputs {
		raw := onnx.Fits(o.Shape, []int64{1, int64(d.cells()), int64(5 + len(d.network.Model.Classes))})
		switch {
		case boxes < 0 && o.Type == "float32" && (raw || onnx.Fits(o.Shape, []int64{-1, -1, 5})):
			boxes = i
		case labels < 0 && (o.Type == "int64" || o.Type == "int32"):
			labels = i
		}
	}
	return boxes, labels
}

// strides are the pixels that a cell of each grid stands for.
var strides = [...]int{8, 16, 32}

// cells is the number of rows of the raw grid.
func (d *yolox) cells() int {
	n := 0
	for _, s := range strides {
		n += (d.fill.Width / s) * (d.fill.Height / s)
	}
	return n
}

// Detect finds the people in a frame, best first.
func (d *yolox) Detect(pic picture.Picture) ([]picture.Detection, error) {
	p := fit.Letterbox(pic, d.fill.Width, d.fill.Height, false)
	var found []picture.Detection
	err := d.look(pic, p, func(out []onnx.Tensor) error {
		t := out[d.output]
		classes := len(d.network.Model.Classes)
		switch last := int(t.Shape[len(t.Shape)-1]); {
		case last == 5+classes && len(t.Data) == d.cells()*last:
			found = suppress(d.decodeGrid(t.Data, last), d.maxIoU)
		case last == 5:
			found = d.decodeBoxes(t.Data, out)
		default:
			return d.network.Model.Mismatch("its output has the shape %v, want [1 n 5] or [1 %d %d]", t.Shape, d.cells(), 5+classes)
		}
		return nil
	})
	for i := range found {
		b := found[i].Box
		found[i].Box = picture.Rect{X: b.X * p.StepX, Y: b.Y * p.StepY, W: b.W * p.StepX, H: b.H * p.StepY}.
			Within(float64(pic.Width), float64(pic.Height))
	}
	return found, err
}

// decodeGrid reads the raw grid, row by row in the order of strides. A cell is of
// the class with the highest score. After Megvii's YOLOX, yolox/utils/demo_utils.py.
func (d *yolox) decodeGrid(data []float32, columns int) []picture.Detection {
	var found []picture.Detection
	row := 0
	for _, stride := range strides {
		across, down := d.fill.Width/stride, d.fill.Height/stride
		for y := range down {
			for x := range across {
				cell := data[row*columns : (row+1)*columns]
				row++
				score := float64(cell[4]) * float64(cell[5+d.person])
				if score < d.minScore || slices.Max(cell[5:]) > cell[5+d.person] {
					continue
				}
				s := float64(stride)
				w, h := math.Exp(float64(cell[2]))*s, math.Exp(float64(cell[3]))*s
				cx, cy := (float64(cell[0])+float64(x))*s, (float64(cell[1])+float64(y))*s
				found = append(found, picture.Detection{Box: picture.Rect{X: cx - w/2, Y: cy - h/2, W: w, H: h}, Score: score})
			}
		}
	}
	return found
}

// decodeBoxes reads left, top, right, bottom, score of an export that has
// suppressed doubles already.
func (d *yolox) decodeBoxes(data []float32, out []onnx.Tensor) []picture.Detection {
	var found []picture.Detection
	for i := 0; (i+1)*5 <= len(data); i++ {
		b := data[i*5 : i*5+5]
		if float64(b[4]) < d.minScore || d.labels >= 0 && i < len(out[d.labels].Data) && int(out[d.labels].Data[i]) != d.person {
			continue
		}
		found = append(found, picture.Detection{
			Box: picture.Rect{X: float64(b[0]), Y: float64(b[1]), W: float64(b[2] - b[0]), H: float64(b[3] - b[1])}, Score: float64(b[4]),
		})
	}
	sortByScore(found)
	return found
}

// placed is a detection, or something that lies where one does.
type placed interface{ Detected() picture.Detection }

// suppress keeps, best first, the boxes that overlap no better one by more than maxIoU.
func suppress[T placed](found []T, maxIoU float64) []T {
	sortByScore(found)
	kept := found[:0]
	for _, f := range found {
		box := f.Detected().Box
		if !slices.ContainsFunc(kept, func(k T) bool { return picture.Overlap(k.Detected().Box, box) > maxIoU }) {
			kept = append(kept, f)
		}
	}
	return kept
}

func sortByScore[T placed](found []T) {
	slices.SortStableFunc(found, func(a, b T) int { return cmp.Compare(b.Detected().Score, a.Detected().Score) })
}
