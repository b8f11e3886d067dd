package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/media"
	"github.com/motionmill/motionmill/media/sandbox"
	"github.com/motionmill/motionmill/worker/pipeline"
)

// TestSandbox runs the program in each mode, on this machine and as if nothing
// held: an ffprobe in PATH says that it opened what it was not given.
func TestSandbox(t *testing.T) {
	tools, err := media.Find(t.Context(), media.Config{})
	if err != nil {
		t.Skipf("needs ffmpeg: %v", err)
	}
	here, _ := tools.Sandbox()
	dir := t.TempDir()
	clip, err := cutDemo(t.Context(), dir, 2)
	if err != nil {
		t.Fatal(err)
	}
	profile := filepath.Join(dir, "still.yaml")
	if err := os.WriteFile(profile, []byte("name: still\nabout: one picture\noutputs: [poster]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(mode string) (stderr string, status int, inForce sandbox.Report) {
		t.Helper()
		out := filepath.Join(t.TempDir(), "out")
		_, stderr, status = motionmill(t, "run", clip, "--out", out, "--profile", profile, "--sandbox", mode)
		if text, err := os.ReadFile(filepath.Join(out, pipeline.ManifestName)); err == nil {
			var m pipeline.Manifest
			if err := json.Unmarshal(text, &m); err != nil {
				t.Fatal(err)
			}
			inForce = m.Sandbox
		}
		return stderr, status, inForce
	}
	for mode, want := range map[string]sandbox.Report{"auto": here, "off": {Mode: sandbox.Off, Level: sandbox.Limits}} {
		if stderr, status, inForce := run(mode); status != statusDone || inForce != want {
			t.Errorf("--sandbox %s: status %d, in force %+v, want %+v\n%s", mode, status, inForce, want, stderr)
		}
	}
	if stderr, status, _ := run("paranoid"); status != statusUsage || !strings.Contains(stderr, "none of auto, strict, off") {
		t.Errorf("--sandbox paranoid: status %d\n%s", status, stderr)
	}

	if err := os.WriteFile(filepath.Join(dir, "ffprobe"), []byte("#!/bin/sh\necho opened \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	stderr, status, _ := run("strict")
	if status != statusMissing || !strings.Contains(stderr, "keeps files and network from ffmpeg") || !strings.Contains(stderr, "apt-get install bubblewrap") {
		t.Errorf("strict without a sandbox: status %d\n%s", status, stderr)
	}
	stdout, _, _ := motionmill(t, "doctor", "--sandbox", "strict")
	if !strings.Contains(stdout, "MISSING  sandbox ") || !strings.Contains(stdout, "to mend it:   apt-get install bubblewrap") {
		t.Errorf("doctor says\n%s", stdout)
	}
	stdout, _, _ = motionmill(t, "doctor")
	if !strings.Contains(stdout, "ok       sandbox ") || !strings.Contains(stdout, "; to mend it: apt-get install bubblewrap") {
		t.Errorf("doctor says\n%s", stdout)
	}
}
