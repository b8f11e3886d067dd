package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// bare runs the program, or another one, with no environment but what is given.
func bare(t *testing.T, cmd *exec.Cmd, env ...string) (out string, status int) {
	t.Helper()
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), asMotionmill + "=1", "GORACE=atexit_sleep_ms=0"}, env...)
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// TestDoctorInBareEnvironments looks at what doctor says where nothing is set: each
// remedy once, and the one that helps there.
func TestDoctorInBareEnvironments(t *testing.T) {
	out, status := bare(t, program(t.Context(), "doctor"), "PATH=/nonexist", "LD_LIBRARY_PATH=", "XDG_CACHE_HOME=relative", "TMPDIR=/nonexist")
	if strings.Contains(out, "ok       ONNX Runtime") {
		t.Skip("the system has an ONNX Runtime of its own")
	}
	for _, want := range []string{
		"there is no cache folder to look into: path in $XDG_CACHE_HOME is relative", "Set HOME, or XDG_CACHE_HOME to an absolute path",
		"set TMPDIR to one that can be written to",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "MISSING") && (strings.Contains(line, "apt-get") || strings.Contains(line, "MOTIONMILL_ORT_LIBRARY")) {
			t.Errorf("a remedy stands beside the finding, and so twice: %s", line)
		}
	}
	if status != statusMissing {
		t.Errorf("status %d", status)
	}
}

// TestWithoutAHomeNoFolderIsMade lists and pulls models as a user who has none.
func TestWithoutAHomeNoFolderIsMade(t *testing.T) {
	for _, env := range []string{"HOME=", "XDG_DATA_HOME=relative"} {
		cmd := program(t.Context(), "models", "pull", "selfie-256")
		cmd.Dir = t.TempDir()
		out, status := bare(t, cmd, env)
		if status != statusUsage || !strings.Contains(out, "--models-dir") {
			t.Errorf("%s: status %d, it says %s", env, status, out)
		}
		if left, err := os.ReadDir(cmd.Dir); err != nil || len(left) != 0 {
			t.Errorf("%s: it leaves %v (%v)", env, left, err)
		}
	}
}

// TestScriptsWithoutAHome looks at what the scripts say where there is no folder for
// what they make.
func TestScriptsWithoutAHome(t *testing.T) {
	scripts, err := filepath.Abs("../../scripts")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ script, env, says string }{
		{"setup.sh", "HOME=", "set HOME, or XDG_CACHE_HOME to an absolute path"},
		{"setup.sh", "XDG_CACHE_HOME=relative", "XDG_CACHE_HOME is relative: it must be an absolute path"},
	} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(scripts, c.script))
		cmd.Dir = t.TempDir()
		if out, status := bare(t, cmd, c.env); status != statusMissing || !strings.Contains(out, c.says) {
			t.Errorf("%s with %s: status %d, it says %s", c.script, c.env, status, out)
		}
	}
}
