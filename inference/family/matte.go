package family

import (
	"errors"
	"math"

	"github.com/motionmill/motionmill/inference/fit"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// matte is the family of models that give one probability of "person" for
// each pixel of the whole frame: MODNet, U²-Net, selfie segmentation and their like.
type matte struct {
	view
	sizing   sizing
	area     bool   // averages the px that a sample covers, else interpolates
	activate string // what makes probabilities of what the graph gives
}

// sizing is how a model whose graph leaves the size open chooses it. The zero
// value takes the manifest's.
type sizing struct{ short, multiple int }

// What the graph leaves to do for probabilities.
const (
	activateNone    = "none"
	activateSigmoid = "sigmoid" // of logits of one channel
	activateSoftmax = "softmax" // of logits of background and person
)

func newMatte(n *onnx.Network) (*matte, error) {
	m := n.Model
	if m.Input.Fit == models.FitAffine {
		return nil, m.BadManifest(models.WrongField("input.fit", "is %q, the family matte looks at the whole frame", m.Input.Fit))
	}
	f := &matte{view: viewOf(n)}
	if err := f.options(); err != nil {
		return nil, m.BadManifest(err)
	}
	inputs, outputs := n.Info()
	if len(outputs) == 0 || outputs[0].Type != "float32" {
		return nil, m.Mismatch("the graph's outputs are %v, the family matte gives float32 first", outputs)
	}
	if _, ok := mapOf(outputs[0].Shape); !ok && onnx.IsFixed(outputs[0].Shape) {
		return nil, m.Mismatch("the graph's output is %v, the family matte gives one or two channels", outputs[0])
	}
	if f.sizing.short > 0 && onnx.IsFixed(inputs[0].Shape[1:]) { // whatever it says of the batch
		return nil, m.Mismatch("the graph's input is %v, the manifest's short_side wants an open size", inputs[0])
	}
	return f, nil
}

// options reads the options of the manifest.
func (m *matte) options() error {
	model := m.network.Model
	if err := model.KnownOptions("short_side", "multiple", "resize", "activation"); err != nil {
		return err
	}
	short, err := model.Number("short_side", 0, 1, 4096)
	if err != nil {
		return err
	}
	multiple, err := model.Number("multiple", 32, 1, 512)
	if err != nil {
		return err
	}
	m.sizing = sizing{int(short), int(multiple)}
	if m.sizing.short > 0 && m.sizing.short < m.sizing.multiple {
		return models.WrongField("options.short_side", "%d is less than the multiple %d", m.sizing.short, m.sizing.multiple)
	}
	resize, err := model.Choice("resize", "bilinear", "area")
	if err != nil {
		return err
	}
	m.area = resize == "area"
	m.activate, err = model.Choice("activation", activateNone, activateSigmoid, activateSoftmax)
	return err
}

// of is the size in px at which a picture is looked at: it keeps the picture's,
// unless both sides are longer, or both shorter, than the short side; then
// the shorter becomes that. Both are rounded down to the multiple.
// MODNet, demo/image_matting/colab/inference.py.
func (s sizing) of(pic picture.Picture) (w, h int) {
	w, h = pic.Width, pic.Height
	if shorter := min(w, h); shorter > s.short || max(w, h) < s.short {
		scale := float64(s.short) / float64(shorter)
		w, h = int(float64(w)*scale+1e-6), int(float64(h)*scale+1e-6)
	}
	return max(w-w%s.multiple, s.multiple), max(h-h%s.multiple, s.multiple)
}

// matteMap says how a matte lies in an output tensor.
type matteMap struct{ w, h, start, step, background int }

// mapOf reads [1 c h w], [1 h w c] or [1 h w]; of two channels the second is the person.
func mapOf(shape []int64) (matteMap, bool) {
	dims := make([]int, len(shape))
	for i, n := range shape {
		dims[i] = int(n)
	}
	switch {
	case len(dims) == 3 && dims[0] == 1:
		return matteMap{w: dims[2], h: dims[1], step: 1}, true
	case len(dims) != 4 || dims[0] != 1:
		return matteMap{}, false
	case dims[1] == 1 || dims[1] == 2:
		start := (dims[1] - 1) * dims[2] * dims[3]
		return matteMap{w: dims[3], h: dims[2], start: start, step: 1, background: -start}, true
	case dims[3] == 1 || dims[3] == 2:
		return matteMap{w: dims[2], h: dims[1], start: dims[3] - 1, step: dims[3], background: 1 - dims[3]}, true
	default:
		return matteMap{}, false
	}
}

// input is what the manifest says of it, at the size for frames like pic.
func (m *matte) input(pic picture.Picture) models.Input {
	in := m.network.Model.Input
	if m.sizing.short > 0 {
		in.Width, in.Height = m.sizing.of(pic)
	}
	return in
}

// Size is the width and height in px of the mattes of frames like pic: the
// model's own, less what letterboxing leaves empty.
func (m *matte) Size(pic picture.Picture) (w, h int) {
	p := fit.Place(m.input(pic), pic)
	return p.W, p.H
}

// Film begins a video. Where the size is the video's own, so are the buffers.
func (m *matte) Film(pic picture.Picture) VideoMatter {
	if m.sizing.short == 0 {
		return &matteVideo{matte: *m}
	}
	video := &matteVideo{matte: *m, own: true}
	video.view, video.sizing = viewOf(m.network.Apart(m.input(pic))), sizing{}
	return video
}

// matteVideo is a matte for one video.
type matteVideo struct {
	matte
	own bool // has buffers of its own
}

// Ordered is false: every frame is a picture by itself.
func (v *matteVideo) Ordered() bool { return false }

// Close frees the buffers.
func (v *matteVideo) Close() error {
	if !v.own {
		return nil
	}
	return v.network.Drain()
}

// Cut writes the matte of a frame into dst, grey8, of the size that Size gives;
// 255 is person.
func (m *matte) Cut(pic picture.Picture, dst []byte) error {
	if m.sizing.short > 0 { // It is a picture by itself.
		video := m.Film(pic)
		return errors.Join(video.Cut(pic, dst), video.Close())
	}
	return m.cut(pic, fit.Place(m.network.Model.Input, pic), dst)
}

// PartSize is the model's own size where it sees every frame at that, whatever
// the frame's shape.
func (m *matte) PartSize() (w, h int) {
	if m.sizing.short > 0 || m.area || m.network.Model.Input.Fit != models.FitStretch {
		return 0, 0
	}
	return m.fill.Width, m.fill.Height
}

// CutPart is Cut of a part of a frame, stretched as a whole one would be.
func (m *matte) CutPart(pic picture.Picture, part picture.Rect, dst []byte) error {
	return m.cut(pic, fit.Part(part, m.fill.Width, m.fill.Height), dst)
}

func (m *matte) cut(pic picture.Picture, p fit.Placement, dst []byte) error {
	return m.network.Use(func(l *onnx.Lane) {
		scratch := &worktopOf(l).scratch
		if m.area {
			m.fill.Average(l.Input(), pic, p, scratch)
		} else {
			m.fill.Fill(l.Input(), pic, p, scratch)
		}
	}, func(out []onnx.Tensor) error {
		from, ok := mapOf(out[0].Shape)
		if !ok || from.w != m.fill.Width || from.h != m.fill.Height {
			return m.network.Model.Mismatch("its output has the shape %v, want the input's %d by %d with one or two channels",
				out[0].Shape, m.fill.Width, m.fill.Height)
		}
		if m.activate == activateSoftmax && from.background == 0 {
			return m.network.Model.Mismatch("its output has the shape %v: activation softmax wants two channels", out[0].Shape)
		}
		for y := range p.H {
			at := from.start + ((p.Y+y)*from.w+p.X)*from.step
			m.row(dst[y*p.W:(y+1)*p.W], out[0].Data, at, from)
		}
		return nil
	})
}

// row reads one row of the output from at on.
func (m *matte) row(dst []byte, data []float32, at int, from matteMap) {
	for x := range dst {
		v := data[at]
		switch m.activate {
		case activateSoftmax: // Of two, it is the sigmoid of the difference.
			v = sigmoid32(v - data[at+from.background])
		case activateSigmoid:
			v = sigmoid32(v)
		}
		dst[x] = grey(v)
		at += from.step
	}
}

func sigmoid32(v float32) float32 { return float32(1 / (1 + math.Exp(-float64(v)))) }

func grey(v float32) byte { return byte(min(max(v, 0), 1)*255 + 0.5) }
