package pipeline

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media/hostile"
)

// partialClip makes a clip of some seconds in a container.
func partialClip(t *testing.T, name string, args ...string) string {
	t.Helper()
	config(t)
	path := filepath.Join(t.TempDir(), name)
	all := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=20:d=6", "-f", "lavfi", "-i", "sine=440:d=6",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "20", "-pix_fmt", "yuv420p", "-c:a", "aac"}, append(args, path)...)
	if text, err := exec.CommandContext(t.Context(), "ffmpeg", all...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return path
}

// TestPartiallyBroken cuts and bends clips: what can be decoded is kept where the profile allows
// it, and the manifest says what was lost; else they are corrupt.
func TestPartiallyBroken(t *testing.T) {
	cut := func(data []byte) []byte { return data[:len(data)/2] }
	bent := func(data []byte) []byte { return hostile.Flips(data, 7, 400, len(data)/4) }
	for _, c := range []struct {
		name string
		args []string
		harm func(data []byte) []byte
		// least and most are what may be lost of the six seconds; refused tells that it is
		// corrupt without leave.
		least, most float64
		refused     bool
	}{
		{"cut.mp4", []string{"-movflags", "+faststart"}, cut, 2, 5, true},
		{"cut.mkv", nil, cut, 2, 5, true},
		{"cut.avi", nil, cut, 2, 5, true},
		{"bent.mp4", []string{"-movflags", "+faststart"}, bent, 0, 1, false},
		{"bent.mkv", nil, bent, 0, 6, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := partialClip(t, c.name, c.args...)
			whole := mustRead(t, path)
			if err := os.WriteFile(path, c.harm(whole), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg := config(t)
			profile := Profile{Name: "p", Outputs: []Output{Video}}
			m, err := cfg.File(t.Context(), path, t.TempDir(), profile, func(job.Progress) {})
			if c.refused && job.KindOf(err) != job.Corrupt || !c.refused && err != nil && job.KindOf(err) != job.Corrupt {
				t.Errorf("without leave: %v", err)
			}
			if err == nil && m.Lost == nil {
				t.Error("it was kept without a word")
			}
			profile.Partial, profile.Outputs = "keep", []Output{Video, Poster, Sprite}
			if c.name == "cut.mp4" {
				profile.Outputs = append(profile.Outputs, HLS)
			}
			m, err = cfg.File(t.Context(), path, t.TempDir(), profile, func(job.Progress) {})
			if err != nil {
				t.Fatal(err)
			}
			if m.Lost == nil {
				t.Fatalf("the manifest does not say what was lost: %+v", m.Input)
			}
			t.Logf("%+v of %+v", *m.Lost, m.Input)
			video := m.Outputs[0]
			if m.Lost.Seconds < c.least || m.Lost.Seconds > c.most || video.Frames < 10 {
				t.Errorf("lost %+v; the video has %d frames and lasts %g s", *m.Lost, video.Frames, video.Duration)
			}
			if sum := video.Duration + m.Lost.Seconds; c.refused && (sum < 5.5 || sum > 6.5) {
				t.Errorf("%g s are there and %g s lost, of six", video.Duration, m.Lost.Seconds)
			}
			if c.refused && m.Lost.Frames < 40 || m.Lost.Frames < 0 || !c.refused && m.Lost.Errors == 0 {
				t.Errorf("lost %+v", *m.Lost)
			}
			text, err := m.Encode()
			var told struct{ Lost map[string]float64 }
			if err == nil {
				err = json.Unmarshal(text, &told)
			}
			if err != nil || len(told.Lost) != 3 {
				t.Errorf("the manifest says %v, %v", told.Lost, err)
			}
		})
	}
}

// TestWholeFilesLoseNothing has no word of loss for what is whole.
func TestWholeFilesLoseNothing(t *testing.T) {
	for _, keep := range []string{"keep", "refuse"} {
		cfg := config(t)
		profile := Profile{Name: "p", Outputs: []Output{Video}, Choices: Choices{Partial: keep}}
		m, err := cfg.File(t.Context(), writeDemo(t), t.TempDir(), profile, func(job.Progress) {})
		if err != nil || m.Lost != nil {
			t.Errorf("%s: lost %+v, %v", keep, m.Lost, err)
		}
	}
}

// TestNothingLeftIsCorrupt keeps nothing of what holds no picture.
func TestNothingLeftIsCorrupt(t *testing.T) {
	path := partialClip(t, "clip.mp4", "-movflags", "+faststart")
	whole := mustRead(t, path)
	for _, length := range []int{200, 3000} {
		if err := os.WriteFile(path, whole[:length], 0o600); err != nil {
			t.Fatal(err)
		}
		profile := Profile{Name: "p", Outputs: []Output{Video}, Choices: Choices{Partial: "keep"}}
		if _, err := config(t).File(t.Context(), path, t.TempDir(), profile, func(job.Progress) {}); job.KindOf(err) != job.Corrupt {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

// TestSoundThatIsLeftOut sends a file whose sound nobody can read here: the notes say so.
func TestSoundThatIsLeftOut(t *testing.T) {
	path := partialClip(t, "odd.mkv", "-c:a", "pcm_f64le", "-t", "1")
	cfg := config(t)
	m, err := cfg.File(t.Context(), path, t.TempDir(), Profile{Name: "p", Outputs: []Output{Poster}}, func(job.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	if want := `sound: its codec "pcm_f64le" is not supported, and it was left out`; m.Input.Audio || !slices.Contains(m.Notes, want) {
		t.Errorf("audio %t, the notes are %q", m.Input.Audio, m.Notes)
	}
}
