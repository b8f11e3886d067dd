package generic

import (
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
)

// TestDraftsAreManifests wants drafts that say where every input comes from, and
// that are taken as they are.
func TestDraftsAreManifests(t *testing.T) {
	tensor := func(name, kind string, shape ...int64) onnx.TensorInfo {
		return onnx.TensorInfo{Name: name, Type: kind, Shape: shape}
	}
	for name, c := range map[string]struct {
		inputs, outputs []onnx.TensorInfo
		says            []string // nothing where no draft can be made
	}{
		"speech finder": {
			[]onnx.TensorInfo{tensor("input", "float32", -1, -1), tensor("state", "float32", 2, -1, 128), tensor("sr", "int64")},
			[]onnx.TensorInfo{tensor("output", "float32", -1, 1), tensor("stateN", "float32", -1, -1, -1)},
			[]string{`"input", from: audio, rate: 16000, window: 1`, `"state", from: state, of: "stateN"`, `"sr", from: value, value: [0]`},
		},
		"two memories": {
			[]onnx.TensorInfo{tensor("input", "float32", 1, 576), tensor("h", "float32", 1, 1, 128), tensor("c", "float32", 1, 1, 128)},
			[]onnx.TensorInfo{tensor("speech", "float32", 1), tensor("hn", "float32", 1, 1, 128), tensor("cn", "float32", 1, 1, 128)},
			[]string{`"input", from: audio, rate: 16000}`, `"h", from: state, of: "hn"`, `"c", from: state, of: "cn"`},
		},
		"reader": {
			[]onnx.TensorInfo{tensor("input_ids", "int64", -1, -1), tensor("attention_mask", "int64", -1, -1), tensor("text_lengths", "int64", 1), tensor("scales", "float32", 3)},
			[]onnx.TensorInfo{tensor("wave", "float32", 1, -1)},
			[]string{`"input_ids", from: text`, `"attention_mask", from: mask, of: "input_ids"`, `"text_lengths", from: length, of: "input_ids"`, `"scales", from: value, value: [0, 0, 0]`},
		},
		"classifier": {
			[]onnx.TensorInfo{tensor("pixel_values", "float32", -1, 3, -1, -1)}, []onnx.TensorInfo{tensor("logits", "float32", -1, 1000)},
			[]string{`input: {name: "pixel_values", width: 224, height: 224, layout: nchw`, "size open"},
		},
		"classifier of bytes": {
			[]onnx.TensorInfo{tensor("image", "uint8", 1, 96, 128, 3)}, []onnx.TensorInfo{tensor("label", "string", 1)},
			[]string{`width: 128, height: 96, layout: nhwc, type: uint8`},
		},
		"denoiser": {
			[]onnx.TensorInfo{tensor("audio", "float32", 1, -1)}, []onnx.TensorInfo{tensor("audio_out", "float32", 1, -1)}, []string{`"audio", from: audio`},
		},
		"two pictures":     {[]onnx.TensorInfo{tensor("a", "float32", 1, 3, 8, 8), tensor("b", "float32", 1, 3, 8, 8)}, []onnx.TensorInfo{tensor("o", "float32", 1)}, nil},
		"a large constant": {[]onnx.TensorInfo{tensor("a", "float32", 20, 20)}, []onnx.TensorInfo{tensor("o", "float32", 1)}, nil},
		"frames and sound": {[]onnx.TensorInfo{tensor("a", "float32", 1, 3, 8, 8), tensor("b", "float32", 1, -1)}, []onnx.TensorInfo{tensor("o", "float32", 1)}, nil},
		"no output":        {[]onnx.TensorInfo{tensor("a", "float32", 1, -1)}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			m := inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "matte", inferencetest.MatteInput))
			text, ok := Draft(m, c.inputs, c.outputs)
			if ok != (c.says != nil) {
				t.Fatalf("drafted %v: %s", ok, text)
			}
			if !ok {
				return
			}
			for _, part := range c.says {
				if !strings.Contains(text, part) {
					t.Errorf("it lacks %s:\n%s", part, text)
				}
			}
			var err error
			if m.Manifest, err = models.ParseManifest([]byte(text)); err != nil {
				t.Fatalf("%v:\n%s", err, text)
			}
			if _, err := newModel(inferencetest.FakeNetwork(t, m, &inferencetest.FakeSession{Inputs: c.inputs, Outputs: c.outputs})); err != nil {
				t.Errorf("%v:\n%s", err, text)
			}
		})
	}
}
