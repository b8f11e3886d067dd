package pipeline

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media"
	"github.com/motionmill/motionmill/media/standin"
)

// byHardware is a pipeline whose ffmpeg is a stand-in, and what it logs.
func byHardware(t *testing.T, program standin.Program, way standin.Way) (Config, *strings.Builder) {
	t.Helper()
	cfg, log := config(t), &strings.Builder{}
	tools, err := media.Find(t.Context(), media.Config{FFmpeg: program.As(t, way), Hardware: media.HardwareAuto})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Tools, cfg.Logger = tools, slog.New(slog.NewTextHandler(log, nil))
	cfg.Profiles["video"] = Profile{Name: "video", Outputs: []Output{Video}}
	return cfg, log
}

// run takes the demo through a profile and returns the manifest and the folder of outputs.
func run(t *testing.T, cfg Config, profile string) (Manifest, string) {
	t.Helper()
	if len(cfg.Profiles[profile].Tasks()) > 0 {
		withModels(t, &cfg, cfg.Profiles[profile])
	}
	dir := t.TempDir()
	m, err := cfg.File(t.Context(), writeDemo(t), dir, cfg.Profiles[profile], func(job.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	if there, err := os.ReadDir(dir); err != nil || slices.ContainsFunc(there, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), ".") }) {
		t.Errorf("it left %v (%v)", there, err)
	}
	return m, dir
}

// encoders are those of the outputs in H.264, which it holds to their frames.
func encoders(t *testing.T, m Manifest) (all []string) {
	t.Helper()
	for _, o := range m.Outputs {
		if (o.Encoder != "") != strings.HasPrefix(o.Codecs, "avc1") {
			t.Errorf("%s, of %q, is said to be encoded by %q", o.Path, o.Codecs, o.Encoder)
		}
		if o.Encoder == "" {
			continue
		}
		if all = append(all, o.Encoder); o.Frames != 120 && !strings.HasSuffix(o.Path, "iframes.m3u8") {
			t.Errorf("%s has %d frames", o.Path, o.Frames)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestTheManifestSaysWhatEncoded has hardware that works.
func TestTheManifestSaysWhatEncoded(t *testing.T) {
	program := standin.Build(t)
	cfg, log := byHardware(t, program, standin.Way{Works: []string{"h264_qsv"}})
	m, _ := run(t, cfg, "transcode")
	if want := (Hardware{Setting: "auto", Used: "qsv"}); m.Hardware != want || !slices.Equal(encoders(t, m), []string{"h264_qsv"}) {
		t.Errorf("the manifest says %+v and %v", m.Hardware, encoders(t, m))
	}
	if log.Len() > 0 {
		t.Errorf("it logs %s", log)
	}
	cfg, _ = byHardware(t, program, standin.Way{})
	m, _ = run(t, cfg, "video")
	if want := (Hardware{Setting: "auto"}); m.Hardware != want || !slices.Equal(encoders(t, m), []string{"libx264"}) {
		t.Errorf("without hardware the manifest says %+v and %v", m.Hardware, encoders(t, m))
	}
}

// TestHardwareThatFailsOnTheWay has each of the processes lose its hardware in the
// middle: the job is done once more as a whole, and the third one does not try any more.
func TestHardwareThatFailsOnTheWay(t *testing.T) {
	program := standin.Build(t)
	for _, test := range []struct {
		dies, profile string
		runs          int
	}{{"decode", "video", 3}, {"decode", "trainer", 1}, {"compose", "trainer", 1}} {
		t.Run(test.profile+" "+test.dies, func(t *testing.T) {
			cfg, log := byHardware(t, program, standin.Way{Works: []string{"h264_nvenc"}, DiesAt: 40, Dies: test.dies})
			for i := range test.runs {
				m, dir := run(t, cfg, test.profile)
				if got := encoders(t, m); !slices.Equal(got, []string{"libx264"}) {
					t.Errorf("run %d: the manifest says %v", i, got)
				}
				fell := m.Hardware.FellBack
				if i == 2 && (m.Hardware != Hardware{Setting: "auto"}) {
					t.Errorf("the third run has %+v", m.Hardware)
				}
				if i < 2 && (fell == nil || fell.From != "nvenc" || !strings.Contains(fell.Because, "h264_nvenc: EncodePicture failed") || fell.Seconds <= 0 || m.Hardware.Used != "") {
					t.Errorf("run %d: the manifest says %+v, %+v", i, m.Hardware, fell)
				}
				if names := stepNames(m); len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
					t.Errorf("the steps are %v", names)
				}
				checkListed(t, dir, m)
			}
			again, ended := strings.Count(log.String(), "the job is done again by libx264"), strings.Count(log.String(), "encodes by libx264 from now on")
			if again != min(test.runs, 2) || ended != again/2 {
				t.Errorf("it logs\n%s", log)
			}
		})
	}
}

func stepNames(m Manifest) (names []string) {
	for _, s := range m.Steps {
		names = append(names, s.Name)
	}
	return names
}

// checkListed holds a folder to the manifest: all files of it, whole, and no others.
func checkListed(t *testing.T, dir string, m Manifest) {
	t.Helper()
	listed := []string{ManifestName}
	for _, o := range m.Outputs {
		if size, sha, err := digest(filepath.Join(dir, o.Path)); err != nil || size != o.Bytes || sha != o.SHA256 {
			t.Errorf("%s is not what the manifest says (%v)", o.Path, err)
		}
		listed = append(listed, o.Path)
	}
	slices.Sort(listed)
	if there := filesIn(t, dir); !slices.Equal(there, listed) {
		t.Errorf("the folder holds %v, want %v", there, listed)
	}
}

// TestAnErrorThatIsNotTheHardwares is told as it is, and the hardware is kept.
func TestAnErrorThatIsNotTheHardwares(t *testing.T) {
	cfg, log := byHardware(t, standin.Build(t), standin.Way{Works: []string{"h264_nvenc"}})
	whole := mustRead(t, writeDemo(t))
	path := filepath.Join(t.TempDir(), "cut.mp4")
	if err := os.WriteFile(path, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	_, err := cfg.File(t.Context(), path, out, cfg.Profiles["transcode"], func(job.Progress) {})
	if job.KindOf(err) != job.Corrupt || log.Len() > 0 || cfg.Tools.Encoder().Name() != "nvenc" {
		t.Errorf("half a file gives %v and logs %q", err, log)
	}
	if left, _ := os.ReadDir(out); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}
