package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/starter"
	"github.com/motionmill/motionmill/worker/pipeline"
)

// badModels is a folder with a good model, a web page, a pose model that finds no place for its
// points, and one of which the family is misspelt, each with a manifest that has its hash.
func badModels(t *testing.T) string {
	t.Helper()
	matte, err := fs.ReadFile(starter.Files, "starter-matte.onnx")
	if err != nil {
		t.Fatal(err)
	}
	pose, err := fs.ReadFile(starter.Files, "starter-pose.onnx")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, file := range map[string]struct {
		data []byte
		rest string
	}{
		"good": {matte, manifestRest(t, "starter-matte.yaml")},
		"page": {[]byte("<!doctype html><title>Not found</title>"), manifestRest(t, "starter-matte.yaml")},
		"odd":  {pose, strings.Replace(manifestRest(t, "starter-pose.yaml"), "keypoints: coco17", "keypoints: halpe26", 1)},
		"typo": {pose, strings.Replace(manifestRest(t, "starter-pose.yaml"), "family: heatmap", "family: heatmpa", 1)},
	} {
		text := fmt.Sprintf("schema: motionmill.model/1\nname: %s\nfile: %s.onnx\nsha256: %x\nlicence: MIT\nrank: 1\n%s",
			name, name, sha256.Sum256(file.data), file.rest)
		for path, data := range map[string][]byte{name + ".onnx": file.data, name + ".yaml": []byte(text)} {
			if err := os.WriteFile(filepath.Join(dir, path), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// manifestRest is what a starter's manifest says of the graph.
func manifestRest(t *testing.T, name string) (rest string) {
	t.Helper()
	text, err := fs.ReadFile(starter.Files, name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		for _, field := range []string{"task:", "family:", "input:", "keypoints:", "options:", " "} {
			if strings.HasPrefix(line, field) {
				rest += line
			}
		}
	}
	return rest
}

func TestVerifyTriesModels(t *testing.T) {
	needParts(t)
	dir := badModels(t)
	out, errs, status := motionmill(t, "models", "verify", "--json", "--provider", "cpu", "--models-dir", dir)
	if status != statusFailed || !strings.Contains(errs, "3 of 6") {
		t.Errorf("status %d, %s", status, errs)
	}
	want := map[string]string{"good": "", "page": "web page", "odd": "keypoints", "typo": "heatmpa", "starter-matte": "", "starter-pose": ""}
	for line := range strings.Lines(out) {
		var got struct {
			Name      string
			Error     any
			OK, Tried bool
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		if got.Name == "" { // the error that ends the command
			continue
		}
		says, ok := want[got.Name]
		delete(want, got.Name)
		if good := says == ""; !ok || got.OK != good || got.Tried != good || !strings.Contains(fmt.Sprint(got.Error), says) {
			t.Errorf("%s", line)
		}
	}
	if len(want) > 0 {
		t.Errorf("it does not say what %v are", want)
	}
	manifest, err := os.ReadFile(filepath.Join(dir, "good.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "later.yaml"), manifest, 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, _ = motionmill(t, "models", "verify", "--provider", "cpu", "--models-dir", dir)
	if !strings.Contains(errs, "4 of 7") || !strings.Contains(out, "bad  read model manifest "+filepath.Join(dir, "later.yaml")) {
		t.Errorf("of a second manifest of that name it says %s%s", out, errs)
	}
	out, _, status = motionmill(t, "models", "verify", "good", "--models-dir", dir, "--ort-library", filepath.Join(dir, "none.so"))
	if status != statusMissing || !strings.HasPrefix(out, "ok   good (its file") {
		t.Errorf("status %d without the library: %s", status, out)
	}
}

// TestWorkerRefusesBadModelsAtItsStart opens the models as work does before it takes a job.
func TestWorkerRefusesBadModelsAtItsStart(t *testing.T) {
	needParts(t)
	catalogue, err := models.LoadCatalogue([]string{badModels(t)}, starter.Files)
	if err != nil {
		t.Fatal(err)
	}
	profiles, err := pipeline.LoadProfiles()
	if err != nil {
		t.Fatal(err)
	}
	for names, says := range map[[2]string]string{{"matte", "page"}: "web page", {"pose", "odd"}: "keypoints"} {
		engine := &pipeline.Engine{
			Config: onnx.Config{Provider: onnx.ProviderCPU, Library: os.Getenv("MOTIONMILL_ORT_LIBRARY")}, Catalogue: catalogue,
			Names: map[string]string{"pose": "starter-pose", "matte": "good"},
		}
		engine.Names[names[0]] = names[1]
		err := warm(pipeline.Config{Engine: engine, Profiles: profiles})
		if err == nil || !strings.Contains(err.Error(), says) || exitStatus(t.Context(), err) != statusMissing {
			t.Errorf("%v: %v", names, err)
		}
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	}
}
