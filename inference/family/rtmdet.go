package family

import (
	"math"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// rtmdet is the detector family of RTMDet. Either the suppression of doubles is
// inside, as MMDeploy exports it: a row for each box (left, top, right, bottom
// in input pixels, score) and, in another output, its class. Or it is the head as
// it is in MMDetection: for the strides 8, 16 and 32 a map of the classes'
// logits, then for each of these a map of the ways from a cell's upper left
// corner to the left, top, right and bottom of the box, in input pixels.
type rtmdet struct {
	view
	minScore float64
	maxIoU   float64
	person   int
	raw      bool
	boxes    int // which output holds the boxes of the former
	labels   int // which output holds their classes
}

func newRTMDet(n *onnx.Network) (*rtmdet, error) {
	m := n.Model
	d := &rtmdet{view: viewOf(n), boxes: -1, labels: -1}
	if m.Input.Fit != models.FitLetterboxTopLeft {
		return nil, m.BadManifest(models.WrongField("input.fit", "is %q, the family rtmdet needs %q", m.Input.Fit, models.FitLetterboxTopLeft))
	}
	var err error
	if d.person, err = m.PersonClass(); err != nil {
		return nil, err
	}
	if d.minScore, d.maxIoU, err = m.Thresholds(0.3, 0.6); err != nil {
		return nil, err
	}
	_, outputs := n.Info()
	for i, o := range outputs {
		switch {
		case d.boxes < 0 && o.Type == "float32" && onnx.Fits(o.Shape, []int64{1, -1, 5}):
			d.boxes = i
		case d.labels < 0 && (o.Type == "int64" || o.Type == "int32") && onnx.Fits(o.Shape, []int64{1, -1}):
			d.labels = i
		}
	}
	if d.boxes >= 0 && d.labels >= 0 {
		return d, nil
	}
	shapes := make([][]int64, len(outputs))
	for i, o := range outputs {
		if shapes[i] = o.Shape; o.Type != "float32" {
			shapes[i] = nil
		}
	}
	if d.raw = d.isHead(shapes); !d.raw {
		return nil, m.Mismatch("the graph's outputs are %v, the family rtmdet with %d classes gives float32[1 n 5] and int64[1 n], or for the strides 8, 16, 32 float32[1 %d h w] and then float32[1 4 h w]",
			outputs, len(m.Classes), len(m.Classes))
	}
	return d, nil
}

// isHead tells whether outputs have the shapes of MMDetection's head.
func (d *rtmdet) isHead(shapes [][]int64) bool {
	if len(shapes) != 2*len(strides) {
		return false
	}
	for i, shape := range shapes {
		channels, s := len(d.network.Model.Classes), strides[i%len(strides)]
		if i >= len(strides) {
			channels = 4
		}
		if !onnx.Fits(shape, []int64{1, int64(channels), int64(d.fill.Height / s), int64(d.fill.Width / s)}) {
			return false
		}
	}
	return true
}

// Detect finds the people in a frame, best first.
func (d *rtmdet) Detect(pic picture.Picture) ([]picture.Detection, error) {
	return d.view.people(pic, d.read)
}

// read puts the people in the outputs, best first, into the worktop's candidates.
func (d *rtmdet) read(w *worktop, out []onnx.Tensor) (err error) {
	if w.candidates = w.candidates[:0]; d.raw {
		w.candidates, err = d.readHead(out, w)
	} else {
		w.candidates, err = d.readRows(out[d.boxes], out[d.labels], w.candidates)
	}
	return err
}

func (d *rtmdet) readRows(boxes, labels onnx.Tensor, found []candidate) ([]candidate, error) {
	if !onnx.Fits(boxes.Shape, []int64{1, -1, 5}) || int64(len(labels.Data)) != boxes.Shape[1] {
		return found, d.network.Model.Mismatch("its outputs have the shapes %v and %v, want [1 n 5] and [1 n]", boxes.Shape, labels.Shape)
	}
	for i, label := range labels.Data {
		b := boxes.Data[5*i : 5*i+5]
		if int(label) != d.person || float64(b[4]) < d.minScore {
			continue
		}
		box := picture.Rect{X: float64(b[0]), Y: float64(b[1]), W: float64(b[2] - b[0]), H: float64(b[3] - b[1])}
		found = append(found, candidate{picture.Detection{Box: box, Score: float64(b[4])}, i})
	}
	sortByScore(found)
	return found, nil
}

// readHead reads the maps. After MMDetection, models/dense_heads/rtmdet_head.py: the score is
// the sigmoid of the logit, and a cell's point its upper left corner. Each class is by itself: a
// cell may be of several.
func (d *rtmdet) readHead(out []onnx.Tensor, w *worktop) ([]candidate, error) {
	w.shapes = w.shapes[:0]
	for _, t := range out {
		w.shapes = append(w.shapes, t.Shape)
	}
	found := w.candidates
	if !d.isHead(w.shapes) {
		return found, d.network.Model.Mismatch("its outputs have the shapes %v, which are not those of the manifest's width, height and classes", w.shapes)
	}
	least := float32(math.Log(d.minScore / (1 - d.minScore)))
	for i, stride := range strides {
		across := d.fill.Width / stride
		cells := across * (d.fill.Height / stride)
		logits, ways := out[i].Data, out[i+len(strides)].Data
		for at, logit := range logits[d.person*cells : (d.person+1)*cells] {
			if logit < least {
				continue
			}
			x, y := float64(at%across*stride), float64(at/across*stride)
			left, top := float64(ways[at]), float64(ways[cells+at])
			box := picture.Rect{X: x - left, Y: y - top, W: left + float64(ways[2*cells+at]), H: top + float64(ways[3*cells+at])}
			found = append(found, candidate{picture.Detection{Box: box, Score: 1 / (1 + math.Exp(-float64(logit)))}, at})
		}
	}
	return suppress(found, d.maxIoU), nil
}
