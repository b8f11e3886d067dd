package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAFolderThatCannotBeMadeIsToldBeforeTheWork has neither a stage nor a video
// to work on: what is wrong with --out is told first.
func TestAFolderThatCannotBeMadeIsToldBeforeTheWork(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "dance.mp4")
	if err := os.WriteFile(file, []byte("a text"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, status := motionmill(t, "submit", file, "--server", "http://127.0.0.1:1", "--out", file)
	if status != statusUsage || !strings.Contains(errs, "give another by --out") {
		t.Errorf("status %d, it says %q", status, errs)
	}
	motionmill(t, "submit", file, "--server", "http://127.0.0.1:1", "--out", filepath.Join(dir, "new", "results"))
	if _, err := os.Stat(filepath.Join(dir, "new")); err == nil {
		t.Error("a submit that reached nobody leaves a folder")
	}
	needParts(t)
	_, errs, status = motionmill(t, "run", file, "--out", filepath.Join(dir, "new", "results"))
	if status != statusFailed || !strings.Contains(errs, "not_a_video") {
		t.Errorf("run: status %d, it says %q", status, errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "new")); err == nil {
		t.Error("a run that made nothing leaves a folder")
	}
	if err := os.Mkdir(filepath.Join(dir, "old"), 0o700); err != nil {
		t.Fatal(err)
	}
	motionmill(t, "run", file, "--out", filepath.Join(dir, "old"))
	if _, err := os.Stat(filepath.Join(dir, "old")); err != nil {
		t.Errorf("a folder that was there is gone: %v", err)
	}
}
