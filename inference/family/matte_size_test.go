package family

import (
	"math"
	"testing"

	"github.com/motionmill/motionmill/inference/fit"
	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/job"
)

// The reference's get_scale_factor, for the short side of 512.
func TestSizingIsMODNets(t *testing.T) {
	s := sizing{512, 32}
	for frame, want := range map[[2]int][2]int{
		{1920, 1080}: {896, 512}, // 910 × 512
		{1080, 1920}: {512, 896},
		{640, 360}:   {640, 352}, // neither larger nor smaller: as it is
		{512, 512}:   {512, 512},
		{320, 240}:   {672, 512}, // 682 × 512
		{600, 600}:   {512, 512},
		{511, 40}:    {6528, 512}, // 6540 × 512
	} {
		if w, h := s.of(picture.Picture{Width: frame[0], Height: frame[1]}); w != want[0] || h != want[1] {
			t.Errorf("%v is looked at as %dx%d, want %v", frame, w, h, want)
		}
	}
}

func TestAveragingIsAreas(t *testing.T) {
	for _, c := range []struct{ w, h, toW, toH int }{{37, 23, 10, 7}, {64, 48, 32, 24}, {20, 15, 20, 10}, {9, 9, 13, 17}, {5, 40, 9, 11}} {
		pic := inferencetest.Noise(c.w, c.h)
		in := models.Input{Width: c.toW, Height: c.toH, Layout: "nchw", Colour: "bgr", Mean: []float64{1, 2, 3}, Std: []float64{2, 4, 8}}
		got := make([]float32, 3*c.toW*c.toH)
		var s fit.Scratch
		f := fit.NewFiller(in)
		f.Average(got, pic, fit.Place(in, pic), &s)
		for channel := range 3 {
			for y := range c.toH {
				for x := range c.toW {
					v := byTheArea(pic, c.toW, c.toH, x, y, 2-channel)
					want := (v - in.Mean[channel]) / in.Std[channel]
					if g := float64(got[(channel*c.toH+y)*c.toW+x]); math.Abs(g-want) > 1e-3 {
						t.Fatalf("%+v: channel %d at %d, %d is %v, want %v", c, channel, x, y, g, want)
					}
				}
			}
		}
	}
}

// byTheArea is the mean of the part of the picture that one output px covers on
// axes that shrink, and what lies in the middle of it on axes that grow.
func byTheArea(pic picture.Picture, toW, toH, x, y, channel int) float64 {
	share := func(to, of, at, k int) float64 {
		scale := float64(of) / float64(to)
		if scale > 1 {
			low, high := float64(at)*scale, float64(at+1)*scale
			return math.Max(0, math.Min(high, float64(k+1))-math.Max(low, float64(k))) / scale
		}
		middle := math.Min(math.Max((float64(at)+0.5)*scale-0.5, 0), float64(of-1))
		return math.Max(0, 1-math.Abs(middle-float64(k)))
	}
	sum := 0.0
	for j := range pic.Height {
		for i := range pic.Width {
			sum += share(toW, pic.Width, x, i) * share(toH, pic.Height, y, j) * float64(pic.Pix[(j*pic.Width+i)*3+channel])
		}
	}
	return sum
}

