package inference

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/motionmill/motionmill/inference/picture"
)

// rvm is the family of Robust Video Matting (Lin et al., WACV 2022), which remembers the
// frames before: what it hands on goes back in with the next frame. The names are those
// of the reference's export.
type rvm struct {
	network *network
	open    bool    // the graph leaves the size open: it looks at frames as they are
	ratio   float64 // downsample_ratio; 0 is the reference's choice
	loops   [][2]string
	pha     int // which output is the matte
}

func newRVM(n *network) (*rvm, error) {
	m := n.model
	if m.Input.Fit == FitAffine {
		return nil, m.badManifest(wrongField("input.fit", "is %q, the family rvm looks at the whole frame", m.Input.Fit))
	}
	if err := m.knownOptions("downsample_ratio"); err != nil {
		return nil, m.badManifest(err)
	}
	r := &rvm{network: n}
	var err error
	if r.ratio, err = m.number("downsample_ratio", 0, 0.01, 1); err != nil {
		return nil, m.badManifest(err)
	}
	inputs, outputs := n.info()
	at := slices.IndexFunc(inputs, func(in TensorInfo) bool { return in.Name == m.Input.Name })
	if at < 0 {
		return nil, m.mismatch("the graph's inputs are %v, the manifest says %q", inputs, m.Input.Name)
	}
	if err := checkInput(m, inputs[at:at+1]); err != nil {
		return nil, err
	}
	r.open = !isFixed(inputs[at].Shape)
	for _, in := range inputs {
		if in.Type != "float32" || !(in.Name == m.Input.Name || in.Name == "downsample_ratio" || isLoop(in.Name)) {
			return nil, m.mismatch("the family rvm has no input %v (it has src, r1i to r4i and downsample_ratio, float32)", in)
		}
	}
	for i := 1; i <= 4; i++ {
		r.loops = append(r.loops, [2]string{fmt.Sprintf("r%do", i), fmt.Sprintf("r%di", i)})
		if !named(inputs, r.loops[i-1][1]) || !named(outputs, r.loops[i-1][0]) {
			return nil, m.mismatch("the graph goes from %v to %v, the family rvm hands r1o to r4o on to r1i to r4i", inputs, outputs)
		}
	}
	r.pha = slices.IndexFunc(outputs, func(out TensorInfo) bool { return out.Name == "pha" && out.Type == "float32" })
	if r.pha < 0 {
		return nil, m.mismatch("the graph's outputs are %v, the family rvm gives float32 pha", outputs)
	}
	return r, nil
}

func isLoop(name string) bool { return slices.Contains([]string{"r1i", "r2i", "r3i", "r4i"}, name) }

func named(list []TensorInfo, name string) bool {
	return slices.ContainsFunc(list, func(t TensorInfo) bool { return t.Name == name })
}

// isRVM tells by the names whether a graph is of the family.
func isRVM(inputs, outputs []TensorInfo) bool {
	return named(inputs, "r1i") && named(inputs, "r4i") && named(outputs, "r1o") && named(outputs, "r4o") && named(outputs, "pha")
}

// input is what the manifest says of it, at the size for frames like pic.
func (r *rvm) input(pic picture.Picture) Input {
	in := r.network.model.Input
	if r.open {
		in.Width, in.Height, in.Fit = pic.Width, pic.Height, FitStretch
	}
	return in
}

// size is the width and height in px of the mattes of frames like pic.
func (r *rvm) size(pic picture.Picture) (w, h int) {
	p := place(r.input(pic), pic)
	return p.w, p.h
}

// cut looks at a picture by itself.
func (r *rvm) cut(pic picture.Picture, dst []byte) error {
	video := r.film(pic)
	return errors.Join(video.cut(pic, dst), video.close())
}

// film begins a video: nothing is remembered.
func (r *rvm) film(pic picture.Picture) videoMatter {
	in := r.input(pic)
	return &rvmVideo{rvm: r, in: in, fill: newFiller(in)}
}

// loopsOf says how a run of the graph is fed from the one before.
func (r *rvm) loopsOf(in Input) recurrence {
	ratio := r.ratio
	if ratio == 0 { // inference.py of the reference, auto_downsample_ratio
		ratio = math.Min(512/float64(max(in.Width, in.Height)), 1)
	}
	return recurrence{
		input: in.Name, shape: in.shape(), loops: r.loops, start: []int64{1, 1, 1, 1},
		constants: []Array{{Name: "downsample_ratio", Shape: []int64{1}, Data: []float32{float32(ratio)}}},
	}
}

// rvmVideo is the model at work on one video, with what it remembers of it.
// Frames come in order, one at a time.
type rvmVideo struct {
	*rvm
	in      Input
	fill    filler
	memory  *recurrent // nil before the first frame
	scratch scratch
}

func (v *rvmVideo) ordered() bool { return true }

func (v *rvmVideo) close() error {
	if v.memory == nil {
		return nil
	}
	return v.memory.close()
}

// cut writes the matte of the next frame into dst, grey8, of the size that size
// gives; 255 is person.
func (v *rvmVideo) cut(pic picture.Picture, dst []byte) error {
	if v.memory == nil {
		var err error
		if v.memory, err = v.network.recurrent(v.loopsOf(v.in)); err != nil {
			return err
		}
	}
	p := place(v.in, pic)
	return v.memory.use(func(input []float32) {
		v.fill.fill(input, pic, p, &v.scratch)
	}, func(out []tensor) error {
		pha := out[v.pha]
		from, ok := mapOf(pha.shape)
		if !ok || from.background != 0 || from.w != v.in.Width || from.h != v.in.Height {
			return v.network.model.mismatch("its output pha has the shape %v, want the input's %d by %d", pha.shape, v.in.Width, v.in.Height)
		}
		for y := range p.h {
			row := pha.data[(p.y+y)*from.w+p.x:]
			for x := range p.w {
				dst[y*p.w+x] = grey(row[x])
			}
		}
		return nil
	})
}

// runOnce runs the model by itself, on zeros.
func (r *rvm) runOnce() error {
	memory, err := r.network.recurrent(r.loopsOf(r.network.model.Input))
	if err != nil {
		return err
	}
	err = memory.use(func([]float32) {}, func([]tensor) error { return nil })
	return errors.Join(err, memory.close())
}
