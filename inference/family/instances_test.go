package family

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/job"
)

// segOf is a yolo-seg of one class and two prototypes of 4 by 4 cells for an input of 16 px:
// the first is +4 on the left half and -4 on the right, the second the same of top and bottom.
func segOf(tb testing.TB, places ...[7]float32) (*yoloSeg, error) {
	tb.Helper()
	m := inferencetest.ModelOf(tb, inferencetest.ManifestOf("s", "mask", "yolo-seg", "input: {name: in, width: 16, height: 16, fit: letterbox-centre}\nclasses: [person]\n"))
	n := 8 // more places than channels
	boxes := onnx.Tensor{Name: "output0", Shape: []int64{1, 7, int64(n)}, Data: make([]float32, 7*n)}
	for i, p := range places {
		for channel, v := range p {
			boxes.Data[channel*n+i] = v
		}
	}
	prototypes := onnx.Tensor{Name: "output1", Shape: []int64{1, 2, 4, 4}, Data: make([]float32, 32)}
	for i := range 16 {
		prototypes.Data[i], prototypes.Data[16+i] = 4, 4
		if i%4 >= 2 {
			prototypes.Data[i] = -4
		}
		if i/4 >= 2 {
			prototypes.Data[16+i] = -4
		}
	}
	out := []onnx.Tensor{boxes, prototypes}
	return newYOLOSeg(inferencetest.FakeNetwork(tb, m, &inferencetest.FakeSession{
		Outputs: []onnx.TensorInfo{{Name: "output0", Type: "float32", Shape: boxes.Shape}, {Name: "output1", Type: "float32", Shape: prototypes.Shape}},
		Respond: func([]float32) ([]onnx.Tensor, error) { return out, nil },
	}))
}

// TestYOLOSegLeavesOutWhoIsOutside takes boxes on each side of the input, which weights that are
// bad may give.
func TestYOLOSegLeavesOutWhoIsOutside(t *testing.T) {
	for _, at := range [][2]float32{{30, 8}, {-30, 8}, {8, 30}, {8, -30}, {30, 30}, {1e20, 8}} {
		s, err := segOf(t, [7]float32{at[0], at[1], 4, 16, 0.9, 2, 0})
		if err != nil {
			t.Fatal(err)
		}
		if got := cutOut(t, s, inferencetest.Noise(32, 16)); slices.Max(got) > 0 {
			t.Errorf("somebody about %v shows", at)
		}
	}
}

func TestYOLOSegJoinsPeople(t *testing.T) {
	// One person is the left half of a box that fills the upper half, the other the
	// lower half of one in the right lower quarter. A picture of 32 by 16 leaves the upper and lower quarter empty.
	s, err := segOf(t,
		[7]float32{8, 4, 16, 8, 0.9, 2, 0},
		[7]float32{12, 12, 8, 8, 0.8, 0, -2},
	)
	if err != nil {
		t.Fatal(err)
	}
	pic := inferencetest.Noise(32, 16)
	if w, h := s.Size(pic); w != 16 || h != 8 {
		t.Fatalf("the matte is %dx%d", w, h)
	}
	got := cutOut(t, s, pic)
	for y := range 8 {
		for x := range 16 {
			// The boxes' edges are moved by what a cell beside the box still has of those in it.
			inX, inY := float64(x)+0.5, float64(y)+4.5
			want := inX < 8 && inY < 10 || inX > 6 && inY > 6
			if (got[y*16+x] >= 128) != want {
				t.Errorf("pixel %d, %d is %d", x, y, got[y*16+x])
			}
		}
	}
	found, err := s.Detect(pic)
	if err != nil {
		t.Fatal(err)
	}
	want := []picture.Detection{{Box: picture.Rect{X: 0, Y: 0, W: 32, H: 8}, Score: 0.9}, {Box: picture.Rect{X: 16, Y: 8, W: 16, H: 8}, Score: 0.8}}
	if diff := cmp.Diff(want, found, aboutEqual); diff != "" {
		t.Error(diff)
	}
}

// maskRCNNOf answers with n things, each with a mask of full probability.
func maskRCNNOf(tb testing.TB, options string, masks []int64, things ...[6]float32) (*maskRCNN, error) {
	tb.Helper()
	m := inferencetest.ModelOf(tb, inferencetest.ManifestOf("r", "mask", "maskrcnn",
		"input: {name: in, width: 64, height: 64, layout: chw, fit: letterbox-topleft, mean: [10, 20, 30]}\n"+options))
	n := int64(len(things))
	boxes, scores := onnx.Tensor{Name: "boxes", Shape: []int64{n, 4}, Data: nil}, onnx.Tensor{Name: "scores", Shape: []int64{n}, Data: nil}
	labels := onnx.Tensor{Name: "labels", Shape: []int64{n}, Data: nil}
	cells := onnx.Tensor{Name: "masks", Shape: append([]int64{n}, masks[1:]...), Data: make([]float32, n*masks[2]*masks[3])}
	for _, thing := range things {
		boxes.Data = append(boxes.Data, thing[:4]...)
		scores.Data, labels.Data = append(scores.Data, thing[4]), append(labels.Data, thing[5])
	}
	for i := range cells.Data {
		cells.Data[i] = 1
	}
	out := []onnx.Tensor{cells, boxes, scores, labels}
	return newMaskRCNN(inferencetest.FakeNetwork(tb, m, &inferencetest.FakeSession{
		Outputs: []onnx.TensorInfo{
			{Name: "6887", Type: "float32", Shape: masks}, {Name: "6568", Type: "float32", Shape: []int64{-1, 4}}, {Name: "6572", Type: "float32", Shape: []int64{-1}}, {Name: "6570", Type: "int64", Shape: []int64{-1}},
		},
		Respond: func([]float32) ([]onnx.Tensor, error) { return out, nil },
	}))
}

