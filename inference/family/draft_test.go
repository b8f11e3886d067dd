package family

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/starter"
	"github.com/motionmill/motionmill/job"
)

func TestDraftsOfRealGraphs(t *testing.T) {
	r := inferencetest.OpenRuntime(t)
	catalogue, err := models.LoadCatalogue([]string{inferencetest.Testdata(t, "models")}, starter.Files)
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range catalogue.List() {
		t.Run(known.Name, func(t *testing.T) {
			path := known.Path
			if known.BuiltIn {
				path = filepath.Join("..", "starter", known.File)
			}
			m, err := models.FileModel(path)
			if err != nil {
				t.Fatal(err)
			}
			inputs, outputs, err := r.Describe(m)
			if err != nil {
				t.Fatal(err)
			}
			text, ok := Draft(m, inputs, outputs)
			if supported := known.Supported() == nil; ok != supported {
				t.Fatalf("drafted %v, supported %v: %s", ok, supported, text)
			}
			if !ok {
				return
			}
			got, err := models.ParseManifest([]byte(text))
			if err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			want := known.Manifest
			// What no graph tells.
			got.Name, got.Licence, got.Source, got.Rank, got.Note = want.Name, want.Licence, want.Source, want.Rank, want.Note
			got.Options, want.Options = nil, nil
			if want.Input.Type == "" { // left to the graph
				got.Input.Type = ""
			}
			switch known.Family {
			case "rtmdet": // The graph takes any size, and its labels any classes.
				got.Input.Width, got.Input.Height, got.Classes = want.Input.Width, want.Input.Height, want.Classes
			case "maskrcnn": // The surrogate of the model zoo's is padded on all sides.
				got.Input.Fit = want.Input.Fit
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDraftOfAnyFileName(t *testing.T) {
	out := []onnx.TensorInfo{{Name: "out", Type: "float32", Shape: []int64{1, 1, 64, 64}}}
	for file, want := range map[string]string{
		"My model: \"v2\" (end2end).onnx":        "my-model-v2-end2end-",
		"ü.onnx":                                 "model",
		strings.Repeat("long", 50) + ".onnx":     strings.Repeat("long", 25),
		"_MODNet.photographic.portrait-512.onnx": "modnet.photographic.portrait-512",
	} {
		path := filepath.Join(t.TempDir(), file)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := models.FileModel(path)
		if err != nil {
			t.Fatal(err)
		}
		text, ok := Draft(m, []onnx.TensorInfo{{Name: "in", Type: "float32", Shape: []int64{1, 3, 64, 64}}}, out)
		got, err := models.ParseManifest([]byte(text))
		if !ok || err != nil || got.Name != want || got.File != file {
			t.Errorf("%s: drafted %v, name %q, file %q, error %v", file, ok, got.Name, got.File, err)
		}
	}
}

func TestNoDraft(t *testing.T) {
	picture := []onnx.TensorInfo{{Name: "in", Type: "float32", Shape: []int64{1, 3, 64, 64}}}
	for name, c := range map[string][2][]onnx.TensorInfo{
		"no output":        {picture, nil},
		"other output":     {picture, {{Name: "out", Type: "float32", Shape: []int64{1, 1000}}}},
		"two inputs":       {append(picture, picture...), {{Name: "out", Type: "float32", Shape: []int64{1, 1, 64, 64}}}},
		"no picture":       {{{Name: "in", Type: "float32", Shape: []int64{1, 100}}}, {{Name: "out", Type: "float32", Shape: []int64{1, 1, 64, 64}}}},
		"no type of ours":  {{{Name: "in", Type: "float64", Shape: []int64{1, 3, 64, 64}}}, {{Name: "out", Type: "float32", Shape: []int64{1, 1, 64, 64}}}},
		"a size of chance": {{{Name: "in", Type: "float32", Shape: []int64{1, 3, -1, -1}}}, {{Name: "out", Type: "float32", Shape: []int64{1, 17, -1, -1}}}},
	} {
		if text, ok := Draft(models.Model{}, c[0], c[1]); ok {
			t.Errorf("%s: drafted %s", name, text)
		}
	}
	_, err := models.FileModel(filepath.Join(t.TempDir(), "nothing.onnx"))
	inferencetest.WantKind(t, err, job.ModelMissing)
}

// TestDraftsOfWholeNumbers wants a graph that takes bytes to get those of the picture.
func TestDraftsOfWholeNumbers(t *testing.T) {
	for kind, want := range map[string]float64{"uint8": 1, "int32": 1, "float32": 255, "float16": 255} {
		for _, c := range []struct{ in, out []int64 }{
			{[]int64{1, 256, 256, 3}, []int64{1, 256, 256, 1}}, {[]int64{1, 3, 64, 64}, []int64{1, 84, 84}}, {[]int64{1, 3, 64, 48}, []int64{1, 17, 16, 12}},
		} {
			text, ok := Draft(models.Model{Manifest: models.Manifest{Name: "m", File: "m.onnx", SHA256: inferencetest.AnyHash}},
				[]onnx.TensorInfo{{Name: "in", Type: kind, Shape: c.in}}, []onnx.TensorInfo{{Name: "out", Type: "float32", Shape: c.out}})
			got, err := models.ParseManifest([]byte(text))
			if heatmap := len(c.out) == 4 && c.out[1] == 17; !ok || err != nil || !(got.Input.Std[0] == want || heatmap && want == 255 && got.Input.Std[0] == 58.395) {
				t.Errorf("%s%v: drafted %v, std %v, error %v", kind, c.in, ok, got.Input.Std, err)
			}
			if want == 1 && got.Input.Mean[0] != 0 {
				t.Errorf("%s%v: mean %v", kind, c.in, got.Input.Mean)
			}
		}
	}
}
