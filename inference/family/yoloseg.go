package family

import (
	"math"

	"github.com/motionmill/motionmill/inference/fit"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// yoloSeg is the family of YOLOv8-seg and YOLO11-seg: boxes as the family yolo
// gives them, each with a number for every prototype, and an output of
// prototypes. A person's mask is the sum of the prototypes by these numbers,
// within the box; it serves as detector and as matte of all people.
type yoloSeg struct {
	view
	reader     yoloReader
	logistic   *logistic
	prototypes int // how many there are
	output     int // which output holds them
}

func newYOLOSeg(n *onnx.Network) (*yoloSeg, error) {
	m := n.Model
	s := &yoloSeg{view: viewOf(n), logistic: newLogistic(), output: -1}
	_, outputs := n.Info()
	for i, o := range outputs {
		if s.output < 0 && o.Type == "float32" && onnx.Fits(o.Shape, []int64{1, -1, -1, -1}) && o.Shape[1] > 0 {
			s.output, s.prototypes = i, int(o.Shape[1])
		}
	}
	if s.output < 0 {
		return nil, m.Mismatch("the graph's outputs are %v, the family yolo-seg gives prototypes float32[1 p h w] beside the boxes", outputs)
	}
	var err error
	s.reader, err = newYOLOReader(n, s.prototypes)
	return s, err
}

// Detect finds the people in a frame, best first.
func (s *yoloSeg) Detect(pic picture.Picture) ([]picture.Detection, error) {
	return s.view.people(pic, s.reader.into)
}

// Size is the width and height in px of the mattes of frames like pic: the
// input's, less what letterboxing leaves empty.
func (s *yoloSeg) Size(pic picture.Picture) (w, h int) {
	p := fit.Place(s.network.Model.Input, pic)
	return p.W, p.H
}

// Cut writes the masks of all people together into dst, grey8 of the size that
// Size gives; 255 is person.
func (s *yoloSeg) Cut(pic picture.Picture, dst []byte) error { return s.cut(pic, dst, nil) }

// CutFound is Cut, and gives whom Detect finds, by one run.
func (s *yoloSeg) CutFound(pic picture.Picture, dst []byte) (found []picture.Detection, err error) {
	err = s.cut(pic, dst, &found)
	return found, err
}

// cut tells whom it found where somebody asks.
func (s *yoloSeg) cut(pic picture.Picture, dst []byte, found *[]picture.Detection) error {
	p := fit.Place(s.network.Model.Input, pic)
	return s.examine(pic, p, func(w *worktop, out []onnx.Tensor) error {
		if err := s.reader.into(w, out); err != nil {
			return err
		}
		onto := newCanvas(p, dst)
		input := span{0, 0, s.fill.Width, s.fill.Height}
		for _, c := range w.candidates {
			mask, count, err := s.mask(c, out, w)
			if err != nil {
				return err
			}
			onto.lay(mask, count, input, s.touching(mask, count), w, s.logistic.tone)
		}
		if found != nil {
			*found = back(w.candidates, p, pic)
		}
		return nil
	})
}

// mask gives the logits of a person's mask, the prototypes by the person's
// numbers, in those cells that count: the ones in the box. After Ultralytics'
// process_mask (utils/ops.py).
func (s *yoloSeg) mask(c candidate, out []onnx.Tensor, w *worktop) (g grid, count span, err error) {
	t := out[s.output]
	if !onnx.Fits(t.Shape, []int64{1, int64(s.prototypes), -1, -1}) {
		return g, count, s.network.Model.Mismatch("its prototypes have the shape %v, want [1 %d h w]", t.Shape, s.prototypes)
	}
	g = grid{w: int(t.Shape[3]), h: int(t.Shape[2])}
	w.cells = picture.Grown(w.cells, g.w*g.h)
	g.data = w.cells
	x, y := float64(g.w)/float64(s.fill.Width), float64(g.h)/float64(s.fill.Height)
	left, top := int(math.Ceil(c.Box.X*x)), int(math.Ceil(c.Box.Y*y))
	right, bottom := int(math.Ceil((c.Box.X+c.Box.W)*x)), int(math.Ceil((c.Box.Y+c.Box.H)*y))
	count = span{left, top, right, bottom}.and(span{0, 0, g.w, g.h})
	if count.empty() { // The box lies outside of the input.
		return g, count, nil
	}
	values, step := s.reader.furtherOf(c, out[s.reader.boxes])
	for y := count.y0; y < count.y1; y++ {
		row := g.data[y*g.w+count.x0 : y*g.w+count.x1]
		clear(row)
		for k := range s.prototypes {
			v := values[k*step]
			from := t.Data[(k*g.h+y)*g.w+count.x0:]
			from = from[:len(row)]
			for x := range row {
				row[x] += v * from[x]
			}
		}
	}
	return g, count, nil
}

// touching are the pixels of the input that are made of cells that count, if
// only in part: the reference's zeros in the other cells keep the sign of the sum.
func (s *yoloSeg) touching(g grid, count span) span {
	edge := func(cell float64, n, cells int) float64 { return (cell+0.5)*float64(n)/float64(cells) - 0.5 }
	return span{
		int(math.Floor(edge(float64(count.x0)-1, s.fill.Width, g.w))) + 1,
		int(math.Floor(edge(float64(count.y0)-1, s.fill.Height, g.h))) + 1,
		int(math.Ceil(edge(float64(count.x1), s.fill.Width, g.w))),
		int(math.Ceil(edge(float64(count.y1), s.fill.Height, g.h))),
	}
}
