package inference

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/starter"
	"github.com/motionmill/motionmill/job"
)

// trialFamilies are graphs of every family that has scores for all places,
// with 64 px inputs, two classes and four keypoints; value fills their outputs.
func trialFamilies(value float32) map[string]struct {
	task, family, rest string
	outputs            []inferencetest.GraphOutput
} {
	const (
		centred = "input: {name: in, width: 64, height: 64, fit: letterbox-centre}\n"
		topLeft = "input: {name: in, width: 64, height: 64, fit: letterbox-topleft}\n"
		affine  = "input: {name: in, width: 64, height: 64, fit: affine}\n"
		points  = "keypoints: [left_hip, right_hip, left_shoulder, right_shoulder]\n"
		classes = "classes: [person, cat]\n"
	)
	out := func(shape ...int64) inferencetest.GraphOutput {
		return inferencetest.GraphOutput{Name: "out", Shape: shape, Value: value}
	}
	return map[string]struct {
		task, family, rest string
		outputs            []inferencetest.GraphOutput
	}{
		"heatmap":     {models.TaskPose, "heatmap", affine + points, []inferencetest.GraphOutput{out(1, 4, 16, 16)}},
		"simcc":       {models.TaskPose, "simcc", affine + points, []inferencetest.GraphOutput{out(1, 4, 128), {Name: "simcc_y", Shape: []int64{1, 4, 128}, Value: value}}},
		"movenet":     {models.TaskPose, "movenet", centred + points, []inferencetest.GraphOutput{out(1, 1, 4, 3)}},
		"movenet all": {models.TaskPose, "movenet", centred + points, []inferencetest.GraphOutput{out(1, 6, 17)}},
		"yolo-pose":   {models.TaskPose, "yolo-pose", centred + points, []inferencetest.GraphOutput{out(1, 17, 84)}},
		"yolox":       {models.TaskDetect, "yolox", topLeft + classes, []inferencetest.GraphOutput{out(1, 84, 7)}},
		"yolo":        {models.TaskDetect, "yolo", centred + classes, []inferencetest.GraphOutput{out(1, 6, 84)}},
		"yolo-seg":    {models.TaskMask, "yolo-seg", centred + classes, []inferencetest.GraphOutput{out(1, 8, 84), {Name: "p", Shape: []int64{1, 2, 16, 16}, Value: value}}},
		"matte":       {models.TaskMatte, "matte", centred, []inferencetest.GraphOutput{out(1, 1, 64, 64)}},
	}
}

// TestModelsAreTriedAtTheStart wants every family to say of a graph that runs, and is of the
// right shape, when what it answers is of no use.
func TestModelsAreTriedAtTheStart(t *testing.T) {
	r := inferencetest.OpenRuntime(t)
	for says, value := range map[string]float32{
		"": 0.5, "every score": 0, "NaN": float32(math.NaN()), "infinity": float32(math.Inf(1)), "1 is the most": 231,
	} {
		for name, f := range trialFamilies(value) {
			file := inferencetest.GraphFile{IR: 8, Opset: 13, Input: []int64{1, 3, 64, 64}, Outputs: f.outputs}
			err := Try(r, inferencetest.ModelFile(t, file.Encode(), f.task, f.family, f.rest))
			if says == "" || value == 231 && (name == "heatmap" || name == "simcc") { // Theirs are no probabilities.
				if err != nil {
					t.Errorf("%s of %v: %v", name, value, err)
				}
				continue
			}
			if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(err.Error(), says) || typed.Remedy == "" || strings.Count(err.Error(), "--provider") > 1 {
				t.Errorf("%s of %v: %v", name, value, err)
			}
		}
	}
}

// TestPosesOfFewPointsAreRefused wants a model of which no pose would ever count for a person
// not to be taken for a good one.
func TestPosesOfFewPointsAreRefused(t *testing.T) {
	r := inferencetest.OpenRuntime(t)
	for points, good := range map[string]bool{"head": false, "head, left_hand, right_hand": false, "head, left_hand, right_hand, hip": true} {
		outputs := []inferencetest.GraphOutput{{Name: "out", Shape: []int64{1, int64(strings.Count(points, ",") + 1), 16, 16}, Value: 0.5}}
		file := inferencetest.GraphFile{IR: 8, Opset: 13, Input: []int64{1, 3, 64, 64}, Outputs: outputs}
		err := Try(r, inferencetest.ModelFile(t, file.Encode(), models.TaskPose, "heatmap", "input: {name: in, width: 64, height: 64, fit: affine}\nkeypoints: ["+points+"]\n"))
		if good && err != nil {
			t.Errorf("%s: %v", points, err)
		}
		if !good && (job.KindOf(err) != job.ModelMissing || !strings.Contains(err.Error(), "field keypoints")) {
			t.Errorf("%s: %v", points, err)
		}
	}
}

