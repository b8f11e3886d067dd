package inference

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference/starter"
	"github.com/motionmill/motionmill/job"
)

// trialFamilies are graphs of every family that has scores for all places,
// with 64 px inputs, two classes and four keypoints; value fills their outputs.
func trialFamilies(value float32) map[string]struct {
	task, family, rest string
	outputs            []graphOutput
} {
	const (
		centred = "input: {name: in, width: 64, height: 64, fit: letterbox-centre}\n"
		topLeft = "input: {name: in, width: 64, height: 64, fit: letterbox-topleft}\n"
		affine  = "input: {name: in, width: 64, height: 64, fit: affine}\n"
		points  = "keypoints: [left_hip, right_hip, left_shoulder, right_shoulder]\n"
		classes = "classes: [person, cat]\n"
	)
	out := func(shape ...int64) graphOutput { return graphOutput{name: "out", shape: shape, value: value} }
	return map[string]struct {
		task, family, rest string
		outputs            []graphOutput
	}{
		"heatmap":     {TaskPose, "heatmap", affine + points, []graphOutput{out(1, 4, 16, 16)}},
		"simcc":       {TaskPose, "simcc", affine + points, []graphOutput{out(1, 4, 128), {name: "simcc_y", shape: []int64{1, 4, 128}, value: value}}},
		"movenet":     {TaskPose, "movenet", centred + points, []graphOutput{out(1, 1, 4, 3)}},
		"movenet all": {TaskPose, "movenet", centred + points, []graphOutput{out(1, 6, 17)}},
		"yolo-pose":   {TaskPose, "yolo-pose", centred + points, []graphOutput{out(1, 17, 84)}},
		"yolox":       {TaskDetect, "yolox", topLeft + classes, []graphOutput{out(1, 84, 7)}},
		"yolo":        {TaskDetect, "yolo", centred + classes, []graphOutput{out(1, 6, 84)}},
		"yolo-seg":    {TaskMask, "yolo-seg", centred + classes, []graphOutput{out(1, 8, 84), {name: "p", shape: []int64{1, 2, 16, 16}, value: value}}},
		"matte":       {TaskMatte, "matte", centred, []graphOutput{out(1, 1, 64, 64)}},
	}
}

// TestModelsAreTriedAtTheStart wants every family to say of a graph that runs, and is of the
// right shape, when what it answers is of no use.
func TestModelsAreTriedAtTheStart(t *testing.T) {
	r := openRuntime(t)
	for says, value := range map[string]float32{
		"": 0.5, "every score": 0, "NaN": float32(math.NaN()), "infinity": float32(math.Inf(1)), "1 is the most": 231,
	} {
		for name, f := range trialFamilies(value) {
			file := graphFile{ir: 8, opset: 13, input: []int64{1, 3, 64, 64}, outputs: f.outputs}
			err := Try(r, modelFile(t, file.encode(), f.task, f.family, f.rest))
			if says == "" || value == 231 && (name == "heatmap" || name == "simcc") { // Theirs are no probabilities.
				if err != nil {
					t.Errorf("%s of %v: %v", name, value, err)
				}
				continue
			}
			if typed := wantKind(t, err, job.ModelMissing); !strings.Contains(err.Error(), says) || typed.Remedy == "" {
				t.Errorf("%s of %v: %v", name, value, err)
			}
		}
	}
}

