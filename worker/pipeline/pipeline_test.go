package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/inference"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/starter"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media"
)

func TestBuiltInProfiles(t *testing.T) {
	profiles, err := LoadProfiles()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := profiles.Names(), []string{"pose", "silhouette", "trainer", "transcode"}; !slices.Equal(got, want) {
		t.Errorf("the profiles are %v, want %v", got, want)
	}
	tasks := map[string]string{"trainer": "pose matte", "transcode": "", "pose": "pose", "silhouette": "matte"}
	for name, want := range tasks {
		if got := strings.Join(profiles[name].Tasks(), " "); got != want {
			t.Errorf("%s needs models for %q, want %q", name, got, want)
		}
	}
	if _, err := profiles.Find("none"); job.KindOf(err) != job.Unsupported || !strings.Contains(err.Error(), "trainer") {
		t.Errorf("an unknown profile gives %v", err)
	}
}

func TestProfilesOfTheUser(t *testing.T) {
	cases := map[string]string{
		"outputs: [video, pose]\nmodels: {pose: mine}": "",
		"outputs: [video, smell]":                      `unknown output "smell"`,
		"outputs: []":                                  "names no outputs",
		"outputs: [video]\nflavour: sweet":             "flavour",
	}
	for text, want := range cases {
		path := filepath.Join(t.TempDir(), "mine.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := Profiles{}.Find(path)
		if want == "" {
			if err != nil || p.Name != "mine" || p.Models["pose"] != "mine" || !p.Wants(Pose) || p.Wants(Silhouette) {
				t.Errorf("%q gives %+v, %v", text, p, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q gives %v; it must name the file and say %q", text, err, want)
		}
	}
}

func TestLayerDrawsLimbsInTheColoursOfTheSides(t *testing.T) {
	names := []string{"nose", "left_wrist", "left_elbow", "right_wrist"}
	l := NewLayer(100, 50, 200, 100, names, [][2]int{{1, 2}, {1, 3}, {0, 3}})
	person := inference.Person{Keypoints: [][3]float64{{20, 20, 0.1}, {40, 40, 0.9}, {120, 40, 0.9}, {40, 90, 0.9}}}
	l.Draw([]inference.Person{person})
	pixel := func(x, y int) [4]byte { return [4]byte(l.pix[(y*100+x)*4:]) }
	want := map[[2]int][4]byte{
		{40, 20}: {255, 149, 0, 255},   // Half way between the left wrist and elbow.
		{20, 33}: {255, 255, 255, 255}, // Between the sides.
		{20, 45}: {0, 199, 255, 255},   // The right wrist itself.
		{10, 10}: {},                   // The nose was not seen, nor is its limb.
		{80, 40}: {},
	}
	for at, colour := range want {
		if got := pixel(at[0], at[1]); got != colour {
			t.Errorf("the pixel at %v is %v, want %v", at, got, colour)
		}
	}
	l.Draw(nil)
	if slices.ContainsFunc(l.pix, func(b byte) bool { return b != 0 }) {
		t.Error("an empty frame is not empty")
	}
}

func TestWeight(t *testing.T) {
	profiles, err := LoadProfiles()
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		width, height int
		rate          float64
		profile       string
		want          int
	}{
		{384, 496, 30, "trainer", 1},
		{1280, 720, 30, "trainer", 3},
		{1280, 720, 30, "transcode", 2},
		{1920, 1080, 60, "trainer", 13},
		{320, 240, 0, "pose", 1},
	}
	for _, c := range cases {
		info := media.Info{Width: c.width, Height: c.height, FrameRate: c.rate}
		if got := Weight(info, profiles[c.profile]); got != c.want {
			t.Errorf("%d×%d at %g for %s weighs %d, want %d", c.width, c.height, c.rate, c.profile, got, c.want)
		}
	}
}

func TestTheFirstCauseIsTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	full := job.Fail(job.OutOfDisk, "write", "x", "", "", nil)
	if err := firstCause(ctx, context.Canceled, full); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if err := firstCause(ctx, context.Canceled, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := firstCause(ctx, nil, nil); err != nil {
		t.Errorf("got %v", err)
	}
}

// config is a pipeline without ONNX Runtime: a profile without models must not need it.
func config(t *testing.T) Config {
	t.Helper()
	tools, err := media.Find(t.Context(), media.Config{})
	if err != nil {
		t.Skip(err)
	}
	catalogue, err := models.LoadCatalogue(nil, starter.Files)
	if err != nil {
		t.Fatal(err)
	}
	profiles, err := LoadProfiles()
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Tools: tools, Limits: media.DefaultLimits(), Profiles: profiles, Version: "test", Logger: slog.New(slog.DiscardHandler),
		Engine: &Engine{Config: onnx.Config{Library: "/nowhere/libonnxruntime.so"}, Catalogue: catalogue},
	}
}

func writeDemo(t *testing.T) string {
	t.Helper()
	video, err := starter.Files.ReadFile("demo.mp4")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "demo.mp4")
	if err := os.WriteFile(path, video, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTranscodingNeedsNoModels(t *testing.T) {
	cfg, dir := config(t), t.TempDir()
	var last job.Progress
	m, err := cfg.File(t.Context(), writeDemo(t), dir, cfg.Profiles["transcode"], func(p job.Progress) { last = p })
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Outputs) < 6 || len(m.Models) != 0 || m.Tools.ONNXRuntime != "" || m.Input.Width == 0 {
		t.Errorf("the manifest is %+v", m)
	}
	if last.Step != "package" || last.Done == 0 {
		t.Errorf("the last progress is %+v", last)
	}
	_, err = cfg.File(t.Context(), writeDemo(t), dir, cfg.Profiles["pose"], func(job.Progress) {})
	if err == nil || !strings.Contains(err.Error(), "/nowhere/libonnxruntime.so") {
		t.Errorf("without the library the pose profile gives %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "video.mp4")); err != nil {
		t.Errorf("a run that failed took away what was there: %v", err)
	}
}

func TestBadFiles(t *testing.T) {
	cfg := config(t)
	playlist := "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n/etc/passwd\n"
	cases := []struct {
		name, content string
		kind          job.Kind
	}{
		{"empty.mp4", "", job.NotAVideo},
		{"text.mp4", strings.Repeat("not a video\n", 50), job.NotAVideo},
		{"playlist.mp4", playlist, job.NotAVideo},
		{"truncated.mp4", string(mustRead(t, writeDemo(t))[:20000]), job.Corrupt},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path, out := filepath.Join(t.TempDir(), c.name), t.TempDir()
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, err := cfg.File(t.Context(), path, out, cfg.Profiles["transcode"], func(job.Progress) {})
			var typed *job.Error
			if !errors.As(err, &typed) || typed.Kind != c.kind || !strings.Contains(err.Error(), c.name) || typed.Finding == "" {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
			if left, _ := os.ReadDir(out); len(left) != 0 {
				t.Errorf("it left %v", left)
			}
		})
	}
	if _, err := cfg.File(t.Context(), "/nowhere/x.mp4", t.TempDir(), cfg.Profiles["transcode"], func(job.Progress) {}); job.KindOf(err) != job.SourceGone {
		t.Errorf("an absent file gives %v", err)
	}
}

func TestNothingOfTheUsersIsReplaced(t *testing.T) {
	cfg, dir := config(t), t.TempDir()
	own := filepath.Join(dir, "video.mp4")
	if err := os.WriteFile(own, mustRead(t, writeDemo(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, input := range []string{own, writeDemo(t)} {
		if _, err := cfg.File(t.Context(), input, dir, cfg.Profiles["transcode"], func(job.Progress) {}); err == nil || !strings.Contains(err.Error(), own) {
			t.Errorf("from %s: %v", input, err)
		}
	}
	if !slices.Equal(mustRead(t, own), mustRead(t, writeDemo(t))) {
		t.Error("the user's file was replaced")
	}
}

func TestARelativeFolder(t *testing.T) {
	cfg, video := config(t), writeDemo(t)
	t.Chdir(t.TempDir())
	for range 2 {
		if _, err := cfg.File(t.Context(), video, "results", cfg.Profiles["transcode"], func(job.Progress) {}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat("results/video.mp4"); err != nil {
		t.Error(err)
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAnEarlierRunIsReplacedAndForeignFilesAreNot(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("overlay.mp4", "old")
	write("holiday.mp4", "the user's own")
	write(ManifestName, `{"schema": "motionmill.manifest/1", "outputs": [{"path": "overlay.mp4"}, {"path": "../outside"}]}`)
	if err := removeEarlier(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "holiday.mp4" {
		t.Errorf("what is left: %v (%v)", entries, err)
	}
	write(ManifestName, `{"name": "a web app"}`)
	if err := removeEarlier(dir); err == nil {
		t.Error("a manifest that is not ours was removed")
	}
}
