package onnx_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/job"
)

func TestGraphMustBeWhatTheManifestSays(t *testing.T) {
	m := inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "matte", inferencetest.MatteInput))
	for _, c := range []struct {
		name   string
		inputs []onnx.TensorInfo
		says   string
	}{
		{"as it says", []onnx.TensorInfo{{Name: "in", Type: "float32", Shape: []int64{1, 3, 8, 8}}}, ""},
		{"open dimensions", []onnx.TensorInfo{{Name: "in", Type: "float32", Shape: []int64{-1, 3, -1, -1}}}, ""},
		{"other name", []onnx.TensorInfo{{Name: "image", Type: "float32", Shape: []int64{1, 3, 8, 8}}}, `"image"`},
		{"type that cannot be fed", []onnx.TensorInfo{{Name: "in", Type: "float64", Shape: []int64{1, 3, 8, 8}}}, "feeds float32, float16, int32, uint8"},
		{"other layout", []onnx.TensorInfo{{Name: "in", Type: "float32", Shape: []int64{1, 8, 8, 3}}}, "[1 8 8 3]"},
		{"other size", []onnx.TensorInfo{{Name: "in", Type: "float32", Shape: []int64{1, 3, 8, 16}}}, "[1 3 8 16]"},
		{"several pictures", []onnx.TensorInfo{{Name: "in", Type: "float32", Shape: []int64{4, 3, 8, 8}}}, "4 pictures at once"},
		{"other rank", []onnx.TensorInfo{{Name: "in", Type: "float32", Shape: []int64{3, 8, 8}}}, "[3 8 8]"},
		{"two inputs", []onnx.TensorInfo{{Name: "in", Type: "float32", Shape: nil}, {Name: "more", Type: "float32", Shape: nil}}, "2 inputs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := onnx.NewNetwork(m, onnx.ProviderCPU, &inferencetest.FakeSession{Inputs: c.inputs})
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, c.says) || typed.Remedy == "" {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestWholeNumbersShowAPicture wants values that whole numbers cannot hold to be refused: a
// model that sees nothing but zeros runs, and finds nobody.
func TestWholeNumbersShowAPicture(t *testing.T) {
	for _, c := range []struct{ values, graph, says string }{
		{"std: [255, 255, 255]", "float32", ""}, {"std: [255, 255, 255]", "uint8", "from 0 to 1"}, {"std: [255, 255, 255]", "int32", "whole numbers"},
		{"mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5]", "uint8", "from -1 to 1"},
		{"mean: [128, 128, 128]", "uint8", "from 0 to 255 (uint8)"}, {"mean: [128, 128, 128]", "int32", ""},
		{"pad: 114", "uint8", ""}, {"std: [2, 2, 2]", "uint8", ""}, {"mean: [255, 255, 255], std: [-1, -1, -1]", "uint8", ""},
	} {
		m := inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "matte", strings.Replace(inferencetest.MatteInput, "fit:", c.values+", fit:", 1)))
		_, err := onnx.NewNetwork(m, onnx.ProviderCPU, &inferencetest.FakeSession{Inputs: []onnx.TensorInfo{{Name: "in", Type: c.graph, Shape: []int64{1, 3, 8, 8}}}})
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%s of %s: %v", c.values, c.graph, err)
		case c.says != "" && (job.KindOf(err) != job.ModelMissing || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s of %s: got %v", c.values, c.graph, err)
		}
	}
}

func TestTypeOfTheInput(t *testing.T) {
	for _, c := range []struct{ manifest, graph, says string }{
		{"", "float32", ""}, {"", "int32", ""}, {"", "uint8", ""}, {"", "float16", ""},
		{"int32", "int32", ""}, {"float32", "int32", "is of int32, the manifest says float32"},
	} {
		text := inferencetest.MatteInput
		if c.manifest != "" {
			text = strings.Replace(inferencetest.MatteInput, "fit:", "type: "+c.manifest+", fit:", 1)
		}
		m := inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "matte", text))
		n, err := onnx.NewNetwork(m, onnx.ProviderCPU, &inferencetest.FakeSession{Inputs: []onnx.TensorInfo{{Name: "in", Type: c.graph, Shape: []int64{1, 3, 8, 8}}}})
		if c.says != "" {
			if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, c.says) {
				t.Errorf("got %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := n.As(m).Model.Input.Type; got != c.graph {
			t.Errorf("the manifest says %q and the graph %s: taken for %s", c.manifest, c.graph, got)
		}
	}
}

func TestRunnersAreReused(t *testing.T) {
	m := inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "matte", inferencetest.MatteInput))
	s := &inferencetest.FakeSession{Respond: func([]float32) ([]onnx.Tensor, error) { return nil, nil }}
	n := inferencetest.FakeNetwork(t, m, s)
	use := func() error { return n.Use(func(*onnx.Lane) {}, func([]onnx.Tensor) error { return nil }) }
	for range 5 {
		if err := use(); err != nil {
			t.Fatal(err)
		}
	}
	if s.Runners != 1 {
		t.Errorf("%d runners for one at a time", s.Runners)
	}
	// Two at once, under two manifests of the same file.
	err := n.Use(func(*onnx.Lane) {}, func([]onnx.Tensor) error {
		return n.As(m).Use(func(*onnx.Lane) {}, func([]onnx.Tensor) error { return nil })
	})
	if err != nil || s.Runners != 2 {
		t.Errorf("%d runners for two at once, error %v", s.Runners, err)
	}
	if err := onnx.Close(n); err != nil || s.Closed != 3 {
		t.Errorf("closed %d things, want 2 runners and the session; error %v", s.Closed, err)
	}
}

func TestFailedRunIsTyped(t *testing.T) {
	broken := errors.New("out of luck")
	m := inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "matte", inferencetest.MatteInput))
	n := inferencetest.FakeNetwork(t, m, &inferencetest.FakeSession{Respond: func([]float32) ([]onnx.Tensor, error) { return nil, broken }})
	err := n.Use(func(*onnx.Lane) {}, func([]onnx.Tensor) error { return nil })
	if typed := inferencetest.WantKind(t, err, job.Internal); typed.Subject != "m" || !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
