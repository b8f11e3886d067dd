package family

import (
	"github.com/motionmill/motionmill/inference/fit"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// worktop is the memory that a family keeps beside a runner: for filling its
// input and reading its outputs. It grows once and is then reused.
type worktop struct {
	scratch    fit.Scratch
	candidates []candidate
	shapes     [][]int64 // of the outputs
	cells      []float32 // values of a mask's own cells
	row        []float32 // a row between two rows of cells
	across     []share   // of the columns of a mask that is being laid
}

// worktopOf returns the worktop of a lane.
func worktopOf(l *onnx.Lane) *worktop {
	w, ok := l.Memory.(*worktop)
	if !ok {
		w = &worktop{}
		l.Memory = w
	}
	return w
}

// view is a network and how pictures are laid into its input.
type view struct {
	network *onnx.Network
	fill    fit.Filler
}

func viewOf(n *onnx.Network) view { return view{network: n, fill: fit.NewFiller(n.Model.Input)} }

// look runs the network over a picture; read takes the outputs.
func (v view) look(pic picture.Picture, p fit.Placement, read func([]onnx.Tensor) error) error {
	return v.network.Use(func(l *onnx.Lane) {
		v.fill.Fill(l.Input(), pic, p, &worktopOf(l).scratch)
	}, read)
}

// examine is look for a read that wants the worktop, which it has to itself.
func (v view) examine(pic picture.Picture, p fit.Placement, read func(*worktop, []onnx.Tensor) error) error {
	var w *worktop
	return v.network.Use(func(l *onnx.Lane) {
		w = worktopOf(l)
		v.fill.Fill(l.Input(), pic, p, &w.scratch)
	}, func(out []onnx.Tensor) error { return read(w, out) })
}

// people finds the people in a frame, best first; read puts them, in input px,
// into the worktop's candidates.
func (v view) people(pic picture.Picture, read func(*worktop, []onnx.Tensor) error) (found []picture.Detection, err error) {
	p := fit.Place(v.network.Model.Input, pic)
	err = v.examine(pic, p, func(w *worktop, out []onnx.Tensor) error {
		err := read(w, out)
		found = back(w.candidates, p, pic)
		return err
	})
	return found, err
}
