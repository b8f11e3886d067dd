package inferencetest

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/motionmill/motionmill/inference/picture"
)

// Testdata returns the path of a file of the test data, or skips the test.
func Testdata(tb testing.TB, name ...string) string {
	tb.Helper()
	root := os.Getenv("MOTIONMILL_TESTDATA")
	if root == "" {
		root = filepath.Join(repository(tb), "..", "shared", "testdata")
	}
	path := filepath.Join(append([]string{root}, name...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("the test data is not there: %v", err)
	}
	return path
}

// repository is the folder of go.mod, which lies above every package.
func repository(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		above := filepath.Dir(dir)
		if above == dir {
			tb.Fatal("no go.mod lies above the test")
		}
		dir = above
	}
}

// HandMade is the folder of models that scripts of ours have made, or one below it.
func HandMade(tb testing.TB, below ...string) string {
	tb.Helper()
	return filepath.Join(append([]string{repository(tb), "inference", "testdata"}, below...)...)
}

// Decode returns up to limit frames (0 is all) of a video or picture as rgb24 of w by h.
func Decode(tb testing.TB, path string, w, h, limit int) [][]byte {
	tb.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		tb.Skipf("ffmpeg is not there: %v", err)
	}
	args := []string{"-v", "error", "-nostdin", "-i", path, "-fps_mode", "passthrough"}
	if limit > 0 {
		args = append(args, "-frames:v", Itoa(limit))
	}
	args = append(args, "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", Itoa(w)+"x"+Itoa(h), "-")
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

// Itoa writes a number.
func Itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// Dance is up to limit frames (0 is all) of the dance video and the published points of all.
func Dance(tb testing.TB, limit int) (frames []picture.Picture, points [][][3]float64) {
	tb.Helper()
	text, err := os.ReadFile(Testdata(tb, "groundtruth", "talmolab_dance_keypoints.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var truth struct{ Keypoints [][][3]float64 }
	if err := json.Unmarshal(text, &truth); err != nil {
		tb.Fatal(err)
	}
	for _, pix := range Decode(tb, Testdata(tb, "videos", "talmolab_dance_track0.mp4"), 384, 496, limit) {
		frames = append(frames, picture.Picture{Pix: pix, Width: 384, Height: 496})
	}
	return frames, truth.Keypoints
}

// annotation is the truth about the one large person of the COCO picture 785.
type annotation struct {
	ImageID      int         `json:"image_id"`
	Box          [4]float64  `json:"bbox"`
	Area         float64     `json:"area"`
	Keypoints    []float64   `json:"keypoints"`
	Segmentation [][]float64 `json:"segmentation"`
}

// Skier returns the picture and its truth.
func Skier(tb testing.TB) (picture.Picture, annotation) {
	tb.Helper()
	text, err := os.ReadFile(Testdata(tb, "groundtruth", "test_coco.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var all struct{ Annotations []json.RawMessage }
	if err := json.Unmarshal(text, &all); err != nil {
		tb.Fatal(err)
	}
	for _, raw := range all.Annotations {
		var a struct {
			ID int `json:"image_id"`
		}
		if err := json.Unmarshal(raw, &a); err != nil {
			tb.Fatal(err)
		}
		if a.ID != 785 { // Those of crowds have another form of segmentation.
			continue
		}
		var truth annotation
		if err := json.Unmarshal(raw, &truth); err != nil {
			tb.Fatal(err)
		}
		return picture.Picture{Pix: Decode(tb, Testdata(tb, "groundtruth", "000000000785.jpg"), 640, 425, 1)[0], Width: 640, Height: 425}, truth
	}
	tb.Fatal("the truth about picture 785 is missing")
	return picture.Picture{}, annotation{}
}

// Similarity is COCO's object keypoint similarity (cocodataset.org, keypoints
// evaluation): the mean of exp(−d²/(2·area·k²)) over the labelled points.
func Similarity(got [][3]float64, truth annotation) float64 {
	sigmas := [17]float64{
		.026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107, .107, .087, .087, .089, .089,
	}
	sum, n := 0.0, 0.0
	for i, s := range sigmas {
		if truth.Keypoints[i*3+2] == 0 {
			continue
		}
		dx, dy := got[i][0]-truth.Keypoints[i*3], got[i][1]-truth.Keypoints[i*3+1]
		sum += math.Exp(-(dx*dx + dy*dy) / (2 * truth.Area * 4 * s * s))
		n++
	}
	return sum / n
}

// Inside tells whether a point lies in a polygon x0, y0, x1, y1, … (even-odd rule).
func Inside(polygon []float64, x, y float64) bool {
	in := false
	for i, j := 0, len(polygon)-2; i < len(polygon); j, i = i, i+2 {
		if (polygon[i+1] > y) != (polygon[j+1] > y) &&
			x < (polygon[j]-polygon[i])*(y-polygon[i+1])/(polygon[j+1]-polygon[i+1])+polygon[i] {
			in = !in
		}
	}
	return in
}

// MatteOverlap is the intersection over union of what a matte holds for person and the truth.
func MatteOverlap(matte []byte, person func(i int) bool) float64 {
	both, either := 0, 0
	for i, v := range matte {
		a, b := v >= 128, person(i)
		if a && b {
			both++
		}
		if a || b {
			either++
		}
	}
	return float64(both) / float64(max(either, 1))
}
