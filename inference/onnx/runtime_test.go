package onnx_test

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/job"
)

func TestOpenWithoutTheLibrary(t *testing.T) {
	_, err := onnx.Open(onnx.Config{Library: filepath.Join(t.TempDir(), "libonnxruntime.so.1.31.1")})
	if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Remedy, "make setup") {
		t.Errorf("the remedy is %q", typed.Remedy)
	}
}

// TestOpenAnotherFile runs in a process of its own: a library is loaded once a process.
func TestOpenAnotherFile(t *testing.T) {
	if path := os.Getenv("MOTIONMILL_TEST_OPEN"); path != "" {
		_, err := onnx.Open(onnx.Config{Library: path})
		if typed := inferencetest.WantKind(t, err, job.ModelMissing); typed.Subject != path || !strings.Contains(typed.Remedy, "make setup") {
			t.Errorf("got %v", err)
		}
		return
	}
	path := filepath.Join(t.TempDir(), "libonnxruntime.so.1.31.1")
	if err := os.WriteFile(path, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), self, "-test.run=^TestOpenAnotherFile$", "-test.v")
	command.Env = append(os.Environ(), "MOTIONMILL_TEST_OPEN="+path)
	if out, err := command.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS")) {
		t.Errorf("%v: %s", err, out)
	}
}

func TestNewestLibraryIsFound(t *testing.T) {
	root := t.TempDir()
	for _, file := range []string{"1.9.0/libx.so.1.9.0", "1.31.1/libx.so.1.31.1", "1.32.0/other", "notes/libx.so"} {
		path := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := onnx.NewestLibrary(root, "libx.so"), filepath.Join(root, "1.31.1", "libx.so.1.31.1"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := onnx.NewestLibrary(filepath.Join(root, "nowhere"), "libx.so"); got != "" {
		t.Errorf("found %s in a folder that is not there", got)
	}
	t.Setenv("XDG_CACHE_HOME", filepath.Join(root, "empty"))
	t.Setenv("LD_LIBRARY_PATH", root)
	for _, file := range []string{"libonnxruntime.so.1.9.0", "libonnxruntime.so.1.30.2", "libonnxruntime.so"} {
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := onnx.FindLibrary(), filepath.Join(root, "libonnxruntime.so.1.30.2"); runtime.GOOS == "linux" && got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if onnx.CompareVersions("1.9", onnx.MinimumVersion) >= 0 || onnx.CompareVersions("1.24.0", onnx.MinimumVersion) < 0 || onnx.CompareVersions("2.0", onnx.MinimumVersion) < 0 {
		t.Error("versions are not compared by their numbers")
	}
}

func TestProviders(t *testing.T) {
	r := inferencetest.OpenRuntime(t)
	if r.Version() == "" || !strings.Contains(r.Library(), "onnxruntime") {
		t.Errorf("version %q of library %q", r.Version(), r.Library())
	}
	if diff := cmp.Diff([]string{onnx.ProviderCPU}, r.Providers()); diff != "" {
		t.Error(diff)
	}
	_, err := onnx.Open(onnx.Config{Library: r.Library(), Provider: "quantum"})
	inferencetest.WantKind(t, err, job.Internal)
	_, err = onnx.Open(onnx.Config{Library: r.Library(), Provider: onnx.ProviderCPU, RequireGPU: true})
	inferencetest.WantKind(t, err, job.GPUUnavailable)

	var log bytes.Buffer
	auto, err := onnx.Open(onnx.Config{Library: r.Library(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if len(auto.Providers()) > 1 {
		t.Skipf("this machine has GPU providers: %v", auto.Providers())
	}
	for _, provider := range []string{onnx.ProviderCUDA, onnx.ProviderTensorRT} {
		if !strings.Contains(log.String(), "provider="+provider) {
			t.Errorf("the log does not say why %s is not used: %s", provider, log.String())
		}
		_, err := onnx.Open(onnx.Config{Library: r.Library(), Provider: provider})
		if typed := inferencetest.WantKind(t, err, job.GPUUnavailable); typed.Remedy == "" {
			t.Errorf("got %v", err)
		}
	}
	_, err = onnx.Open(onnx.Config{Library: r.Library(), RequireGPU: true})
	inferencetest.WantKind(t, err, job.GPUUnavailable)
}

// TestWarmUpProvesTheProvider lets ONNX Runtime's profiler say where a model ran.
func TestWarmUpProvesTheProvider(t *testing.T) {
	inferencetest.OpenRuntime(t)
	m, err := inferencetest.Load(t, inferencetest.Testdata(t, "models")).Find("selfie-256")
	if err != nil {
		t.Fatal(err)
	}
	data, err := m.Load()
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := onnx.ProveProvider(data, onnx.OnCPU(1), m, (*onnx.Network).RunOnce)
	if err != nil || nodes[onnx.ProviderCPU] == 0 || len(nodes) != 1 {
		t.Errorf("the CPU is not proved: %v, %v", nodes, err)
	}
	nodes, err = onnx.NodesByProvider([]byte(`[
		{"cat":"Session","args":{}},
		{"cat":"Node","args":{"provider":"CUDAExecutionProvider"}},
		{"cat":"Node","args":{"provider":"CUDAExecutionProvider"}},
		{"cat":"Node","args":{"provider":"CPUExecutionProvider"}},
		{"cat":"Node","args":{"provider":"TensorrtExecutionProvider"}},
		{"cat":"Node","args":{}}]`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{onnx.ProviderCUDA: 2, onnx.ProviderCPU: 1, onnx.ProviderTensorRT: 1}, nodes); diff != "" {
		t.Error(diff)
	}
}

func TestSessionsAreShared(t *testing.T) {
	m, err := inferencetest.Load(t, inferencetest.Testdata(t, "models")).Find("selfie-256")
	if err != nil {
		t.Fatal(err)
	}
	r := inferencetest.OpenRuntime(t)
	first, err := r.Network(m, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := r.Network(m, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if onnx.SessionOf(first) != onnx.SessionOf(second) {
		t.Error("two jobs have a session each")
	}
}
