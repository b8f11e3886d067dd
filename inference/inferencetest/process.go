package inferencetest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/motionmill/motionmill/job"
)

// Again runs the test of a name in a process of its own, with a variable set,
// and returns what it logged. In that process it returns the variable's value.
func Again(t *testing.T, variable string) (told string) {
	t.Helper()
	if told = os.Getenv(variable); told != "" {
		return told
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v")
	command.Env = append(os.Environ(), variable+"=1")
	out, err := command.CombinedOutput()
	if bytes.Contains(out, []byte("--- SKIP")) {
		t.Skipf("%s", out)
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS")) {
		t.Errorf("%v: %s", err, out)
	}
	t.Logf("%s", out)
	return ""
}

// WantKind fails the test unless err is a job.Error of a kind, and returns it.
func WantKind(tb testing.TB, err error, kind job.Kind) *job.Error {
	tb.Helper()
	var typed *job.Error
	if !errors.As(err, &typed) {
		tb.Fatalf("got error %v, want one of kind %s", err, kind)
	}
	if typed.Kind != kind {
		tb.Fatalf("got kind %s (%v), want %s", typed.Kind, err, kind)
	}
	return typed
}