func TestMaskRCNNPastesMasks(t *testing.T) {
	d, err := maskRCNNOf(t, "", []int64{-1, 1, 28, 28},
		[6]float32{4, 8, 32, 36, 0.9, 1},   // 28 by 28: a cell is a pixel
		[6]float32{50, 30, 80, 60, 0.8, 1}, // reaches out of the picture
		[6]float32{40, 0, 50, 10, 0.9, 2},  // not a person
		[6]float32{40, 0, 50, 10, 0.4, 1},  // too uncertain
	)
	if err != nil {
		t.Fatal(err)
	}
	got := cutOut(t, d, inferencetest.Noise(128, 96))
	count := 0
	for i, v := range got {
		x, y := i%64, i/64
		first := x >= 4 && x < 32 && y >= 8 && y < 36
		second := x >= 50 && y >= 30
		// A mask is pasted to whole pixels: a pixel at its edge is nobody's to tell.
		edge := func(x, y, x0, y0, x1, y1 int) bool {
			return x >= x0-1 && x <= x1 && y >= y0-1 && y <= y1 && (x <= x0 || x >= x1-1 || y <= y0 || y >= y1-1)
		}
		if edge(x, y, 4, 8, 32, 36) || edge(x, y, 50, 30, 80, 60) {
			continue
		}
		if (v >= 128) != (first || second) {
			t.Fatalf("pixel %d, %d is %d", x, y, v)
		}
		count++
	}
	if count < len(got)/2 {
		t.Errorf("only %d pixels were compared", count)
	}
}

func TestMaskRCNNTellsTheLayout(t *testing.T) {
	for _, c := range []struct {
		options string
		masks   []int64
		zoo     bool
		says    string
	}{
		{"", []int64{-1, 1, 28, 28}, true, ""},
		{"", []int64{-1, 1, 64, 64}, false, ""},
		{"", []int64{-1, 1, -1, -1}, false, ""},
		{"options: {layout: zoo, pad: mean}\n", []int64{-1, 1, -1, -1}, true, ""},
		{"options: {layout: torchvision}\n", []int64{-1, 1, 28, 28}, false, "masks"},
		{"options: {layout: zoo}\n", []int64{-1, 1, 64, 64}, false, "masks"},
		{"", []int64{-1, 1, 32, 32}, false, "masks"},
		{"options: {layout: keras}\n", []int64{-1, 1, 28, 28}, false, "options.layout"},
		{"options: {pad: grey}\n", []int64{-1, 1, 28, 28}, false, "options.pad"},
		{"classes: [cat]\n", []int64{-1, 1, 28, 28}, false, "classes"},
	} {
		d, err := maskRCNNOf(t, c.options, c.masks)
		if c.says == "" {
			if err != nil || d.zoo != c.zoo {
				t.Errorf("%s%v: zoo %v, error %v", c.options, c.masks, d != nil && d.zoo, err)
			}
			continue
		}
		inferencetest.WantKind(t, err, job.ModelMissing)
		if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s%v: the error %q does not say %q", c.options, c.masks, err, c.says)
		}
	}
	s := &inferencetest.FakeSession{Outputs: []onnx.TensorInfo{{Name: "masks", Type: "float32", Shape: []int64{-1, 1, 28, 28}}, {Name: "boxes", Type: "float32", Shape: []int64{-1, 4}}}}
	_, err := newMaskRCNN(inferencetest.FakeNetwork(t, inferencetest.ModelOf(t, inferencetest.ManifestOf("r", "mask", "maskrcnn", inferencetest.MatteInput)), s))
	if inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(err.Error(), "labels") {
		t.Errorf("got %v", err)
	}
	odd := inferencetest.ModelOf(t, inferencetest.ManifestOf("r", "mask", "maskrcnn", "input: {name: in, width: 70, height: 64, layout: chw, fit: stretch}\n"))
	_, err = newMaskRCNN(inferencetest.FakeNetwork(t, odd, &inferencetest.FakeSession{Outputs: []onnx.TensorInfo{
		{Name: "b", Type: "float32", Shape: []int64{-1, 4}}, {Name: "l", Type: "int64", Shape: []int64{-1}}, {Name: "s", Type: "float32", Shape: []int64{-1}}, {Name: "m", Type: "float32", Shape: []int64{-1, 1, 28, 28}},
	}}))
	if inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(err.Error(), "multiples of 32") {
		t.Errorf("got %v", err)
	}
}

