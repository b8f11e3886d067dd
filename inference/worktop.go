package inference

import "github.com/motionmill/motionmill/inference/picture"

// worktop is the memory that a family keeps beside a runner: for filling its
// input and reading its outputs. It grows once and is then reused.
type worktop struct {
	scratch    scratch
	candidates []candidate
	shapes     [][]int64 // of the outputs
	cells      []float32 // values of a mask's own cells
	row        []float32 // a row between two rows of cells
	across     []share   // of the columns of a mask that is being laid
}

// worktopOf returns the worktop of a lane.
func worktopOf(l *lane) *worktop {
	w, ok := l.memory.(*worktop)
	if !ok {
		w = &worktop{}
		l.memory = w
	}
	return w
}

// view is a network and how pictures are laid into its input.
type view struct {
	network *network
	fill    filler
}

func viewOf(n *network) view { return view{network: n, fill: newFiller(n.model.Input)} }

// look runs the network over a picture; read takes the outputs.
func (v view) look(pic picture.Picture, p placement, read func([]tensor) error) error {
	return v.network.use(func(l *lane) {
		v.fill.fill(l.Input(), pic, p, &worktopOf(l).scratch)
	}, read)
}

// examine is look for a read that wants the worktop, which it has to itself.
func (v view) examine(pic picture.Picture, p placement, read func(*worktop, []tensor) error) error {
	var w *worktop
	return v.network.use(func(l *lane) {
		w = worktopOf(l)
		v.fill.fill(l.Input(), pic, p, &w.scratch)
	}, func(out []tensor) error { return read(w, out) })
}

// people finds the people in a frame, best first; read puts them, in input px,
// into the worktop's candidates.
func (v view) people(pic picture.Picture, read func(*worktop, []tensor) error) (found []picture.Detection, err error) {
	p := place(v.network.model.Input, pic)
	err = v.examine(pic, p, func(w *worktop, out []tensor) error {
		err := read(w, out)
		found = back(w.candidates, p, pic)
		return err
	})
	return found, err
}
