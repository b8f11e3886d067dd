package family

import (
	"slices"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
)

// TestModelsAreTriedOnce wants a second job not to wait for a trial.
func TestModelsAreTriedOnce(t *testing.T) {
	s := &inferencetest.FakeSession{
		Outputs: []onnx.TensorInfo{{Name: "out", Type: "float32", Shape: []int64{1, 1, 64, 64}}},
	}
	runs := 0
	s.Respond = func([]float32) ([]onnx.Tensor, error) {
		runs++
		return []onnx.Tensor{{Name: "out", Shape: []int64{1, 1, 64, 64}, Data: slices.Repeat([]float32{1}, 64*64)}}, nil
	}
	n := inferencetest.FakeNetwork(t, inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "matte", "input: {name: in, width: 64, height: 64, fit: letterbox-centre}\n")), s)
	for range 3 {
		if err := Rehearse(models.TaskMatte, n.As(n.Model)); err != nil {
			t.Fatal(err)
		}
	}
	if runs != 2 {
		t.Errorf("%d runs, want one of each picture", runs)
	}
}
