package sandbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	if _, err := Find(t.Context(), config(t, Strict, Limits)); !errors.Is(err, ErrUnconfined) {
		t.Errorf("strict with limits alone gives %v", err)
	}
	for mode, levels := range map[Mode][]Level{Auto: {Limits}, Off: nil} {
		b, err := Find(t.Context(), config(t, mode, levels...))
		if err != nil || b.Report() != (Report{Mode: mode, Level: Limits}) {
			t.Errorf("%s with %v gives %+v, %v", mode, levels, b, err)
		}
	}
	b, err := Find(t.Context(), config(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("here: %+v, refused: %q", b.Report(), b.Refused())
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Find(cancelled, config(t, Auto)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled, it gives %v", err)
	}
	if _, err := ReadMode("paranoid"); err == nil {
		t.Error("a mode that is none was read")
	}
}

// TestLyingWrapper has a bwrap in PATH that confines nothing: it is not taken.
func TestLyingWrapper(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho '{\"child-pid\": '$$'}' >&4\nwhile [ \"$1\" != -- ]; do shift; done; shift\n\"$@\"\necho '{\"exit-code\": '$?'}' >&4\n"
	if err := os.WriteFile(filepath.Join(dir, "bwrap"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	b, err := Find(t.Context(), config(t, Auto, Bubblewrap, Limits))
	if err != nil || b.Report().Level != Limits {
		t.Fatalf("took %+v, %v", b, err)
	}
	if said := strings.Join(b.Refused(), " "); !strings.Contains(said, "could open") {
		t.Errorf("said only %q", said)
	}
}
