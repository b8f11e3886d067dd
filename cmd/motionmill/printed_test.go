package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestOutputThatCannotBeWrittenIsAFailure writes to a full disk.
func TestOutputThatCannotBeWrittenIsAFailure(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	for _, args := range [][]string{{"version"}, {"version", "--json"}, {"models", "list"}, {"models", "list", "--json"}, {"help"}} {
		cmd := program(t.Context(), args...)
		var errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = full, &errs
		err := cmd.Run()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if status := cmd.ProcessState.ExitCode(); status != statusFailed || strings.Count(errs.String(), "no space left") != 1 {
			t.Errorf("%v: status %d, it says %q", args, status, errs.String())
		}
	}
}