func TestMatteTakesTheSizeOfTheVideo(t *testing.T) {
	const options = "options: {short_side: 64, multiple: 16, resize: area}\n"
	in := onnx.TensorInfo{Name: "in", Type: "float32", Shape: []int64{1, 3, -1, -1}}
	m := inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "matte", "input: {name: in, width: 64, height: 64, fit: stretch}\n"+options))
	w, h := 0, 0
	s := &inferencetest.FakeSession{Inputs: []onnx.TensorInfo{in}, Outputs: []onnx.TensorInfo{{Name: "out", Type: "float32", Shape: []int64{1, 1, -1, -1}}}}
	s.Respond = func(got []float32) ([]onnx.Tensor, error) {
		if len(got) != 3*w*h {
			t.Errorf("the input has %d values, want 3 × %d × %d", len(got), w, h)
		}
		return []onnx.Tensor{{Name: "out", Shape: []int64{1, 1, int64(h), int64(w)}, Data: make([]float32, w*h)}}, nil
	}
	f, err := newMatte(inferencetest.FakeNetwork(t, m, s))
	if err != nil {
		t.Fatal(err)
	}
	for _, frame := range [][4]int{{200, 100, 128, 64}, {90, 300, 64, 208}, {100, 50, 96, 48}} {
		pic := inferencetest.Noise(frame[0], frame[1])
		if w, h = f.Size(pic); w != frame[2] || h != frame[3] {
			t.Fatalf("%v: the matte is %dx%d", frame, w, h)
		}
		video := f.Film(pic)
		for range 3 {
			if err := video.Cut(pic, make([]byte, w*h)); err != nil {
				t.Fatal(err)
			}
		}
		if err := video.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if s.Runners != 3 || s.Closed != 3 {
		t.Errorf("%d buffers were made for 3 videos, %d freed", s.Runners, s.Closed)
	}
	fixed := &inferencetest.FakeSession{Outputs: []onnx.TensorInfo{{Name: "out", Type: "float32", Shape: []int64{1, 1, 64, 64}}}}
	_, err = newMatte(inferencetest.FakeNetwork(t, m, fixed))
	inferencetest.WantKind(t, err, job.ModelMissing)
}

func TestMatteMakesProbabilities(t *testing.T) {
	for activation, c := range map[string]struct {
		shape []int64
		data  []float32
		want  byte
	}{
		"none":    {[]int64{1, 1, 1, 1}, []float32{0.25}, 64},
		"sigmoid": {[]int64{1, 1, 1, 1}, []float32{1}, 186},    // 1 / (1 + 1/e)
		"softmax": {[]int64{1, 2, 1, 1}, []float32{1, 3}, 225}, // e³ / (e¹ + e³)
	} {
		m := inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "matte",
			"input: {name: in, width: 1, height: 1, fit: stretch}\noptions: {activation: "+activation+"}\n"))
		f, err := newMatte(inferencetest.NetworkOf(t, m, c.shape, c.data))
		if err != nil {
			t.Fatal(err)
		}
		got := []byte{0}
		if err := f.Cut(inferencetest.Noise(4, 4), got); err != nil || got[0] != c.want {
			t.Errorf("%s: got %d, want %d, error %v", activation, got[0], c.want, err)
		}
	}
	for _, options := range []string{"{activation: tanh}", "{resize: cubic}", "{short_side: 16}", "{width: 3}"} {
		m := inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "matte", "input: {name: in, width: 1, height: 1, fit: stretch}\noptions: "+options+"\n"))
		_, err := newMatte(inferencetest.NetworkOf(t, m, []int64{1, 1, 1, 1}, nil))
		inferencetest.WantKind(t, err, job.ModelMissing)
	}
	m := inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "matte", "input: {name: in, width: 64, height: 64, fit: stretch}\noptions: {short_side: 64}\n"))
	_, err := newMatte(inferencetest.FakeNetwork(t, m, &inferencetest.FakeSession{ // Only the batch is open.
		Inputs: []onnx.TensorInfo{tensorOf("in", -1, 3, 64, 64)}, Outputs: []onnx.TensorInfo{tensorOf("out", -1, 1, 64, 64)},
	}))
	inferencetest.WantKind(t, err, job.ModelMissing)
	m = inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "matte", "input: {name: in, width: 1, height: 1, fit: stretch}\noptions: {activation: softmax}\n"))
	f, err := newMatte(inferencetest.NetworkOf(t, m, []int64{1, 1, 1, 1}, []float32{1}))
	if err != nil {
		t.Fatal(err)
	}
	inferencetest.WantKind(t, f.Cut(inferencetest.Noise(4, 4), []byte{0}), job.ModelMissing)
}
