package family

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/job"
)

const yoloInput = "input: {name: in, width: 64, height: 64, std: [255, 255, 255], fit: letterbox-centre, pad: 114}\n"

func yoloModel(tb testing.TB, rest string) models.Model {
	tb.Helper()
	return inferencetest.ModelOf(tb, inferencetest.ManifestOf("d", "detect", "yolo", yoloInput+rest))
}

// yoloOf is a model of two classes, person and cat, that answers with one or more tensors.
func yoloOf(tb testing.TB, out ...onnx.Tensor) (*yolo, error) {
	tb.Helper()
	s := &inferencetest.FakeSession{Respond: func([]float32) ([]onnx.Tensor, error) { return out, nil }}
	for _, o := range out {
		kind := "float32"
		if o.Name == "labels" {
			kind = "int64"
		}
		s.Outputs = append(s.Outputs, onnx.TensorInfo{Name: o.Name, Type: kind, Shape: o.Shape})
	}
	return newYOLO(inferencetest.FakeNetwork(tb, yoloModel(tb, "classes: [person, cat]\n"), s))
}

func TestYOLOTellsTheLayout(t *testing.T) {
	// A picture of 128 by 96 lies at half its size in rows 8 to 55.
	want := []picture.Detection{{Box: picture.Rect{X: 80, Y: 24, W: 32, H: 40}, Score: 0.9}, {Box: picture.Rect{X: 16, Y: 0, W: 16, H: 24}, Score: 0.5}} // the second is cut at the upper edge
	for name, out := range map[string][]onnx.Tensor{
		"raw": {{Name: "out", Shape: []int64{1, 6, 7}, Data: []float32{
			12, 48, 49, 30, 30, 48, 12, // centre x
			12, 30, 30, 30, 30, 30, 12, // centre y
			8, 16, 16, 10, 10, 16, 8,
			16, 20, 20, 10, 10, 20, 16,
			0.5, 0.9, 0.8, 0.2, 0.6, 0.7, 0.3, // doubles of both, one too uncertain, one more of a cat
			0, 0.1, 0, 0, 0.7, 0, 0,
		}}},
		"end to end": {{Name: "out", Shape: []int64{1, 4, 6}, Data: []float32{
			8, 4, 16, 20, 0.5, 0,
			40, 20, 56, 40, 0.9, 0,
			0, 0, 60, 60, 0.9, 1,
			25, 25, 35, 35, 0.2, 0,
		}}},
		"rows and labels, in any order": {
			{Name: "labels", Shape: []int64{1, 4}, Data: []float32{0, 1, 0, 0}},
			{Name: "dets", Shape: []int64{1, 4, 5}, Data: []float32{8, 4, 16, 20, 0.5, 0, 0, 60, 60, 0.9, 40, 20, 56, 40, 0.9, 25, 25, 35, 35, 0.2}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := yoloOf(t, out...)
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.Detect(inferencetest.Noise(128, 96))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, aboutEqual); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestYOLOFindsNobody(t *testing.T) {
	for name, shape := range map[string][]int64{"raw": {1, 6, 84}, "end to end": {1, 0, 6}, "rows": {1, 0, 5}} {
		n := shape[1] * shape[2]
		d, err := yoloOf(t, onnx.Tensor{Name: "out", Shape: shape, Data: make([]float32, n)})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.Detect(inferencetest.Noise(40, 30)); err != nil || len(got) != 0 {
			t.Errorf("%s: found %v, error %v", name, got, err)
		}
	}
}

// TestYOLOKeepsToItsLayout lets the output of an open graph be another than the classes say.
func TestYOLOKeepsToItsLayout(t *testing.T) {
	open := []onnx.TensorInfo{{Name: "out", Type: "float32", Shape: []int64{-1, -1, -1}}}
	for _, shape := range [][]int64{{1, 84, 84}, {1, 84, 6, 1}, {2, 6, 84}, {1, 84, 7}} {
		s := &inferencetest.FakeSession{Outputs: open, Respond: func([]float32) ([]onnx.Tensor, error) {
			return []onnx.Tensor{{Name: "out", Shape: shape, Data: make([]float32, 84*84*2)}}, nil
		}}
		d, err := newYOLO(inferencetest.FakeNetwork(t, yoloModel(t, "classes: [person, cat]\n"), s))
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.Detect(inferencetest.Noise(9, 9))
		inferencetest.WantKind(t, err, job.ModelMissing)
	}
}

func TestYOLORefuses(t *testing.T) {
	for _, c := range []struct {
		name, input, rest string
		shape             []int64
		says              string
	}{
		{"no person", yoloInput, "classes: [cat]\n", []int64{1, 5, 84}, "classes"},
		{"other number of classes", yoloInput, "classes: coco80\n", []int64{1, 6, 84}, "outputs"},
		{"transposed", yoloInput, "classes: coco80\n", []int64{1, 8400, 84}, "outputs"},
		{"score of words", yoloInput, "classes: [person]\noptions: {score: high}\n", []int64{1, 5, 84}, "options.score"},
		{"unknown option", yoloInput, "classes: [person]\noptions: {nms: 1}\n", []int64{1, 5, 84}, "options.nms"},
		{"crops", strings.Replace(yoloInput, "letterbox-centre", "affine", 1), "classes: [person]\n", []int64{1, 5, 84}, "input.fit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := inferencetest.ModelOf(t, inferencetest.ManifestOf("d", "detect", "yolo", c.input+c.rest))
			_, err := newYOLO(inferencetest.NetworkOf(t, m, c.shape, nil))
			inferencetest.WantKind(t, err, job.ModelMissing)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error %q does not say %q", err, c.says)
			}
		})
	}
}

func TestRTMDetRefusesAndFindsNobody(t *testing.T) {
	model := func(input, rest string) models.Model {
		return inferencetest.ModelOf(t, inferencetest.ManifestOf("d", "detect", "rtmdet", input+rest))
	}
	const topLeft = "input: {name: in, width: 64, height: 64, fit: letterbox-topleft, pad: 114}\n"
	both := func(boxes, labels []int64) *inferencetest.FakeSession {
		return &inferencetest.FakeSession{
			Outputs: []onnx.TensorInfo{{Name: "dets", Type: "float32", Shape: []int64{-1, -1, -1}}, {Name: "labels", Type: "int64", Shape: []int64{-1, -1}}},
			Respond: func([]float32) ([]onnx.Tensor, error) {
				return []onnx.Tensor{{Name: "dets", Shape: boxes, Data: make([]float32, boxes[1]*boxes[2])}, {Name: "labels", Shape: labels, Data: make([]float32, labels[1])}}, nil
			},
		}
	}
	for _, c := range []struct {
		name string
		m    models.Model
		s    *inferencetest.FakeSession
		says string
	}{
		{"no person", model(topLeft, "classes: [cat]\n"), both([]int64{1, 1, 5}, []int64{1, 1}), "classes"},
		{"centred", model(yoloInput, "classes: [person]\n"), both([]int64{1, 1, 5}, []int64{1, 1}), "input.fit"},
		{"an option of another", model(topLeft, "classes: [person]\noptions: {nms: 0.5}\n"), both([]int64{1, 1, 5}, []int64{1, 1}), "options.nms"},
		{"no labels", model(topLeft, "classes: [person]\n"), &inferencetest.FakeSession{Outputs: []onnx.TensorInfo{{Name: "dets", Type: "float32", Shape: []int64{1, -1, 5}}}}, "outputs"},
	} {
		_, err := newRTMDet(inferencetest.FakeNetwork(t, c.m, c.s))
		inferencetest.WantKind(t, err, job.ModelMissing)
		if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: the error %q does not say %q", c.name, err, c.says)
		}
	}
	for _, c := range []struct {
		boxes, labels []int64
		ok            bool
	}{
		{[]int64{1, 0, 5}, []int64{1, 0}, true},
		{[]int64{1, 3, 5}, []int64{1, 3}, true}, // of no score
		{[]int64{1, 3, 6}, []int64{1, 3}, false},
		{[]int64{1, 3, 5}, []int64{1, 2}, false},
	} {
		d, err := newRTMDet(inferencetest.FakeNetwork(t, model(topLeft, "classes: [person]\n"), both(c.boxes, c.labels)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Detect(inferencetest.Noise(30, 40))
		if (err == nil) != c.ok || len(got) != 0 {
			t.Errorf("%v, %v: found %v, error %v", c.boxes, c.labels, got, err)
		}
		if !c.ok {
			inferencetest.WantKind(t, err, job.ModelMissing)
		}
	}
}

// TestRTMDetHeadTakesEachClassByItself wants a person to be found where a cat is likelier, as
// exports with the suppression of doubles inside find one (MMDetection, filter_scores_and_topk).
func TestRTMDetHeadTakesEachClassByItself(t *testing.T) {
	m := inferencetest.ModelOf(t, inferencetest.ManifestOf("d", "detect", "rtmdet",
		"input: {name: in, width: 64, height: 64, fit: letterbox-topleft, pad: 114}\nclasses: [person, cat]\n"))
	s := &inferencetest.FakeSession{}
	var out []onnx.Tensor
	for i := range 6 {
		channels, side := int64(2), int64(8>>(i%3))
		if i >= 3 {
			channels = 4
		}
		o := onnx.Tensor{Name: inferencetest.Itoa(i), Shape: []int64{1, channels, side, side}, Data: make([]float32, channels*side*side)}
		for at := range o.Data {
			o.Data[at] = -10
			if i >= 3 {
				o.Data[at] = 4
			}
		}
		s.Outputs = append(s.Outputs, onnx.TensorInfo{Name: o.Name, Type: "float32", Shape: o.Shape})
		out = append(out, o)
	}
	out[0].Data[3*8+2], out[0].Data[64+3*8+2] = 1, 2 // a person and a cat at (16, 24)
	s.Respond = func([]float32) ([]onnx.Tensor, error) { return out, nil }
	d, err := newRTMDet(inferencetest.FakeNetwork(t, m, s))
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Detect(inferencetest.Noise(64, 64))
	want := []picture.Detection{{Box: picture.Rect{X: 12, Y: 20, W: 8, H: 8}, Score: 1 / (1 + math.Exp(-1))}}
	if diff := cmp.Diff(want, got, aboutEqual); err != nil || diff != "" {
		t.Error(err, diff)
	}
}
