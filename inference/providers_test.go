package inference

import (
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/job"
)

// onGPU opens a provider of a GPU, or skips the test.
func onGPU(t *testing.T, provider string) *onnx.Runtime {
	t.Helper()
	r, err := onnx.Open(onnx.Config{Provider: provider, RequireGPU: true, Library: os.Getenv("MOTIONMILL_ORT_LIBRARY")})
	if kind := job.KindOf(err); kind == job.GPUUnavailable || kind == job.ModelMissing {
		t.Skipf("there is no GPU to test with: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// TestModelsOnTheGPU compares a model of floats and one of float16 with the CPU,
// proves where they ran, and ends with a signal.
func TestModelsOnTheGPU(t *testing.T) {
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGTERM)
	defer signal.Stop(got)
	for _, provider := range []string{onnx.ProviderCUDA, onnx.ProviderTensorRT} {
		t.Run(provider, func(t *testing.T) {
			r, cpu := onGPU(t, provider), inferencetest.OpenRuntime(t)
			for _, name := range []string{"half-matte", "half-matte-open"} {
				m, err := inferencetest.Load(t, inferencetest.HandMade(t, "generic")).Find(name)
				if err != nil {
					t.Fatal(err)
				}
				compareMattes(t, r, cpu, m, provider)
			}
			selfie, err := inferencetest.Load(t, inferencetest.Testdata(t, "models")).Find("selfie-256")
			if err != nil {
				t.Fatal(err)
			}
			compareMattes(t, r, cpu, selfie, provider)
			if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			<-got
			cache, err := os.UserCacheDir()
			if err != nil {
				t.Fatal(err)
			}
			// The folders below are named for the GPU and for the versions.
			if engines, err := filepath.Glob(filepath.Join(cache, "motionmill", "tensorrt", selfie.SHA256[:16], "*", "*", "*.engine")); provider == onnx.ProviderTensorRT && (err != nil || len(engines) == 0) {
				t.Errorf("no engine was kept: %v", err)
			}
		})
	}
}

func compareMattes(t *testing.T, r, cpu *onnx.Runtime, m models.Model, provider string) {
	t.Helper()
	frame := picture.Picture{Pix: inferencetest.DiscFrame(320, 240), Width: 320, Height: 240}
	var mattes [2][]byte
	for i, on := range []*onnx.Runtime{r, cpu} {
		a, err := NewAnalyser(on, models.Choice{Matte: &m, WantMatte: true})
		if err != nil {
			t.Fatal(err)
		}
		if used := a.Used()[0]; i == 0 && (used.Provider != provider || used.Nodes[provider] == 0) {
			t.Errorf("%s ran elsewhere: %+v", m.Name, used)
		}
		if mattes[i], _, _, err = a.CutOut(frame); err != nil {
			t.Fatal(err)
		}
	}
	for i, v := range mattes[0] {
		if math.Abs(float64(v)-float64(mattes[1][i])) > 3 {
			t.Fatalf("%s: pixel %d is %d, on the CPU %d", m.Name, i, v, mattes[1][i])
		}
	}
}

// TestModelsOfFloat16 runs a matte of float16 through the families' own way,
// with a shape that is fixed and with one that only a run tells.
func TestModelsOfFloat16(t *testing.T) {
	r := inferencetest.OpenRuntime(t)
	for _, name := range []string{"half-matte", "half-matte-open"} {
		m, err := inferencetest.Load(t, inferencetest.HandMade(t, "generic")).Find(name)
		if err != nil {
			t.Fatal(err)
		}
		a, err := NewAnalyser(r, models.Choice{Matte: &m, WantMatte: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, blue := range []byte{204, 51} { // The second run has the memory of the first.
			matte, w, h, err := a.CutOut(inferencetest.OfColour(64, 48, [3]byte{9, 9, blue}))
			if err != nil {
				t.Fatal(err)
			}
			if w != 32 || h != 24 || matte[0] != blue || matte[w*h-1] != blue {
				t.Errorf("%s: %dx%d of %d, want %d", name, w, h, matte[0], blue)
			}
		}
	}
}
