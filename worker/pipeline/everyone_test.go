package pipeline

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/starter"
	"github.com/motionmill/motionmill/inference/track"
	"github.com/motionmill/motionmill/job"
)

// engineOf runs the models of folders and the starters, or skips the test.
func engineOf(t *testing.T, folders ...string) *Engine {
	t.Helper()
	catalogue, err := models.LoadCatalogue(folders, starter.Files)
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{
		Config:    onnx.Config{Provider: onnx.ProviderCPU, Library: os.Getenv("MOTIONMILL_ORT_LIBRARY"), Threads: 1},
		Catalogue: catalogue,
	}
	var typed *job.Error
	if _, err := e.open(); errors.As(err, &typed) && typed.Kind == job.ModelMissing {
		t.Skipf("ONNX Runtime is not there: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// The starters find one person: a profile that follows all cannot be warmed up with them.
func TestNobodyFindsEveryone(t *testing.T) {
	e := engineOf(t)
	for people, kind := range map[string]job.Kind{
		"": "", track.PeopleLargest: "", track.PeopleCentre: job.ModelMissing, track.PeopleAll: job.ModelMissing,
	} {
		err := e.Warm(Profile{Outputs: []Output{Pose}, People: people})
		if kind == "" && err != nil || kind != "" && job.KindOf(err) != kind {
			t.Errorf("people %q: %v, want the kind %q", people, err, kind)
		}
		if err := e.Warm(Profile{Outputs: []Output{Silhouette}, People: people}); err != nil {
			t.Errorf("people %q, and no pose is wanted: %v", people, err)
		}
	}
}

// Two people do jumping jacks beside each other: both are in every frame of the track.
func TestEveryoneIsInTheTrack(t *testing.T) {
	root := os.Getenv("MOTIONMILL_TESTDATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "testdata")
	}
	video := filepath.Join(root, "videos", "kaiakol_jumpingjack_correct_001.mp4")
	if _, err := os.Stat(video); err != nil {
		t.Skipf("the test data is not there: %v", err)
	}
	cfg := config(t)
	cfg.Engine = engineOf(t, filepath.Join(root, "models"))
	dir := t.TempDir()
	short := filepath.Join(dir, "short.mp4")
	if text, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", video, "-frames:v", "40", "-c", "copy", short).CombinedOutput(); err != nil {
		t.Fatalf("cut the video: %v: %s", err, text)
	}
	profile := Profile{
		Name: "everyone", Outputs: []Output{Pose, Overlay}, People: track.PeopleAll,
		Models: map[string]string{"pose": "tinypose-256x192", "detect": "yolox-nano"},
	}
	out := filepath.Join(dir, "out")
	if _, err := cfg.File(t.Context(), short, out, profile, func(job.Progress) {}); err != nil {
		t.Fatal(err)
	}
	unzip, err := gzip.NewReader(bytes.NewReader(mustRead(t, filepath.Join(out, "pose.json.gz"))))
	if err != nil {
		t.Fatal(err)
	}
	var track struct {
		Frames []struct {
			People []struct {
				ID  int
				Box [4]float64
			}
		}
	}
	if err := json.NewDecoder(unzip).Decode(&track); err != nil {
		t.Fatal(err)
	}
	if len(track.Frames) != 40 {
		t.Errorf("%d frames, want 40", len(track.Frames))
	}
	for i, f := range track.Frames {
		if len(f.People) != 2 || f.People[0].ID != 1 || f.People[1].ID != 2 {
			t.Fatalf("frame %d: %+v, want the ids 1 and 2", i, f.People)
		}
		// They keep their sides of the picture.
		left, right := f.People[0].Box, f.People[1].Box
		if left[0]+left[2]/2 > 520 || right[0]+right[2]/2 < 640 {
			t.Errorf("frame %d: 1 is at %v, 2 at %v", i, left, right)
		}
	}
}
