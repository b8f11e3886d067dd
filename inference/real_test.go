package inference

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/motionmill/motionmill/job"
)

// testdata returns the path of a file of the test data, or skips the test.
func testdata(tb testing.TB, name ...string) string {
	tb.Helper()
	root := os.Getenv("MOTIONMILL_TESTDATA")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "testdata")
	}
	path := filepath.Join(append([]string{root}, name...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("the test data is not there: %v", err)
	}
	return path
}

// openRuntime loads ONNX Runtime, or skips the test.
func openRuntime(tb testing.TB) *Runtime {
	tb.Helper()
	r, err := Open(Config{Provider: ProviderCPU, Library: os.Getenv("MOTIONMILL_ORT_LIBRARY")})
	var typed *job.Error
	if errors.As(err, &typed) && typed.Kind == job.ModelMissing {
		tb.Skipf("ONNX Runtime is not there: %v", err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Close(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

// analyserOf opens an analyser of models of the test data.
func analyserOf(tb testing.TB, r *Runtime, tasks []string, names map[string]string) *Analyser {
	tb.Helper()
	catalogue, err := LoadCatalogue([]string{testdata(tb, "models")}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	choice, err := catalogue.Choose(tasks, names)
	if err != nil {
		tb.Fatal(err)
	}
	a, err := r.NewAnalyser(choice)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func realNames() map[string]string {
	return map[string]string{TaskDetect: "yolox-nano", TaskPose: "tinypose-256x192", TaskMatte: "selfie-256"}
}

// decode returns up to limit frames (0 is all) of a video or picture as rgb24 of w by h.
func decode(tb testing.TB, path string, w, h, limit int) [][]byte {
	tb.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		tb.Skipf("ffmpeg is not there: %v", err)
	}
	args := []string{"-v", "error", "-nostdin", "-i", path, "-fps_mode", "passthrough"}
	if limit > 0 {
		args = append(args, "-frames:v", itoa(limit))
	}
	args = append(args, "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", itoa(w)+"x"+itoa(h), "-")
	command := exec.CommandContext(tb.Context(), ffmpeg, args...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	raw, err := command.Output()
	if err != nil {
		tb.Fatalf("decode %s: %v: %s", path, err, stderr.String())
	}
	if len(raw) == 0 || len(raw)%(w*h*3) != 0 {
		tb.Fatalf("decode %s: %d bytes are not frames of %dx%d", path, len(raw), w, h)
	}
	return slices.Collect(slices.Chunk(raw, w*h*3))
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// analyse runs frames through a at a rate in frames a second.
func analyse(tb testing.TB, a *Analyser, v Video, frames [][]byte, fps float64) ([]Result, Stats) {
	tb.Helper()
	var results []Result
	i := -1
	stats, err := a.Analyse(context.Background(), v, func(pix []byte) (int, float64, error) {
		if i++; i == len(frames) {
			return 0, 0, io.EOF
		}
		copy(pix, frames[i])
		return i, float64(i) / fps, nil
	}, func(r Result) error {
		r.Matte = slices.Clone(r.Matte)
		results = append(results, r)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return results, stats
}

// dance is the dance video and the published points of its frames.
func dance(tb testing.TB, limit int) (Video, [][]byte, [][][3]float64) {
	tb.Helper()
	v := Video{Width: 384, Height: 496, FrameWidth: 384, FrameHeight: 496}
	text, err := os.ReadFile(testdata(tb, "groundtruth", "talmolab_dance_keypoints.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var truth struct{ Keypoints [][][3]float64 }
	if err := json.Unmarshal(text, &truth); err != nil {
		tb.Fatal(err)
	}
	return v, decode(tb, testdata(tb, "videos", "talmolab_dance_track0.mp4"), 384, 496, limit), truth.Keypoints
}

// distances lists how far the large joints (shoulders to ankles) are from the truth's, in px,
// in order of size, and counts the frames without a person.
func distances(results []Result, truth [][][3]float64, points func(Person) [][3]float64) (px []float64, missing int) {
	for i, r := range results {
		if len(r.People) == 0 {
			missing++
			continue
		}
		for j, p := range points(r.People[0]) {
			if j >= 5 {
				px = append(px, math.Hypot(p[0]-truth[i][j][0], p[1]-truth[i][j][1]))
			}
		}
	}
	slices.Sort(px)
	return px, missing
}
