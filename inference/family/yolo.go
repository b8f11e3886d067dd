package family

import (
	"slices"

	"github.com/motionmill/motionmill/inference/fit"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// yolo is the detector family of YOLOv8, YOLO11 and their like.
type yolo struct {
	view
	reader yoloReader
}

func newYOLO(n *onnx.Network) (*yolo, error) {
	reader, err := newYOLOReader(n, 0)
	if err != nil {
		return nil, err
	}
	return &yolo{view: viewOf(n), reader: reader}, nil
}

// Detect finds the people in a frame, best first.
func (d *yolo) Detect(pic picture.Picture) ([]picture.Detection, error) {
	return d.view.people(pic, d.reader.into)
}

// back brings what was found in the input to the picture.
func back(candidates []candidate, p fit.Placement, pic picture.Picture) []picture.Detection {
	if len(candidates) == 0 {
		return nil
	}
	found := make([]picture.Detection, len(candidates))
	for i, c := range candidates {
		found[i] = picture.Detection{Box: p.Back(c.Box, pic), Score: c.Score}
	}
	return found
}

// yoloReader reads the boxes of people from an output of YOLO, which is one of:
//
//   - raw, channel by channel: centre, width and height, then a score for each
//     class, then further numbers; with doubles in it;
//   - end to end, a row for each: left, top, right, bottom, score, class, then
//     the further numbers;
//   - a row for each without a class: left, top, right, bottom, score, as
//     exports with the suppression of doubles inside give them; their classes, if
//     there are several, are in an output of integers.
//
// All boxes are input pixels.
type yoloReader struct {
	model    models.Model
	minScore float64
	maxIoU   float64
	person   int
	classes  int
	further  int // how many numbers follow the scores
	boxes    int // which output holds the boxes
	labels   int // which output holds the classes of rows that have none, or -1
}

// newYOLOReader finds the output of boxes with further numbers behind each box.
func newYOLOReader(n *onnx.Network, further int) (yoloReader, error) {
	m := n.Model
	r := yoloReader{model: m, classes: len(m.Classes), further: further, boxes: -1, labels: -1}
	if m.Input.Fit == models.FitAffine {
		return r, m.BadManifest(models.WrongField("input.fit", "is %q, the family %s looks at the whole frame", m.Input.Fit, m.Family))
	}
	var err error
	if r.person, err = m.PersonClass(); err != nil {
		return r, err
	}
	if r.minScore, r.maxIoU, err = m.Thresholds(0.25, 0.7); err != nil {
		return r, err
	}
	_, outputs := n.Info()
	for i, o := range outputs {
		switch {
		case r.boxes < 0 && o.Type == "float32" && (onnx.Fits(o.Shape, r.raw()) || onnx.Fits(o.Shape, r.endToEnd()) || onnx.Fits(o.Shape, r.rows())):
			r.boxes = i
		case r.labels < 0 && (o.Type == "int64" || o.Type == "int32"):
			r.labels = i
		}
	}
	if r.boxes < 0 {
		return r, m.Mismatch("the graph's outputs are %v, the family %s with %d classes gives float32%v, or %v where doubles are suppressed inside (-1 is any number)",
			outputs, m.Family, r.classes, r.raw(), r.endToEnd())
	}
	return r, nil
}

// raw, endToEnd and rows are the shapes of the layouts; -1 is any number. Rows
// without a class have nothing further.
func (r yoloReader) raw() []int64      { return []int64{1, int64(4 + r.classes + r.further), -1} }
func (r yoloReader) endToEnd() []int64 { return []int64{1, -1, int64(6 + r.further)} }
func (r yoloReader) rows() []int64 {
	if r.further > 0 {
		return nil
	}
	return []int64{1, -1, 5}
}

// layout tells by the output's shape how it is to be read. A raw output has
// more places than channels.
func (r yoloReader) layout(shape []int64) (raw, rows bool, err error) {
	switch {
	case onnx.Fits(shape, r.raw()) && shape[2] > shape[1]:
		return true, false, nil
	case onnx.Fits(shape, r.endToEnd()):
		return false, false, nil
	case onnx.Fits(shape, r.rows()):
		return false, true, nil
	default:
		return false, false, r.model.Mismatch("its output has the shape %v, want %v or %v", shape, r.raw(), r.endToEnd())
	}
}

// into puts the people in the outputs, best first, into the worktop's candidates.
func (r yoloReader) into(w *worktop, out []onnx.Tensor) (err error) {
	w.candidates, err = r.read(out, w.candidates[:0])
	return err
}

// read appends the people in the outputs, best first, to found, which must be empty.
func (r yoloReader) read(out []onnx.Tensor, found []candidate) ([]candidate, error) {
	t := out[r.boxes]
	raw, rows, err := r.layout(t.Shape)
	switch {
	case err != nil:
		return found, err
	case raw:
		return suppress(r.channels(t.Data, int(t.Shape[2]), found), r.maxIoU), nil
	}
	columns := int(t.Shape[2])
	for i := range int(t.Shape[1]) {
		row := t.Data[i*columns : (i+1)*columns]
		if float64(row[4]) < r.minScore || !r.isPerson(row, i, rows, out) {
			continue
		}
		box := picture.Rect{X: float64(row[0]), Y: float64(row[1]), W: float64(row[2] - row[0]), H: float64(row[3] - row[1])}
		found = append(found, candidate{picture.Detection{Box: box, Score: float64(row[4])}, i})
	}
	sortByScore(found)
	return found, nil
}

func (r yoloReader) isPerson(row []float32, i int, bare bool, out []onnx.Tensor) bool {
	switch {
	case !bare:
		return int(row[5]) == r.person
	case r.labels < 0:
		return true
	default:
		labels := out[r.labels].Data
		return i < len(labels) && int(labels[i]) == r.person
	}
}

// channels reads the raw layout of n places. A place is of the class with the
// highest score, as in Ultralytics' non_max_suppression (utils/ops.py).
func (r yoloReader) channels(data []float32, n int, found []candidate) []candidate {
	scores := data[4*n : (4+r.classes)*n]
	least := float32(r.minScore)
	for i, score := range scores[r.person*n : (r.person+1)*n] {
		if score < least || !r.winner(scores, n, i, score) {
			continue
		}
		w, h := float64(data[2*n+i]), float64(data[3*n+i])
		box := picture.Rect{X: float64(data[i]) - w/2, Y: float64(data[n+i]) - h/2, W: w, H: h}
		found = append(found, candidate{picture.Detection{Box: box, Score: float64(score)}, i})
	}
	return found
}

// winner tells whether no class has a higher score at place i than a person.
func (r yoloReader) winner(scores []float32, n, i int, score float32) bool {
	for c := range r.classes {
		if scores[c*n+i] > score {
			return false
		}
	}
	return true
}

// further numbers of a candidate begin the slice and lie step apart.
func (r yoloReader) furtherOf(c candidate, t onnx.Tensor) (values []float32, step int) {
	if raw, _, _ := r.layout(t.Shape); raw {
		n := int(t.Shape[2])
		return t.Data[(4+r.classes)*n+c.at:], n
	}
	return t.Data[c.at*int(t.Shape[2])+6:], 1
}

// topScore is the highest score of anything in the outputs. ok is false where the
// layout tells only of what was found.
func (r yoloReader) topScore(out []onnx.Tensor) (score float32, ok bool) {
	t := out[r.boxes]
	if raw, _, err := r.layout(t.Shape); err != nil || !raw {
		return 0, false
	}
	n := int(t.Shape[2]) // more than 0: see layout
	return slices.Max(t.Data[4*n : (4+r.classes)*n]), true
}
