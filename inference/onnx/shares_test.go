package onnx_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/job"
)

// TestInferencesShareTheProcessors runs more at once than there may be.
func TestInferencesShareTheProcessors(t *testing.T) {
	m := inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "matte", inferencetest.MatteInput))
	running, most := make(chan struct{}, 8), make(chan int, 8)
	s := &inferencetest.FakeSession{Respond: func([]float32) ([]onnx.Tensor, error) {
		running <- struct{}{}
		most <- len(running)
		<-running
		return nil, nil
	}}
	n := inferencetest.FakeNetwork(t, m, s)
	nothing := func([]onnx.Tensor) error { return nil }
	if err := n.Use(func(*onnx.Lane) {}, func([]onnx.Tensor) error { return n.Use(func(*onnx.Lane) {}, nothing) }); err != nil || s.Runners != 2 {
		t.Fatalf("%d buffers for two at once, %v", s.Runners, err)
	}
	<-most
	<-most
	onnx.Bounded(n, 2)
	done := make(chan error, 8)
	for range 8 {
		go func() { done <- n.As(m).Use(func(*onnx.Lane) {}, nothing) }()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
		if at := <-most; at > 2 {
			t.Errorf("%d ran at once, 2 may", at)
		}
	}
	if s.Runners > 2 {
		t.Errorf("there are buffers for %d at once", s.Runners)
	}
}

func TestThreadsOfAnInference(t *testing.T) {
	frames, speech := models.Model{Manifest: models.Manifest{Task: models.TaskPose}}, models.Model{Manifest: models.Manifest{Task: models.TaskGeneric}}
	cpus := onnx.CPUs()
	for name, c := range map[string]struct {
		config        onnx.Config
		frame, speech int
	}{
		"several frames at once": {onnx.Config{Parallel: cpus}, 1, cpus},
		"one at a time":          {onnx.Config{Parallel: 1}, cpus, cpus},
		"more than processors":   {onnx.Config{Parallel: 4 * cpus}, 1, cpus},
		"as told":                {onnx.Config{Parallel: 1, Threads: 3}, 3, 3},
	} {
		if f, s := onnx.ThreadsOf(c.config, frames), onnx.ThreadsOf(c.config, speech); f != c.frame || s != c.speech {
			t.Errorf("%s: %d threads a frame and %d for speech, want %d and %d", name, f, s, c.frame, c.speech)
		}
	}
}

func TestMemoryThatIsRefused(t *testing.T) {
	n := &onnx.Network{Model: models.Model{Manifest: models.Manifest{Name: "m"}}, Provider: onnx.ProviderCPU}
	err := onnx.Refused(n, fmt.Errorf("bfc_arena.cc:360 Available memory of 424960 is smaller than requested bytes of 2076672"))
	if typed := inferencetest.WantKind(t, err, job.OutOfMemory); typed.Remedy == "" || !strings.Contains(err.Error(), "424960") {
		t.Errorf("got %v", err)
	}
	inferencetest.WantKind(t, onnx.Refused(n, io.ErrUnexpectedEOF), job.Internal)
}