// TestOpenShapesAreTriedAtTheStart wants an output that only a run shows to be of another
// layout to be found before a job.
func TestOpenShapesAreTriedAtTheStart(t *testing.T) {
	r := openRuntime(t)
	for name, f := range trialFamilies(0.5) {
		outputs := f.outputs
		outputs[0].open = true
		outputs[0].shape = append([]int64{}, outputs[0].shape...)
		outputs[0].shape[len(outputs[0].shape)-1] += 3
		if name == "movenet" || name == "movenet all" {
			continue // An open shape does not tell which of the two it is: see TestMoveNetRefuses.
		}
		if f.family == "yolo-pose" || f.family == "yolo" || f.family == "yolo-seg" {
			outputs[0].shape[1]++ // Any number of places fits.
		}
		if f.family == "heatmap" {
			outputs[0].shape[1]++ // Maps may be of any size.
		}
		file := graphFile{ir: 8, opset: 13, input: []int64{1, 3, 64, 64}, outputs: outputs}
		err := Try(r, modelFile(t, file.encode(), f.task, f.family, f.rest))
		if typed := wantKind(t, err, job.ModelMissing); typed.Remedy == "" || !strings.Contains(err.Error(), "shape") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRealModelsAreTried wants every model of the test data and every starter to pass, but
// the export that is known to be broken.
func TestRealModelsAreTried(t *testing.T) {
	catalogue, err := LoadCatalogue([]string{testdata(t, "models")}, starter.Files)
	if err != nil {
		t.Fatal(err)
	}
	r := openRuntime(t)
	for _, m := range catalogue.List() {
		err := Try(r, m)
		if m.Name != "yolo11n-pose-broken" {
			if err != nil {
				t.Errorf("%s: %v", m.Name, err)
			}
			continue
		}
		if typed := wantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, "every score") {
			t.Errorf("%s: %v", m.Name, err)
		}
		_, err = NewAnalyser(r, Choice{Pose: &m}) // what a worker does at its start
		wantKind(t, err, job.ModelMissing)
	}
}

// TestFilesThatAreNoModels wants each to be called what it is.
func TestFilesThatAreNoModels(t *testing.T) {
	r := openRuntime(t)
	good := graphFile{ir: 8, opset: 13, input: []int64{1, 3, 8, 8}, outputs: []graphOutput{{name: "out", shape: []int64{1, 1, 8, 8}, value: 0.5}}}
	with := func(change func(*graphFile)) []byte {
		g := good
		change(&g)
		return g.encode()
	}
	for _, c := range []struct {
		name string
		data []byte
		says string
	}{
		{"good", good.encode(), ""},
		{"empty", nil, "the file is empty"},
		{"page", []byte("\xef\xbb\xbf\n<!DOCTYPE html><html><title>404</title></html>"), "a web page"},
		{"pointer", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"), "Git LFS"},
		{"archive", []byte("PK\x03\x04\x14\x00\x00\x00\x08\x00"), "ZIP"},
		{"TFLite", []byte("\x1c\x00\x00\x00TFL3\x00\x00\x00\x00"), "TensorFlow Lite"},
		{"cut off", good.encode()[:200], "a part of one"},
		{"words", []byte("not found"), "no ONNX file"},
		{"newer format", with(func(g *graphFile) { g.ir = 99 }), "IR version 99"},
		{"newer operators", with(func(g *graphFile) { g.opset = 999 }), "opset 999"},
		{"operator of nobody", with(func(g *graphFile) { g.op = "Telepathy" }), "opset 13"},
		{"weights elsewhere", with(func(g *graphFile) { g.outside = "m.onnx.data" }), "m.onnx.data, which is not beside it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := modelFile(t, c.data, TaskMatte, "matte", matteInput)
			for what, err := range map[string]error{"try": Try(r, m), "describe": describeOnly(r, m)} {
				if c.says == "" {
					if err != nil {
						t.Errorf("%s: %v", what, err)
					}
					continue
				}
				typed := wantKind(t, err, job.ModelMissing)
				if !strings.Contains(err.Error(), c.says) || typed.Remedy == "" || typed.Subject != m.Path {
					t.Errorf("%s: %v; %s", what, err, typed.Remedy)
				}
			}
		})
	}
	// The weights are there: this version still wants one file.
	m := modelFile(t, with(func(g *graphFile) { g.outside = "m.onnx.data" }), TaskMatte, "matte", matteInput)
	if err := os.WriteFile(filepath.Join(filepath.Dir(m.Path), "m.onnx.data"), make([]byte, 256), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Try(r, m); wantKind(t, err, job.ModelMissing) == nil || strings.Contains(err.Error(), "not beside it") {
		t.Errorf("got %v", err)
	}
	// Another file than the manifest's is called what it is before its hash is.
	m.SHA256 = strings.Repeat("0", 64)
	if err := os.WriteFile(m.Path, []byte("<html>Sign in</html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(); wantKind(t, err, job.ModelMissing) == nil || !strings.Contains(err.Error(), "web page") || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("got %v", err)
	}
}

func describeOnly(r *Runtime, m Model) error {
	_, _, err := r.Describe(m)
	return err
}

// TestInputsOfOtherPictures wants graphs that no picture fits to be refused for every family.
func TestInputsOfOtherPictures(t *testing.T) {
	r := openRuntime(t)
	for says, input := range map[string][]int64{
		"4 channels":        {1, 4, 64, 64},
		"1 channels":        {1, 1, 64, 64},
		"left at 0":         {1, 3, 0, 0},
		"[1 64 64 3]":       {1, 64, 64, 3},
		"[2 3 64 64]":       {2, 3, 64, 64},
		"[1 3 32 32]":       {1, 3, 32, 32},
		"[3 64 64], the ma": {3, 64, 64},
	} {
		for name, f := range trialFamilies(0.5) {
			file := graphFile{ir: 8, opset: 13, input: input, outputs: f.outputs}
			err := Try(r, modelFile(t, file.encode(), f.task, f.family, f.rest))
			if typed := wantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, says) || typed.Remedy == "" {
				t.Errorf("%s with an input of %v: %v", name, input, err)
			}
		}
	}
}