// TestMaskRCNNPadding lets what is not picture be a grey of the manifest, or the mean.
func TestMaskRCNNPadding(t *testing.T) {
	for options, want := range map[string][3]float32{"": {-10, -20, -30}, "options: {pad: mean}\n": {}} {
		d, err := maskRCNNOf(t, options, []int64{-1, 1, 28, 28})
		if err != nil {
			t.Fatal(err)
		}
		w := newWitness(t, d.network)
		d.network = w.Network
		cutOut(t, d, inferencetest.Noise(64, 32))
		for channel, v := range want {
			if got := w.input[channel*64*64+40*64+5]; got != v {
				t.Errorf("%schannel %d is padded with %v, want %v", options, channel, got, v)
			}
		}
	}
}

// TestMaskRCNNNeedsAllOutputs lets what comes out not fit together.
func TestMaskRCNNNeedsAllOutputs(t *testing.T) {
	d, err := maskRCNNOf(t, "", []int64{-1, 1, 28, 28}, [6]float32{4, 8, 32, 36, 0.9, 1})
	if err != nil {
		t.Fatal(err)
	}
	real := d.network
	inputs, outputs := real.Info()
	for i := range 4 {
		d.network = inferencetest.FakeNetwork(t, real.Model, &inferencetest.FakeSession{
			Inputs: inputs, Outputs: outputs, Respond: func([]float32) (out []onnx.Tensor, err error) {
				err = real.Use(func(*onnx.Lane) {}, func(right []onnx.Tensor) error { out = slices.Clone(right); return nil })
				out[i].Data, out[i].Shape = nil, []int64{0, 1, 28, 28}
				return out, err
			},
		})
		_, err = d.Detect(inferencetest.Noise(64, 64))
		inferencetest.WantKind(t, err, job.ModelMissing)
	}
}

// TestMasksAreFoundAndCutByOneRun compares it with finding and cutting apart.
func TestMasksAreFoundAndCutByOneRun(t *testing.T) {
	seg, err := segOf(t, [7]float32{8, 4, 16, 8, 0.9, 2, 0}, [7]float32{12, 12, 8, 8, 0.8, 0, -2})
	if err != nil {
		t.Fatal(err)
	}
	zoo, err := maskRCNNOf(t, "", []int64{-1, 1, 28, 28}, [6]float32{4, 8, 32, 36, 0.9, 1}, [6]float32{9, 8, 32, 36, 0.9, 1})
	if err != nil {
		t.Fatal(err)
	}
	pic := inferencetest.Noise(200, 100)
	for name, m := range map[string]Masker{"yolo-seg": seg, "maskrcnn": zoo} {
		want, err := m.Detect(pic)
		if err != nil || len(want) == 0 {
			t.Fatalf("%s: found %v, error %v", name, want, err)
		}
		apart := cutOut(t, m, pic)
		together := make([]byte, len(apart))
		got, err := m.CutFound(pic, together)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" || !bytes.Equal(together, apart) {
			t.Errorf("%s: by one run it is another: %s", name, diff)
		}
	}
}

// TestMasksAllocateNothing wants the memory of a lane to be reused from frame to frame.
func TestMasksAllocateNothing(t *testing.T) {
	seg, err := segOf(t, [7]float32{8, 4, 16, 8, 0.9, 2, 0}, [7]float32{12, 12, 8, 8, 0.8, 0, -2})
	if err != nil {
		t.Fatal(err)
	}
	zoo, err := maskRCNNOf(t, "", []int64{-1, 1, 28, 28}, [6]float32{4, 8, 32, 36, 0.9, 1}, [6]float32{9, 8, 32, 36, 0.9, 1})
	if err != nil {
		t.Fatal(err)
	}
	bare, err := yoloOf(t, onnx.Tensor{Name: "out", Shape: []int64{1, 3, 6}, Data: []float32{1, 2, 3, 4, 0.5, 0, 1, 2, 3, 4, 0.9, 0, 1, 2, 3, 4, 0.7, 0}})
	if err != nil {
		t.Fatal(err)
	}
	pic := inferencetest.Noise(200, 100)
	for name, m := range map[string]Matter{"yolo-seg": seg, "maskrcnn": zoo} {
		w, h := m.Size(pic)
		grey := make([]byte, w*h)
		if n := testing.AllocsPerRun(20, func() { _ = m.Cut(pic, grey) }); n != 0 {
			t.Errorf("%s: a matte takes %v allocations", name, n)
		}
	}
	for name, d := range map[string]Detector{"yolo-seg": seg, "maskrcnn": zoo, "yolo": bare} {
		// What is found is handed out, and the caller's to keep.
		if n := testing.AllocsPerRun(20, func() { _, _ = d.Detect(pic) }); n > 1 {
			t.Errorf("%s: a detection takes %v allocations", name, n)
		}
	}
}
