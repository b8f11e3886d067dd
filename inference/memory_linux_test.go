package inference

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/job"
)

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
	if inferencetest.Again(t, "MOTIONMILL_TEST_MEMORY") == "" {
		return
	}
	r := inferencetest.OpenRuntime(t)
	catalogue := inferencetest.Load(t, inferencetest.HandMade(t), inferencetest.HandMade(t, "generic"))
	choice, err := catalogue.Choose([]string{models.TaskPose, models.TaskMatte}, map[string]string{models.TaskPose: "markers", models.TaskMatte: "half-matte"})
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewAnalyser(r, choice)
	if err != nil {
		t.Fatal(err)
	}
	frame := inferencetest.DiscFrame(320, 240)
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
	if inferencetest.Again(t, "MOTIONMILL_TEST_ARENA") == "" {
		return
	}
	r, err := onnx.Open(onnx.Config{Provider: onnx.ProviderCPU, Library: os.Getenv("MOTIONMILL_ORT_LIBRARY"), Memory: 256 << 10})
	if job.KindOf(err) == job.ModelMissing {
		t.Skipf("ONNX Runtime is not there: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	m, err := inferencetest.Load(t, inferencetest.HandMade(t)).Find("markers")
	if err != nil {
		t.Fatal(err)
	}
	_, err = NewAnalyser(r, models.Choice{Pose: &m})
	inferencetest.WantKind(t, err, job.OutOfMemory)
}
