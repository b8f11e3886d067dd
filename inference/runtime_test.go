package inference

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/job"
)

func TestOpenWithoutTheLibrary(t *testing.T) {
	_, err := Open(Config{Library: filepath.Join(t.TempDir(), "libonnxruntime.so.1.31.1")})
	if typed := wantKind(t, err, job.ModelMissing); !strings.Contains(typed.Remedy, "make setup") {
		t.Errorf("the remedy is %q", typed.Remedy)
	}
}

// TestOpenAnotherFile runs in a process of its own: a library is loaded once a process.
func TestOpenAnotherFile(t *testing.T) {
	if path := os.Getenv("MOTIONMILL_TEST_OPEN"); path != "" {
		_, err := Open(Config{Library: path})
		if typed := wantKind(t, err, job.ModelMissing); typed.Subject != path || !strings.Contains(typed.Remedy, "make setup") {
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
	if got, want := newestLibrary(root, "libx.so"), filepath.Join(root, "1.31.1", "libx.so.1.31.1"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := newestLibrary(filepath.Join(root, "nowhere"), "libx.so"); got != "" {
		t.Errorf("found %s in a folder that is not there", got)
	}
	t.Setenv("XDG_CACHE_HOME", filepath.Join(root, "empty"))
	t.Setenv("LD_LIBRARY_PATH", root)
	for _, file := range []string{"libonnxruntime.so.1.9.0", "libonnxruntime.so.1.30.2", "libonnxruntime.so"} {
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := FindLibrary(), filepath.Join(root, "libonnxruntime.so.1.30.2"); runtime.GOOS == "linux" && got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if compareVersions("1.9", MinimumVersion) >= 0 || compareVersions("1.24.0", MinimumVersion) < 0 || compareVersions("2.0", MinimumVersion) < 0 {
		t.Error("versions are not compared by their numbers")
	}
}

func TestProviders(t *testing.T) {
	r := openRuntime(t)
	if r.Version() == "" || !strings.Contains(r.Library(), "onnxruntime") {
		t.Errorf("version %q of library %q", r.Version(), r.Library())
	}
	if diff := cmp.Diff([]string{ProviderCPU}, r.Providers()); diff != "" {
		t.Error(diff)
	}
	_, err := Open(Config{Library: r.Library(), Provider: "quantum"})
	wantKind(t, err, job.Internal)
	_, err = Open(Config{Library: r.Library(), Provider: ProviderCPU, RequireGPU: true})
	wantKind(t, err, job.GPUUnavailable)

	var log bytes.Buffer
	auto, err := Open(Config{Library: r.Library(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if len(auto.Providers()) > 1 {
		t.Skipf("this machine has GPU providers: %v", auto.Providers())
	}
	for _, provider := range []string{ProviderCUDA, ProviderTensorRT} {
		if !strings.Contains(log.String(), "provider="+provider) {
			t.Errorf("the log does not say why %s is not used: %s", provider, log.String())
		}
		_, err := Open(Config{Library: r.Library(), Provider: provider})
		if typed := wantKind(t, err, job.GPUUnavailable); typed.Remedy == "" {
			t.Errorf("got %v", err)
		}
	}
	_, err = Open(Config{Library: r.Library(), RequireGPU: true})
	wantKind(t, err, job.GPUUnavailable)
}

// copyModel copies a model of the test data and its manifest into a folder.
func copyModel(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, ext := range []string{".onnx", ".yaml"} {
		data, err := os.ReadFile(testdata(t, "models", name+ext))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+ext), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSessionsAreSharedAndFilesVerified(t *testing.T) {
	dir := copyModel(t, "selfie_segmentation")
	r := openRuntime(t)
	choice, err := load(t, dir).Choose([]string{TaskMatte}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var sessions []session
	for range 2 {
		a, err := r.NewAnalyser(choice)
		if err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, a.matte.(*matte).network.session)
		if used := a.Used(); len(used) != 1 || used[0].Provider != ProviderCPU || used[0].Name != "selfie-256" {
			t.Errorf("used are %+v", used)
		}
	}
	if sessions[0] != sessions[1] {
		t.Error("two jobs have a session each")
	}
	in, out, err := r.Describe(*choice.Matte)
	if err != nil || len(in) != 1 || in[0].String() != "input_1:0 float32[1 256 256 3]" || len(out) != 1 {
		t.Errorf("described as %v, %v, error %v", in, out, err)
	}
	file := filepath.Join(dir, "selfie_segmentation.onnx")
	if err := os.WriteFile(file, []byte("altered"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = r.NewAnalyser(choice)
	wantKind(t, err, job.ModelMissing)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, err = r.NewAnalyser(choice)
	wantKind(t, err, job.ModelMissing)
}

func TestModelThatIsNoGraphOrAnother(t *testing.T) {
	r := openRuntime(t)
	dir := t.TempDir()
	m := modelOf(t, manifestOf("m", "matte", "matte", matteInput))
	m.folder = os.DirFS(dir)
	// The SHA-256 of the bytes "x", and of a real model under a manifest that does not describe it.
	m.SHA256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	if err := os.WriteFile(filepath.Join(dir, m.File), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := r.NewAnalyser(Choice{Matte: &m, WantMatte: true})
	if typed := wantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, "no ONNX file") {
		t.Errorf("got %v", err)
	}
	selfie, err := load(t, testdata(t, "models")).Find("selfie-256")
	if err != nil {
		t.Fatal(err)
	}
	selfie.Input.Name = "picture"
	_, err = r.NewAnalyser(Choice{Matte: &selfie, WantMatte: true})
	if typed := wantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, `"picture"`) {
		t.Errorf("got %v", err)
	}
	unsupported, err := load(t, testdata(t, "models")).Find("movenet-lightning")
	if err != nil {
		t.Fatal(err)
	}
	unsupported.Family = "telepathy"
	_, err = r.NewAnalyser(Choice{Pose: &unsupported})
	wantKind(t, err, job.ModelMissing)
}

func TestClosedRuntimeGivesNoSession(t *testing.T) {
	choice, err := load(t, testdata(t, "models")).Choose([]string{TaskMatte}, map[string]string{TaskMatte: "selfie-256"})
	if err != nil {
		t.Fatal(err)
	}
	r := openRuntime(t)
	if _, err := r.NewAnalyser(choice); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.NewAnalyser(choice); err == nil {
		t.Error("a closed runtime gave a session")
	}
}

// TestWarmUpProvesTheProvider lets ONNX Runtime's profiler say where a model ran.
func TestWarmUpProvesTheProvider(t *testing.T) {
	openRuntime(t)
	m, err := load(t, testdata(t, "models")).Find("selfie-256")
	if err != nil {
		t.Fatal(err)
	}
	data, err := fs.ReadFile(m.folder, m.File)
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := proveProvider(data, sessionOptions{provider: ProviderCPU, threads: 1}, m)
	if err != nil || nodes[ProviderCPU] == 0 || len(nodes) != 1 {
		t.Errorf("the CPU is not proved: %v, %v", nodes, err)
	}
	nodes, err = nodesByProvider([]byte(`[
		{"cat":"Session","args":{}},
		{"cat":"Node","args":{"provider":"CUDAExecutionProvider"}},
		{"cat":"Node","args":{"provider":"CUDAExecutionProvider"}},
		{"cat":"Node","args":{"provider":"CPUExecutionProvider"}},
		{"cat":"Node","args":{"provider":"TensorrtExecutionProvider"}},
		{"cat":"Node","args":{}}]`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{ProviderCUDA: 2, ProviderCPU: 1, ProviderTensorRT: 1}, nodes); diff != "" {
		t.Error(diff)
	}
}
