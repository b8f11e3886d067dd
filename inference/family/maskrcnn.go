package family

import (
	"math"

	"github.com/motionmill/motionmill/inference/fit"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// maskRCNN is the family of Mask R-CNN: a box, a class, a score and a mask for
// each thing found, none when nothing is. In the layout torchvision the masks are
// of the input's size, in the layout zoo (the ONNX model zoo's) of 28 × 28 cells
// within the box. Boxes are left, top, right, bottom in input px. It serves as
// detector and as matte of all people.
type maskRCNN struct {
	view
	minScore float64
	person   int // the class; 0 is background
	zoo      bool
	shape    []int64 // of the masks; -1 is any number
	// Which outputs hold what.
	boxes, labels, scores, masks int
}

func newMaskRCNN(n *onnx.Network) (*maskRCNN, error) {
	m := n.Model
	d := &maskRCNN{view: viewOf(n), person: 1}
	if m.Input.Fit == models.FitAffine {
		return nil, m.BadManifest(models.WrongField("input.fit", "is %q, the family maskrcnn looks at the whole frame", m.Input.Fit))
	}
	if len(m.Classes) > 0 {
		class, err := m.PersonClass()
		if err != nil {
			return nil, err
		}
		d.person = class + 1
	}
	_, outputs := n.Info()
	if !d.find(outputs) {
		return nil, m.Mismatch("the graph's outputs are %v, the family maskrcnn gives boxes float32[n 4], labels int64[n], scores float32[n] and masks float32[n 1 h w]", outputs)
	}
	return d, d.options(outputs[d.masks].Shape)
}

// find tells the outputs by their types and shapes; names differ.
func (d *maskRCNN) find(outputs []onnx.TensorInfo) bool {
	d.boxes, d.labels, d.scores, d.masks = -1, -1, -1, -1
	for i, o := range outputs {
		whole := o.Type == "int64" || o.Type == "int32"
		switch {
		case whole && len(o.Shape) == 1:
			d.labels = i
		case o.Type != "float32":
		case len(o.Shape) == 1:
			d.scores = i
		case onnx.Fits(o.Shape, []int64{-1, 4}):
			d.boxes = i
		case onnx.Fits(o.Shape, []int64{-1, 1, -1, -1}):
			d.masks = i
		}
	}
	return min(d.boxes, d.labels, d.scores, d.masks) >= 0
}

// zooCells is the width and height of a mask of the layout zoo.
const zooCells = 28

// zooMultiple is what the sides of an input of the layout zoo are multiples of.
const zooMultiple = 32

// options reads the manifest's, given the shape of the masks.
func (d *maskRCNN) options(masks []int64) (err error) {
	m := d.network.Model
	if err = m.KnownOptions("layout", "pad", "score"); err == nil {
		d.minScore, err = m.Number("score", 0.5, 0, 1)
	}
	if err != nil {
		return m.BadManifest(err)
	}
	small := masks[2] == zooCells && masks[3] == zooCells
	switch layout := m.Options["layout"]; layout {
	case nil:
		d.zoo = small
	case "torchvision":
	case "zoo":
		d.zoo = true
	default:
		return m.BadManifest(models.WrongField("options.layout", "is %v, this version has: torchvision, zoo", layout))
	}
	switch pad := m.Options["pad"]; pad {
	case nil:
	case "mean": // The model zoo's reference pads with 0 after it took the mean off.
		d.fill.Pads = [3]float32{}
	default:
		return m.BadManifest(models.WrongField("options.pad", "is %v, this version has: mean", pad))
	}
	d.shape = []int64{-1, 1, int64(d.fill.Height), int64(d.fill.Width)}
	if d.zoo {
		d.shape = []int64{-1, 1, zooCells, zooCells}
	}
	if !onnx.Fits(masks, d.shape) {
		return m.Mismatch("the graph's masks are %v, the manifest's layout gives %v", masks, d.shape)
	}
	if d.zoo && (m.Input.Width%zooMultiple != 0 || m.Input.Height%zooMultiple != 0) {
		return m.BadManifest(models.WrongField("input.width", "%d by %d is not made of multiples of %d, which the layout zoo needs",
			m.Input.Width, m.Input.Height, zooMultiple))
	}
	return nil
}

// Detect finds the people in a frame, best first.
func (d *maskRCNN) Detect(pic picture.Picture) ([]picture.Detection, error) {
	return d.view.people(pic, d.read)
}

// Size is the width and height in px of the mattes of frames like pic: the
// input's, less what letterboxing leaves empty.
func (d *maskRCNN) Size(pic picture.Picture) (w, h int) {
	p := fit.Place(d.network.Model.Input, pic)
	return p.W, p.H
}

// Cut writes the masks of all people together into dst, grey8 of the size that
// Size gives; 255 is person.
func (d *maskRCNN) Cut(pic picture.Picture, dst []byte) error { return d.cut(pic, dst, nil) }

// CutFound is Cut, and gives whom Detect finds, by one run.
func (d *maskRCNN) CutFound(pic picture.Picture, dst []byte) (found []picture.Detection, err error) {
	err = d.cut(pic, dst, &found)
	return found, err
}

// cut tells whom it found where somebody asks.
func (d *maskRCNN) cut(pic picture.Picture, dst []byte, found *[]picture.Detection) error {
	p := fit.Place(d.network.Model.Input, pic)
	return d.examine(pic, p, func(w *worktop, out []onnx.Tensor) error {
		if err := d.read(w, out); err != nil {
			return err
		}
		onto := newCanvas(p, dst)
		for _, c := range w.candidates {
			masks := out[d.masks]
			g := grid{w: int(masks.Shape[3]), h: int(masks.Shape[2])}
			g.data = masks.Data[c.at*g.w*g.h : (c.at+1)*g.w*g.h]
			over := span{0, 0, g.w, g.h} // the whole input
			if d.zoo {
				g, over = framed(g, w), pasted(c.Box)
			}
			onto.lay(g, span{0, 0, g.w, g.h}, over, over, w, tone)
		}
		if found != nil {
			*found = back(w.candidates, p, pic)
		}
		return nil
	})
}

// framed adds a cell of 0 on every side of a mask.
func framed(g grid, w *worktop) grid {
	f := grid{w: g.w + 2, h: g.h + 2}
	w.cells = picture.Grown(w.cells, f.w*f.h)
	f.data = w.cells
	clear(f.data)
	for y := range g.h {
		copy(f.data[(y+1)*f.w+1:], g.data[y*g.w:(y+1)*g.w])
	}
	return f
}

// pasted is where a framed mask lies: the box, grown as the frame grows the
// mask, with fractions dropped. After torchvision's expand_boxes and
// paste_mask_in_image (models/detection/roi_heads.py).
func pasted(box picture.Rect) span {
	const wider = (zooCells + 2.0) / zooCells
	x, y := box.Centre()
	left, top := math.Trunc(x-box.W/2*wider), math.Trunc(y-box.H/2*wider)
	right, bottom := math.Trunc(x+box.W/2*wider), math.Trunc(y+box.H/2*wider)
	return span{int(left), int(top), int(math.Max(right, left)) + 1, int(math.Max(bottom, top)) + 1}
}

// read puts the people in the outputs, best first, into the worktop's candidates.
func (d *maskRCNN) read(w *worktop, out []onnx.Tensor) error {
	w.candidates = w.candidates[:0]
	if err := d.check(out); err != nil {
		return err
	}
	for i, label := range out[d.labels].Data {
		score := float64(out[d.scores].Data[i])
		if int(label) != d.person || score < d.minScore {
			continue
		}
		b := out[d.boxes].Data[4*i : 4*i+4]
		box := picture.Rect{X: float64(b[0]), Y: float64(b[1]), W: float64(b[2] - b[0]), H: float64(b[3] - b[1])}
		w.candidates = append(w.candidates, candidate{picture.Detection{Box: box, Score: score}, i})
	}
	sortByScore(w.candidates)
	return nil
}

// check compares the shapes of what came out with each other and with the layout.
func (d *maskRCNN) check(out []onnx.Tensor) error {
	n, masks := len(out[d.labels].Data), out[d.masks].Shape
	if len(out[d.scores].Data) == n && len(out[d.boxes].Data) == 4*n && onnx.Fits(masks, d.shape) && masks[0] == int64(n) {
		return nil
	}
	return d.network.Model.Mismatch("it found %d things and gives %d scores, %d numbers of boxes and masks of the shape %v, want %v",
		n, len(out[d.scores].Data), len(out[d.boxes].Data), masks, d.shape)
}
