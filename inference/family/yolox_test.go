package family

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/job"
)

const yoloxInput = "input: {name: in, width: 64, height: 64, colour: bgr, fit: letterbox-topleft, pad: 114}\n"

func yoloxModel(t *testing.T, rest string) models.Model {
	t.Helper()
	return inferencetest.ModelOf(t, inferencetest.ManifestOf("d", "detect", "yolox", yoloxInput+rest))
}

// rawGrid has 64 cells of stride 8, 16 of 16 and 4 of 32; each with 5 numbers and two classes.
func rawGrid(rows map[int][7]float32) []float32 {
	data := make([]float32, 84*7)
	for row, values := range rows {
		copy(data[row*7:], values[:])
	}
	return data
}

var aboutEqual = cmp.Options{
	cmp.AllowUnexported(picture.Detection{}, picture.Rect{}), cmpopts.EquateApprox(0, 1e-4), cmpopts.EquateEmpty(),
}

func TestYOLOXDecodesTheRawGrid(t *testing.T) {
	log2 := float32(math.Log(2))
	grid := rawGrid(map[int][7]float32{
		// Stride 8, row 1, column 2: centre (2.5·8, 1.5·8), 16 by 8, a cat and hardly a person.
		10: {0.5, 0.5, log2, 0, 0.9, 0.1, 0.9},
		// Stride 16, row 1, column 3 (64 + 1·4 + 3): centre (3.25·16, 1.5·16), 32 by 16.
		71: {0.25, 0.5, log2, 0, 0.9, 0.8, 0},
		// Its neighbour says nearly the same, with less certainty.
		70: {1.2, 0.5, log2, 0, 0.9, 0.5, 0},
		// Stride 32, row 1, column 0 (80 + 2): centre (0.5·32, 1.5·32), 32 by 32.
		82: {0.5, 0.5, 0, 0, 0.5, 1, 0},
		// As sure as others, and surer of a cat.
		12: {0.5, 0.5, 0, 0, 0.9, 0.5, 0.6},
		// Too uncertain.
		83: {0.5, 0.5, 0, 0, 0.5, 0.5, 0},
	})
	d, err := newYOLOX(inferencetest.NetworkOf(t, yoloxModel(t, "classes: [person, cat]\n"), []int64{1, 84, 7}, grid))
	if err != nil {
		t.Fatal(err)
	}
	// A picture of 128 by 96 goes in at half its size: boxes come back doubled, and cut at the edge.
	got, err := d.Detect(inferencetest.Noise(128, 96))
	if err != nil {
		t.Fatal(err)
	}
	want := []picture.Detection{
		{Box: picture.Rect{X: 2 * 36, Y: 2 * 16, W: 128 - 72, H: 32}, Score: 0.72},
		{Box: picture.Rect{X: 0, Y: 2 * 32, W: 64, H: 96 - 64}, Score: 0.5},
	}
	if diff := cmp.Diff(want, got, aboutEqual); diff != "" {
		t.Error(diff)
	}
}

func TestYOLOXReadsExportsWithSuppressionInside(t *testing.T) {
	boxes := onnx.Tensor{Name: "dets", Shape: []int64{1, 3, 5}, Data: []float32{
		1, 2, 11, 22, 0.5, 20, 20, 30, 40, 0.9, 0, 0, 5, 5, 0.1,
	}}
	labels := onnx.Tensor{Name: "labels", Shape: []int64{1, 3}, Data: []float32{0, 1, 0}}
	for _, c := range []struct {
		name string
		out  []onnx.Tensor
		want []picture.Detection
	}{
		{"people only", []onnx.Tensor{boxes}, []picture.Detection{{Box: picture.Rect{X: 20, Y: 20, W: 10, H: 20}, Score: 0.9}, {Box: picture.Rect{X: 1, Y: 2, W: 10, H: 20}, Score: 0.5}}},
		{"with labels, in any order", []onnx.Tensor{labels, boxes}, []picture.Detection{{Box: picture.Rect{X: 1, Y: 2, W: 10, H: 20}, Score: 0.5}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &inferencetest.FakeSession{Respond: func([]float32) ([]onnx.Tensor, error) { return c.out, nil }}
			for _, o := range c.out {
				kind, shape := "float32", []int64{1, -1, 5}
				if o.Name == "labels" {
					kind, shape = "int64", []int64{1, -1}
				}
				s.Outputs = append(s.Outputs, onnx.TensorInfo{Name: o.Name, Type: kind, Shape: shape})
			}
			d, err := newYOLOX(inferencetest.FakeNetwork(t, yoloxModel(t, "classes: [person, cat]\n"), s))
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.Detect(inferencetest.Noise(64, 64))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, aboutEqual); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSuppressKeepsTheBestOfEachPlace(t *testing.T) {
	a, b, c := picture.Rect{X: 0, Y: 0, W: 10, H: 10}, picture.Rect{X: 1, Y: 0, W: 10, H: 10}, picture.Rect{X: 0, Y: 8, W: 10, H: 10}
	got := suppress([]picture.Detection{{Box: b, Score: 0.5}, {Box: a, Score: 0.9}, {Box: c, Score: 0.4}}, 0.45)
	if diff := cmp.Diff([]picture.Detection{{Box: a, Score: 0.9}, {Box: c, Score: 0.4}}, got, aboutEqual); diff != "" {
		t.Error(diff)
	}
}

func TestYOLOXRefuses(t *testing.T) {
	for _, c := range []struct {
		name, rest string
		shape      []int64
		says       string
	}{
		{"no person", "classes: [cat]\n", []int64{1, 84, 6}, "classes"},
		{"other number of classes", "classes: coco80\n", []int64{1, 84, 7}, "outputs"},
		{"other grid", "classes: [person]\n", []int64{1, 85, 6}, "outputs"},
		{"score of words", "classes: [person]\noptions: {score: high}\n", []int64{1, 84, 6}, "options.score"},
		{"unknown option", "classes: [person]\noptions: {nms: 1}\n", []int64{1, 84, 6}, "options.nms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newYOLOX(inferencetest.NetworkOf(t, yoloxModel(t, c.rest), c.shape, nil))
			inferencetest.WantKind(t, err, job.ModelMissing)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error %q does not say %q", err, c.says)
			}
		})
	}
}
