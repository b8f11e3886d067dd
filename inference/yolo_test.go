package inference

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/job"
)

const yoloInput = "input: {name: in, width: 64, height: 64, std: [255, 255, 255], fit: letterbox-centre, pad: 114}\n"

func yoloModel(tb testing.TB, rest string) Model {
	tb.Helper()
	return modelOf(tb, manifestOf("d", "detect", "yolo", yoloInput+rest))
}

// yoloOf is a model of two classes, person and cat, that answers with one or more tensors.
func yoloOf(tb testing.TB, out ...tensor) (*yolo, error) {
	tb.Helper()
	s := &fakeSession{respond: func([]float32) ([]tensor, error) { return out, nil }}
	for _, o := range out {
		kind := "float32"
		if o.name == "labels" {
			kind = "int64"
		}
		s.outputs = append(s.outputs, TensorInfo{Name: o.name, Type: kind, Shape: o.shape})
	}
	return newYOLO(fakeNetwork(tb, yoloModel(tb, "classes: [person, cat]\n"), s))
}

func TestYOLOTellsTheLayout(t *testing.T) {
	// A picture of 128 by 96 lies at half its size in rows 8 to 55.
	want := []picture.Detection{{Box: picture.Rect{X: 80, Y: 24, W: 32, H: 40}, Score: 0.9}, {Box: picture.Rect{X: 16, Y: 0, W: 16, H: 24}, Score: 0.5}} // the second is cut at the upper edge
	for name, out := range map[string][]tensor{
		"raw": {{"out", []int64{1, 6, 7}, []float32{
			12, 48, 49, 30, 30, 48, 12, // centre x
			12, 30, 30, 30, 30, 30, 12, // centre y
			8, 16, 16, 10, 10, 16, 8,
			16, 20, 20, 10, 10, 20, 16,
			0.5, 0.9, 0.8, 0.2, 0.6, 0.7, 0.3, // doubles of both, one too uncertain, one more of a cat
			0, 0.1, 0, 0, 0.7, 0, 0,
		}}},
		"end to end": {{"out", []int64{1, 4, 6}, []float32{
			8, 4, 16, 20, 0.5, 0,
			40, 20, 56, 40, 0.9, 0,
			0, 0, 60, 60, 0.9, 1,
			25, 25, 35, 35, 0.2, 0,
		}}},
		"rows and labels, in any order": {
			{"labels", []int64{1, 4}, []float32{0, 1, 0, 0}},
			{"dets", []int64{1, 4, 5}, []float32{8, 4, 16, 20, 0.5, 0, 0, 60, 60, 0.9, 40, 20, 56, 40, 0.9, 25, 25, 35, 35, 0.2}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := yoloOf(t, out...)
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.detect(noise(128, 96))
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
		d, err := yoloOf(t, tensor{"out", shape, make([]float32, n)})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := d.detect(noise(40, 30)); err != nil || len(got) != 0 {
			t.Errorf("%s: found %v, error %v", name, got, err)
		}
	}
}

// TestYOLOKeepsToItsLayout lets the output of an open graph be another than the classes say.
func TestYOLOKeepsToItsLayout(t *testing.T) {
	open := []TensorInfo{{"out", "float32", []int64{-1, -1, -1}}}
	for _, shape := range [][]int64{{1, 84, 84}, {1, 84, 6, 1}, {2, 6, 84}, {1, 84, 7}} {
		s := &fakeSession{outputs: open, respond: func([]float32) ([]tensor, error) {
			return []tensor{{"out", shape, make([]float32, 84*84*2)}}, nil
		}}
		d, err := newYOLO(fakeNetwork(t, yoloModel(t, "classes: [person, cat]\n"), s))
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.detect(noise(9, 9))
		wantKind(t, err, job.ModelMissing)
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
			m := modelOf(t, manifestOf("d", "detect", "yolo", c.input+c.rest))
			_, err := newYOLO(networkOf(t, m, c.shape, nil))
			wantKind(t, err, job.ModelMissing)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error %q does not say %q", err, c.says)
			}
		})
	}
}

func TestRTMDetRefusesAndFindsNobody(t *testing.T) {
	model := func(input, rest string) Model {
		return modelOf(t, manifestOf("d", "detect", "rtmdet", input+rest))
	}
	const topLeft = "input: {name: in, width: 64, height: 64, fit: letterbox-topleft, pad: 114}\n"
	both := func(boxes, labels []int64) *fakeSession {
		return &fakeSession{
			outputs: []TensorInfo{{"dets", "float32", []int64{-1, -1, -1}}, {"labels", "int64", []int64{-1, -1}}},
			respond: func([]float32) ([]tensor, error) {
				return []tensor{{"dets", boxes, make([]float32, boxes[1]*boxes[2])}, {"labels", labels, make([]float32, labels[1])}}, nil
			},
		}
	}
	for _, c := range []struct {
		name string
		m    Model
		s    *fakeSession
		says string
	}{
		{"no person", model(topLeft, "classes: [cat]\n"), both([]int64{1, 1, 5}, []int64{1, 1}), "classes"},
		{"centred", model(yoloInput, "classes: [person]\n"), both([]int64{1, 1, 5}, []int64{1, 1}), "input.fit"},
		{"an option of another", model(topLeft, "classes: [person]\noptions: {nms: 0.5}\n"), both([]int64{1, 1, 5}, []int64{1, 1}), "options.nms"},
		{"no labels", model(topLeft, "classes: [person]\n"), &fakeSession{outputs: []TensorInfo{{"dets", "float32", []int64{1, -1, 5}}}}, "outputs"},
	} {
		_, err := newRTMDet(fakeNetwork(t, c.m, c.s))
		wantKind(t, err, job.ModelMissing)
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
		d, err := newRTMDet(fakeNetwork(t, model(topLeft, "classes: [person]\n"), both(c.boxes, c.labels)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.detect(noise(30, 40))
		if (err == nil) != c.ok || len(got) != 0 {
			t.Errorf("%v, %v: found %v, error %v", c.boxes, c.labels, got, err)
		}
		if !c.ok {
			wantKind(t, err, job.ModelMissing)
		}
	}
}
