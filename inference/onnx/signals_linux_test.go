package onnx_test

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/onnx"
)

// TestSignalsOutliveALibrary lets a function take SIGTERM and SIGUSR1 away, as
// libraries of CUDA do when they are loaded, in a process of its own.
func TestSignalsOutliveALibrary(t *testing.T) {
	if inferencetest.Again(t, "MOTIONMILL_TEST_SIGNALS") == "" {
		return
	}
	got := make(chan os.Signal, 2)
	signal.Notify(got, syscall.SIGTERM, syscall.SIGUSR1)
	broken := errors.New("as it should")
	err := onnx.KeepSignals(func() error {
		ignore := onnx.Ignored()
		return errors.Join(broken, onnx.ActionOf(int(syscall.SIGTERM), &ignore, nil), onnx.ActionOf(int(syscall.SIGUSR1), &ignore, nil))
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGUSR1} {
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
		if at := <-got; at != s {
			t.Errorf("got %v, sent %v", at, s)
		}
	}
}