// TestOpenShapesAreTriedAtTheStart wants an output that only a run shows to be of another
// layout to be found before a job.
func TestOpenShapesAreTriedAtTheStart(t *testing.T) {
	r := inferencetest.OpenRuntime(t)
	for name, f := range trialFamilies(0.5) {
		outputs := f.outputs
		outputs[0].Open = true
		outputs[0].Shape = append([]int64{}, outputs[0].Shape...)
		outputs[0].Shape[len(outputs[0].Shape)-1] += 3
		if name == "movenet" || name == "movenet all" {
			continue // An open shape does not tell which of the two it is: see TestMoveNetRefuses.
		}
		if f.family == "yolo-pose" || f.family == "yolo" || f.family == "yolo-seg" {
			outputs[0].Shape[1]++ // Any number of places fits.
		}
		if f.family == "heatmap" {
			outputs[0].Shape[1]++ // Maps may be of any size.
		}
		file := inferencetest.GraphFile{IR: 8, Opset: 13, Input: []int64{1, 3, 64, 64}, Outputs: outputs}
		err := Try(r, inferencetest.ModelFile(t, file.Encode(), f.task, f.family, f.rest))
		if typed := inferencetest.WantKind(t, err, job.ModelMissing); typed.Remedy == "" || !strings.Contains(err.Error(), "shape") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRealModelsAreTried wants every model of the test data and every starter to pass, but
// the export that is known to be broken.
func TestRealModelsAreTried(t *testing.T) {
	catalogue, err := models.LoadCatalogue([]string{inferencetest.Testdata(t, "models")}, starter.Files)
	if err != nil {
		t.Fatal(err)
	}
	r := inferencetest.OpenRuntime(t)
	for _, m := range catalogue.List() {
		err := Try(r, m)
		if m.Name != "yolo11n-pose-broken" {
			if err != nil {
				t.Errorf("%s: %v", m.Name, err)
			}
			continue
		}
		if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, "every score") {
			t.Errorf("%s: %v", m.Name, err)
		}
		_, err = NewAnalyser(r, models.Choice{Pose: &m}) // what a worker does at its start
		inferencetest.WantKind(t, err, job.ModelMissing)
	}
}

// TestFilesThatAreNoModels wants each to be called what it is.
func TestFilesThatAreNoModels(t *testing.T) {
	r := inferencetest.OpenRuntime(t)
	good := inferencetest.GraphFile{IR: 8, Opset: 13, Input: []int64{1, 3, 8, 8}, Outputs: []inferencetest.GraphOutput{{Name: "out", Shape: []int64{1, 1, 8, 8}, Value: 0.5}}}
	with := func(change func(*inferencetest.GraphFile)) []byte {
		g := good
		change(&g)
		return g.Encode()
	}
	for _, c := range []struct {
		name string
		data []byte
		says string
	}{
		{"good", good.Encode(), ""},
		{"empty", nil, "the file is empty"},
		{"page", []byte("\xef\xbb\xbf\n<!DOCTYPE html><html><title>404</title></html>"), "a web page"},
		{"pointer", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"), "Git LFS"},
		{"archive", []byte("PK\x03\x04\x14\x00\x00\x00\x08\x00"), "ZIP"},
		{"TFLite", []byte("\x1c\x00\x00\x00TFL3\x00\x00\x00\x00"), "TensorFlow Lite"},
		{"cut off", good.Encode()[:200], "a part of one"},
		{"words", []byte("not found"), "no ONNX file"},
		{"newer format", with(func(g *inferencetest.GraphFile) { g.IR = 99 }), "IR version 99"},
		{"newer operators", with(func(g *inferencetest.GraphFile) { g.Opset = 999 }), "opset 999"},
		{"operator of nobody", with(func(g *inferencetest.GraphFile) { g.Op = "Telepathy" }), "opset 13"},
		{"operator of a project", with(func(g *inferencetest.GraphFile) { g.Op, g.Domain = "TRTBatchedNMS", "mmdeploy" }), "the operator mmdeploy:TRTBatchedNMS"},
		{"weights elsewhere", with(func(g *inferencetest.GraphFile) { g.Outside = "m.onnx.data" }), "m.onnx.data, which is not beside it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := inferencetest.ModelFile(t, c.data, models.TaskMatte, "matte", inferencetest.MatteInput)
			for what, err := range map[string]error{"try": Try(r, m), "describe": describeOnly(r, m)} {
				if c.says == "" {
					if err != nil {
						t.Errorf("%s: %v", what, err)
					}
					continue
				}
				typed := inferencetest.WantKind(t, err, job.ModelMissing)
				if !strings.Contains(err.Error(), c.says) || typed.Remedy == "" || typed.Subject != m.Path {
					t.Errorf("%s: %v; %s", what, err, typed.Remedy)
				}
			}
		})
	}
	// The weights are there: this version still wants one file.
	m := inferencetest.ModelFile(t, with(func(g *inferencetest.GraphFile) { g.Outside = "m.onnx.data" }), models.TaskMatte, "matte", inferencetest.MatteInput)
	if err := os.WriteFile(filepath.Join(filepath.Dir(m.Path), "m.onnx.data"), make([]byte, 256), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{".", filepath.Dir(m.Path)} { // also where ONNX Runtime would find them
		t.Chdir(folder)
		for what, err := range map[string]error{"try": Try(r, m), "describe": describeOnly(r, m)} {
			if inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(err.Error(), "a file of their own") || strings.Contains(err.Error(), "not beside it") {
				t.Errorf("%s in %s: %v", what, folder, err)
			}
		}
	}
	// Another file than the manifest's is called what it is before its hash is.
	m.SHA256 = strings.Repeat("0", 64)
	if err := os.WriteFile(m.Path, []byte("<html>Sign in</html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(); inferencetest.WantKind(t, err, job.ModelMissing) == nil || !strings.Contains(err.Error(), "web page") || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("got %v", err)
	}
}

func describeOnly(r *onnx.Runtime, m models.Model) error {
	_, _, err := r.Describe(m)
	return err
}

// TestInputsOfOtherPictures wants graphs that no picture fits to be refused for every family.
func TestInputsOfOtherPictures(t *testing.T) {
	r := inferencetest.OpenRuntime(t)
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
			file := inferencetest.GraphFile{IR: 8, Opset: 13, Input: input, Outputs: f.outputs}
			err := Try(r, inferencetest.ModelFile(t, file.Encode(), f.task, f.family, f.rest))
			if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, says) || typed.Remedy == "" {
				t.Errorf("%s with an input of %v: %v", name, input, err)
			}
		}
	}
}
