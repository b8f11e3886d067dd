package inference

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/job"
)

// again runs the test of a name in a process of its own, with a variable set,
// and returns what it logged. In that process it returns the variable's value.
func again(t *testing.T, variable string) (told string) {
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

// resident is how many bytes of the process are in memory.
func resident(t *testing.T) float64 {
	t.Helper()
	debug.FreeOSMemory() // What Go holds back for later does not count.
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	var kib float64
	at := bytes.Index(text, []byte("VmRSS:"))
	if _, err := fmt.Sscan(string(text[at+len("VmRSS:"):]), &kib); err != nil || at < 0 {
		t.Fatalf("no VmRSS: %v", err)
	}
	return kib * 1024
}

// TestMemoryStaysWhereItIs sees a thousand frames through a pose model and a
// matte model with the real ONNX Runtime: the process takes as much memory after them as after
// a hundred, within 5 %. The race detector's own memory grows with what is run, by 7 MB here.
func TestMemoryStaysWhereItIs(t *testing.T) {
	if again(t, "MOTIONMILL_TEST_MEMORY") == "" {
		return
	}
	r := openRuntime(t)
	catalogue := load(t, "testdata", filepath.Join("testdata", "generic"))
	choice, err := catalogue.Choose([]string{TaskPose, TaskMatte}, map[string]string{TaskPose: "markers", TaskMatte: "half-matte"})
	if err != nil {
		t.Fatal(err)
	}
	a, err := r.NewAnalyser(choice)
	if err != nil {
		t.Fatal(err)
	}
	frame := discFrame(320, 240)
	number, early, late := -1, 0.0, 0.0
	_, err = a.Analyse(context.Background(), Video{Width: 320, Height: 240, FrameWidth: 320, FrameHeight: 240, Parallel: 2},
		func(pix []byte) (int, float64, error) {
			if number++; number == 1000 {
				return 0, 0, io.EOF
			}
			copy(pix, frame)
			return number, float64(number) / 30, nil
		}, func(res Result) error {
			switch res.Index {
			case 99:
				early = resident(t)
			case 999:
				late = resident(t)
			}
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("after 100 frames %.1f MB, after 1000 %.1f MB", early/1e6, late/1e6)
	if early == 0 || math.Abs(late/early-1) > memoryDrift {
		t.Errorf("memory went from %.1f to %.1f MB", early/1e6, late/1e6)
	}
}

// TestArenaIsBounded gives ONNX Runtime less memory than a model needs.
func TestArenaIsBounded(t *testing.T) {
	if again(t, "MOTIONMILL_TEST_ARENA") == "" {
		return
	}
	r, err := Open(Config{Provider: ProviderCPU, Library: os.Getenv("MOTIONMILL_ORT_LIBRARY"), Memory: 256 << 10})
	if job.KindOf(err) == job.ModelMissing {
		t.Skipf("ONNX Runtime is not there: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	m, err := load(t, "testdata").Find("markers")
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.NewAnalyser(Choice{Pose: &m})
	wantKind(t, err, job.OutOfMemory)
}

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
