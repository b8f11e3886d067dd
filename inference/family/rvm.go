package family

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/motionmill/motionmill/inference/fit"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// rvm is the family of Robust Video Matting (Lin et al., WACV 2022), which remembers the
// frames before: what it hands on goes back in with the next frame. The names are those
// of the reference's export.
type rvm struct {
	network *onnx.Network
	open    bool    // the graph leaves the size open: it looks at frames as they are
	ratio   float64 // downsample_ratio; 0 is the reference's choice
	loops   [][2]string
	pha     int // which output is the matte
}

func newRVM(n *onnx.Network) (*rvm, error) {
	m := n.Model
	if m.Input.Fit == models.FitAffine {
		return nil, m.BadManifest(models.WrongField("input.fit", "is %q, the family rvm looks at the whole frame", m.Input.Fit))
	}
	if err := m.KnownOptions("downsample_ratio"); err != nil {
		return nil, m.BadManifest(err)
	}
	r := &rvm{network: n}
	var err error
	if r.ratio, err = m.Number("downsample_ratio", 0, 0.01, 1); err != nil {
		return nil, m.BadManifest(err)
	}
	inputs, outputs := n.Info()
	at := slices.IndexFunc(inputs, func(in onnx.TensorInfo) bool { return in.Name == m.Input.Name })
	if at < 0 {
		return nil, m.Mismatch("the graph's inputs are %v, the manifest says %q", inputs, m.Input.Name)
	}
	if err := onnx.CheckInput(m, inputs[at:at+1]); err != nil {
		return nil, err
	}
	r.open = !onnx.IsFixed(inputs[at].Shape[1:]) // whatever it says of the batch
	for _, in := range inputs {
		if in.Type != "float32" || !(in.Name == m.Input.Name || in.Name == "downsample_ratio" || isLoop(in.Name)) {
			return nil, m.Mismatch("the family rvm has no input %v (it has src, r1i to r4i and downsample_ratio, float32)", in)
		}
	}
	for i := 1; i <= 4; i++ {
		r.loops = append(r.loops, [2]string{fmt.Sprintf("r%do", i), fmt.Sprintf("r%di", i)})
		if !named(inputs, r.loops[i-1][1]) || !named(outputs, r.loops[i-1][0]) {
			return nil, m.Mismatch("the graph goes from %v to %v, the family rvm hands r1o to r4o on to r1i to r4i", inputs, outputs)
		}
	}
	r.pha = slices.IndexFunc(outputs, func(out onnx.TensorInfo) bool { return out.Name == "pha" && out.Type == "float32" })
	if r.pha < 0 {
		return nil, m.Mismatch("the graph's outputs are %v, the family rvm gives float32 pha", outputs)
	}
	return r, nil
}

func isLoop(name string) bool { return slices.Contains([]string{"r1i", "r2i", "r3i", "r4i"}, name) }

func named(list []onnx.TensorInfo, name string) bool {
	return slices.ContainsFunc(list, func(t onnx.TensorInfo) bool { return t.Name == name })
}

// isRVM tells by the names whether a graph is of the family.
func isRVM(inputs, outputs []onnx.TensorInfo) bool {
	return named(inputs, "r1i") && named(inputs, "r4i") && named(outputs, "r1o") && named(outputs, "r4o") && named(outputs, "pha")
}

// input is what the manifest says of it, at the size for frames like pic.
func (r *rvm) input(pic picture.Picture) models.Input {
	in := r.network.Model.Input
	if r.open {
		in.Width, in.Height, in.Fit = pic.Width, pic.Height, models.FitStretch
	}
	return in
}

// Size is the width and height in px of the mattes of frames like pic.
func (r *rvm) Size(pic picture.Picture) (w, h int) {
	p := fit.Place(r.input(pic), pic)
	return p.W, p.H
}

// Cut looks at a picture by itself.
func (r *rvm) Cut(pic picture.Picture, dst []byte) error {
	video := r.Film(pic)
	return errors.Join(video.Cut(pic, dst), video.Close())
}

// Film begins a video: nothing is remembered.
func (r *rvm) Film(pic picture.Picture) VideoMatter {
	in := r.input(pic)
	return &rvmVideo{rvm: r, in: in, fill: fit.NewFiller(in)}
}

// loopsOf says how a run of the graph is fed from the one before.
func (r *rvm) loopsOf(in models.Input) onnx.Recurrence {
	ratio := r.ratio
	if ratio == 0 { // inference.py of the reference, auto_downsample_ratio
		ratio = math.Min(512/float64(max(in.Width, in.Height)), 1)
	}
	return onnx.Recurrence{
		Input: in.Name, Shape: in.Shape(), Loops: r.loops, Start: []int64{1, 1, 1, 1},
		Constants: []onnx.Array{{Name: "downsample_ratio", Shape: []int64{1}, Data: []float32{float32(ratio)}}},
	}
}

// rvmVideo is the model at work on one video, with what it remembers of it.
// Frames come in order, one at a time.
type rvmVideo struct {
	*rvm
	in      models.Input
	fill    fit.Filler
	memory  *onnx.Recurrent // nil before the first frame
	scratch fit.Scratch
}

// Ordered is true: each frame needs the one before.
func (v *rvmVideo) Ordered() bool { return true }

// Close forgets what it remembers.
func (v *rvmVideo) Close() error {
	if v.memory == nil {
		return nil
	}
	return v.memory.Close()
}

// Cut writes the matte of the next frame into dst, grey8, of the size that size
// gives; 255 is person.
func (v *rvmVideo) Cut(pic picture.Picture, dst []byte) error {
	if v.memory == nil {
		var err error
		if v.memory, err = v.network.Recurrent(v.loopsOf(v.in)); err != nil {
			return err
		}
	}
	p := fit.Place(v.in, pic)
	return v.memory.Use(func(input []float32) {
		v.fill.Fill(input, pic, p, &v.scratch)
	}, func(out []onnx.Tensor) error {
		pha := out[v.pha]
		from, ok := mapOf(pha.Shape)
		if !ok || from.background != 0 || from.w != v.in.Width || from.h != v.in.Height {
			return v.network.Model.Mismatch("its output pha has the shape %v, want the input's %d by %d", pha.Shape, v.in.Width, v.in.Height)
		}
		for y := range p.H {
			row := pha.Data[(p.Y+y)*from.w+p.X:]
			for x := range p.W {
				dst[y*p.W+x] = grey(row[x])
			}
		}
		return nil
	})
}

// runOnce runs the model by itself, on zeros.
func (r *rvm) runOnce() error {
	memory, err := r.network.Recurrent(r.loopsOf(r.network.Model.Input))
	if err != nil {
		return err
	}
	err = memory.Use(func([]float32) {}, func([]onnx.Tensor) error { return nil })
	return errors.Join(err, memory.Close())
}
