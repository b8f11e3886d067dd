package inference

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/job"
)

// copyModel copies a model of the test data and its manifest into a folder.
func copyModel(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, ext := range []string{".onnx", ".yaml"} {
		data, err := os.ReadFile(inferencetest.Testdata(t, "models", name+ext))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+ext), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFilesAreVerified(t *testing.T) {
	dir := copyModel(t, "selfie_segmentation")
	r := inferencetest.OpenRuntime(t)
	choice, err := inferencetest.Load(t, dir).Choose([]string{models.TaskMatte}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		a, err := NewAnalyser(r, choice)
		if err != nil {
			t.Fatal(err)
		}
		if used := a.Used(); len(used) != 1 || used[0].Provider != onnx.ProviderCPU || used[0].Name != "selfie-256" {
			t.Errorf("used are %+v", used)
		}
	}
	in, out, err := r.Describe(*choice.Matte)
	if err != nil || len(in) != 1 || in[0].String() != "input_1:0 float32[1 256 256 3]" || len(out) != 1 {
		t.Errorf("described as %v, %v, error %v", in, out, err)
	}
	file := filepath.Join(dir, "selfie_segmentation.onnx")
	if err := os.WriteFile(file, []byte("altered"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = NewAnalyser(r, choice)
	inferencetest.WantKind(t, err, job.ModelMissing)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, err = NewAnalyser(r, choice)
	inferencetest.WantKind(t, err, job.ModelMissing)
}

func TestModelThatIsNoGraphOrAnother(t *testing.T) {
	r := inferencetest.OpenRuntime(t)
	dir := t.TempDir()
	m := models.New(inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "matte", inferencetest.MatteInput)).Manifest, os.DirFS(dir), "m.onnx")
	// The SHA-256 of the bytes "x", and of a real model under a manifest that does not describe it.
	m.SHA256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	if err := os.WriteFile(filepath.Join(dir, m.File), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := NewAnalyser(r, models.Choice{Matte: &m, WantMatte: true})
	if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, "no ONNX file") {
		t.Errorf("got %v", err)
	}
	selfie, err := inferencetest.Load(t, inferencetest.Testdata(t, "models")).Find("selfie-256")
	if err != nil {
		t.Fatal(err)
	}
	selfie.Input.Name = "picture"
	_, err = NewAnalyser(r, models.Choice{Matte: &selfie, WantMatte: true})
	if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, `"picture"`) {
		t.Errorf("got %v", err)
	}
	unsupported, err := inferencetest.Load(t, inferencetest.Testdata(t, "models")).Find("movenet-lightning")
	if err != nil {
		t.Fatal(err)
	}
	unsupported.Family = "telepathy"
	_, err = NewAnalyser(r, models.Choice{Pose: &unsupported})
	inferencetest.WantKind(t, err, job.ModelMissing)
}

func TestClosedRuntimeGivesNoSession(t *testing.T) {
	choice, err := inferencetest.Load(t, inferencetest.Testdata(t, "models")).Choose([]string{models.TaskMatte}, map[string]string{models.TaskMatte: "selfie-256"})
	if err != nil {
		t.Fatal(err)
	}
	r := inferencetest.OpenRuntime(t)
	if _, err := NewAnalyser(r, choice); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := NewAnalyser(r, choice); err == nil {
		t.Error("a closed runtime gave a session")
	}
}
