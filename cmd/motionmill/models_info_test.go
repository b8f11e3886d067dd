package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference/starter"
)

// TestInfoOfAFileIsAManifest lets a file without a manifest become a model.
func TestInfoOfAFileIsAManifest(t *testing.T) {
	needParts(t)
	model, err := fs.ReadFile(starter.Files, "starter-pose.onnx")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, manifest := filepath.Join(dir, "Mine.onnx"), filepath.Join(dir, "Mine.yaml")
	for path, data := range map[string][]byte{file: model, manifest: nil} { // A shell makes the manifest empty at first.
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := mustRun(t, "models", "info", file, "--models-dir", dir)
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := mustRun(t, "models", "verify", "mine", "--models-dir", dir); out != "ok   mine\n" {
		t.Errorf("verify says %q", out)
	}
	mustRun(t, "run", demoFile(t), "--out", filepath.Join(t.TempDir(), "out"), "--profile", "pose", "--model", "pose=mine", "--models-dir", dir)

	if _, errs, status := motionmill(t, "models", "info", filepath.Join(dir, "other.onnx")); status != statusMissing || !strings.Contains(errs, "other.onnx") {
		t.Errorf("status %d, %q of a file that is not there", status, errs)
	}
}

// TestInfoOfAnyOtherFile lets a file of no family become a step of a profile.
func TestInfoOfAnyOtherFile(t *testing.T) {
	needParts(t)
	model, err := os.ReadFile(filepath.Join("..", "..", "inference", "testdata", "generic", "loudness.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "peak.onnx"), model, 0o600); err != nil {
		t.Fatal(err)
	}
	text := mustRun(t, "models", "info", filepath.Join(dir, "peak.onnx"))
	if err := os.WriteFile(filepath.Join(dir, "peak.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := mustRun(t, "models", "verify", "peak", "--models-dir", dir); out != "ok   peak\n" {
		t.Errorf("verify says %q", out)
	}
}
