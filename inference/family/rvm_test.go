package family

import (
	"slices"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/job"
)

func tensorOf(name string, shape ...int64) onnx.TensorInfo {
	return onnx.TensorInfo{Name: name, Type: "float32", Shape: shape}
}

// rvmTensors are those of the reference's export, for pictures of one size; -1 is any.
func rvmTensors(w, h int64) (inputs, outputs []onnx.TensorInfo) {
	inputs = []onnx.TensorInfo{tensorOf("src", -1, 3, h, w), tensorOf("downsample_ratio", 1)}
	outputs = []onnx.TensorInfo{tensorOf("fgr", -1, 3, h, w), tensorOf("pha", -1, 1, h, w)}
	for _, i := range []string{"1", "2", "3", "4"} {
		inputs = append(inputs, tensorOf("r"+i+"i", -1, -1, -1, -1))
		outputs = append(outputs, tensorOf("r"+i+"o", -1, -1, -1, -1))
	}
	return inputs, outputs
}

// forgetful is a session that is handed nothing from run to run.
type forgetful struct{ *inferencetest.FakeSession }

func (s forgetful) NewRecurrent(r onnx.Recurrence) (onnx.Runner, error) {
	return s.NewRunner(r.Input, r.Shape)
}

func TestRVMRefuses(t *testing.T) {
	inputs, outputs := rvmTensors(-1, -1)
	half := slices.Clone(inputs)
	half[3].Type = "float16"
	for name, c := range map[string]struct {
		input           string
		inputs, outputs []onnx.TensorInfo
	}{
		"affine":         {"fit: affine", inputs, outputs},
		"unknown option": {"fit: stretch}\noptions: {short_side: 3", inputs, outputs},
		"no such ratio":  {"fit: stretch}\noptions: {downsample_ratio: 2", inputs, outputs},
		"no src":         {"fit: stretch", inputs[1:], outputs},
		"no r4i":         {"fit: stretch", inputs[:5], outputs},
		"no r4o":         {"fit: stretch", inputs, outputs[:5]},
		"no pha":         {"fit: stretch", inputs, append(slices.Clone(outputs[2:]), outputs[0])},
		"one more":       {"fit: stretch", append(slices.Clone(inputs), tensorOf("r5i", -1)), outputs},
		"half":           {"fit: stretch", half, outputs},
		"grey":           {"fit: stretch", append([]onnx.TensorInfo{tensorOf("src", -1, 1, -1, -1)}, inputs[1:]...), outputs},
	} {
		t.Run(name, func(t *testing.T) {
			m := inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "rvm", "input: {name: src, width: 64, height: 32, "+c.input+"}\n"))
			_, err := newRVM(inferencetest.FakeNetwork(t, m, &inferencetest.FakeSession{Inputs: c.inputs, Outputs: c.outputs}))
			inferencetest.WantKind(t, err, job.ModelMissing)
		})
	}
	m := inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "rvm", "input: {name: src, width: 64, height: 32, fit: stretch}\n"))
	if _, err := newRVM(inferencetest.FakeNetwork(t, m, &inferencetest.FakeSession{Inputs: inputs, Outputs: outputs})); err != nil {
		t.Error(err)
	}
}

func TestRVMRatioOfLargeFrames(t *testing.T) {
	if got := (&rvm{}).loopsOf(models.Input{Width: 640, Height: 1024}).Constants[0].Data.([]float32)[0]; got != 0.5 {
		t.Errorf("the ratio for 1024 px is %v, want 0.5", got)
	}
}
