package family

import (
	"slices"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
)

// TestDraftsOfDetectors wants the family, size and classes that shapes tell, and none of what they do not.
func TestDraftsOfDetectors(t *testing.T) {
	out := func(name, kind string, shape ...int64) onnx.TensorInfo {
		return onnx.TensorInfo{Name: name, Type: kind, Shape: shape}
	}
	square := []int64{1, 3, 640, 640}
	for name, c := range map[string]struct {
		input   []int64
		outputs []onnx.TensorInfo
		family  string // empty is none
		task    string
		w, h    int
		classes int
	}{
		"yolo":              {square, []onnx.TensorInfo{out("o", "float32", 1, 84, 8400)}, "yolo", models.TaskDetect, 640, 640, 80},
		"yolo of one class": {[]int64{1, 3, 320, 640}, []onnx.TensorInfo{out("o", "float32", 1, 5, 4200)}, "yolo", models.TaskDetect, 640, 320, 1},
		"yolo end to end":   {square, []onnx.TensorInfo{out("o", "float32", 1, 300, 6)}, "yolo", models.TaskDetect, 640, 640, 80},
		"yolo-seg":          {square, []onnx.TensorInfo{out("o", "float32", 1, 116, 8400), out("p", "float32", 1, 32, 160, 160)}, "yolo-seg", models.TaskMask, 640, 640, 80},
		"yolo-seg end to end": {
			square, []onnx.TensorInfo{out("o", "float32", 1, 300, 38), out("p", "float32", 1, 32, 160, 160)}, "yolo-seg", models.TaskMask, 640, 640, 80,
		},
		"rtmdet": {square, []onnx.TensorInfo{out("dets", "float32", 1, -1, 5), out("labels", "int64", 1, -1)}, "rtmdet", models.TaskDetect, 640, 640, 80},
		"maskrcnn of the zoo": {
			[]int64{3, -1, -1},
			[]onnx.TensorInfo{out("6568", "float32", -1, 4), out("6570", "int64", -1), out("6572", "float32", -1), out("6887", "float32", -1, 1, 28, 28)},
			"maskrcnn", models.TaskMask, 1344, 800, 0,
		},
		"maskrcnn of torchvision": {
			[]int64{3, -1, -1},
			[]onnx.TensorInfo{out("boxes", "float32", -1, 4), out("labels", "int64", -1), out("scores", "float32", -1), out("masks", "float32", -1, 1, -1, -1)},
			"maskrcnn", models.TaskMask, 640, 640, 0,
		},
		"yolo of an open size":          {[]int64{-1, 3, -1, -1}, []onnx.TensorInfo{out("o", "float32", -1, 84, -1)}, "yolo", models.TaskDetect, 640, 640, 80},
		"yolo-seg of an open size":      {[]int64{1, 3, -1, -1}, []onnx.TensorInfo{out("o", "float32", 1, 116, -1), out("p", "float32", 1, 32, -1, -1)}, "yolo-seg", models.TaskMask, 640, 640, 80},
		"yolo-pose of an open size":     {[]int64{1, 3, -1, -1}, []onnx.TensorInfo{out("o", "float32", 1, 56, -1)}, "yolo-pose", models.TaskPose, 640, 640, 0},
		"other classes of an open size": {[]int64{1, 3, -1, -1}, []onnx.TensorInfo{out("o", "float32", 1, 22, -1)}, "", "", 0, 0, 0},
		"yolo of other classes":         {square, []onnx.TensorInfo{out("o", "float32", 1, 24, 8400)}, "", "", 0, 0, 0},
		"yolo of four channels":         {[]int64{1, 4, 640, 640}, []onnx.TensorInfo{out("o", "float32", 1, 84, 8400)}, "", "", 0, 0, 0},
		"yolo transposed":               {square, []onnx.TensorInfo{out("o", "float32", 1, 8400, 84)}, "", "", 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "matte", inferencetest.MatteInput))
			text, ok := Draft(m, []onnx.TensorInfo{{Name: "in", Type: "float32", Shape: c.input}}, c.outputs)
			if ok != (c.family != "") {
				t.Fatalf("drafted %v: %s", ok, text)
			}
			if !ok {
				return
			}
			got, err := models.ParseManifest([]byte(text))
			if err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if open := slices.Contains(c.input, -1); open != strings.Contains(text, "# The graph leaves the size open") && c.input[0] > 0 {
				t.Errorf("of an open size (%v) it says %s", open, text)
			}
			if got.Family != c.family || got.Task != c.task || got.Input.Width != c.w || got.Input.Height != c.h || len(got.Classes) != c.classes {
				t.Errorf("drafted %s", text)
			}
			// What is drafted is a model of the family.
			got.Input.Type = "float32"
			s := &inferencetest.FakeSession{Inputs: []onnx.TensorInfo{{Name: "in", Type: "float32", Shape: c.input}}, Outputs: c.outputs}
			m.Manifest = got
			n, err := onnx.NewNetwork(m, onnx.ProviderCPU, s)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := New(c.task, n); err != nil {
				t.Error(err)
			}
		})
	}
}
