package inference

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/job"
)

// TestInferencesShareTheProcessors runs more at once than there may be.
func TestInferencesShareTheProcessors(t *testing.T) {
	m := modelOf(t, manifestOf("m", "matte", "matte", matteInput))
	running, most := make(chan struct{}, 8), make(chan int, 8)
	s := &fakeSession{respond: func([]float32) ([]tensor, error) {
		running <- struct{}{}
		most <- len(running)
		<-running
		return nil, nil
	}}
	n := fakeNetwork(t, m, s)
	nothing := func([]tensor) error { return nil }
	if err := n.use(func(*lane) {}, func([]tensor) error { return n.use(func(*lane) {}, nothing) }); err != nil || s.runners != 2 {
		t.Fatalf("%d buffers for two at once, %v", s.runners, err)
	}
	<-most
	<-most
	n.gate = make(chan struct{}, 2)
	done := make(chan error, 8)
	for range 8 {
		go func() { done <- n.as(m).use(func(*lane) {}, nothing) }()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
		if at := <-most; at > 2 {
			t.Errorf("%d ran at once, 2 may", at)
		}
	}
	if s.runners > 2 {
		t.Errorf("there are buffers for %d at once", s.runners)
	}
}

func TestThreadsOfAnInference(t *testing.T) {
	frames, speech := Model{Manifest: Manifest{Task: TaskPose}}, Model{Manifest: Manifest{Task: TaskGeneric}}
	cpus := CPUs()
	for name, c := range map[string]struct {
		config        Config
		frame, speech int
	}{
		"several frames at once": {Config{Parallel: cpus}, 1, cpus},
		"one at a time":          {Config{Parallel: 1}, cpus, cpus},
		"more than processors":   {Config{Parallel: 4 * cpus}, 1, cpus},
		"as told":                {Config{Parallel: 1, Threads: 3}, 3, 3},
	} {
		r := &Runtime{config: c.config}
		if f, s := r.threads(frames), r.threads(speech); f != c.frame || s != c.speech {
			t.Errorf("%s: %d threads a frame and %d for speech, want %d and %d", name, f, s, c.frame, c.speech)
		}
	}
}

func TestMemoryThatIsRefused(t *testing.T) {
	n := &network{model: Model{Manifest: Manifest{Name: "m"}}, provider: ProviderCPU}
	err := n.refused(fmt.Errorf("bfc_arena.cc:360 Available memory of 424960 is smaller than requested bytes of 2076672"))
	if typed := wantKind(t, err, job.OutOfMemory); typed.Remedy == "" || !strings.Contains(err.Error(), "424960") {
		t.Errorf("got %v", err)
	}
	wantKind(t, n.refused(io.ErrUnexpectedEOF), job.Internal)
}
