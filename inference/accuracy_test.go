package inference

import (
	"bytes"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/inference/starter"
)

func TestRealModelsOnAPicture(t *testing.T) {
	pic, truth := inferencetest.Skier(t)
	v := Video{Width: 640, Height: 425, FrameWidth: 640, FrameHeight: 425}
	a := analyserOf(t, inferencetest.OpenRuntime(t), []string{models.TaskPose, models.TaskMatte}, realNames())
	found, err := a.detect.Detect(pic)
	if err != nil || len(found) == 0 {
		t.Fatalf("found %v, error %v", found, err)
	}
	b := truth.Box
	iou := picture.Overlap(found[0].Box, picture.Rect{X: b[0], Y: b[1], W: b[2], H: b[3]})
	result, _ := analyse(t, a, v, [][]byte{pic.Pix}, 30)
	if len(result[0].People) != 1 {
		t.Fatal("nobody found")
	}
	oks := inferencetest.Similarity(result[0].People[0].Raw, truth)
	w, h := a.MatteSize(v)
	cut := inferencetest.MatteOverlap(result[0].Matte, func(i int) bool {
		for _, polygon := range truth.Segmentation {
			if inferencetest.Inside(polygon, (float64(i%w)+0.5)*640/float64(w), (float64(i/w)+0.5)*425/float64(h)) {
				return true
			}
		}
		return false
	})
	t.Logf("box IoU %.3f (score %.2f), keypoint similarity %.3f, matte IoU %.3f", iou, found[0].Score, oks, cut)
	if iou < 0.8 || oks < 0.85 || cut < 0.85 {
		t.Error("want a box IoU of at least 0.8, a keypoint similarity and a matte IoU of at least 0.85")
	}
}

func TestRealModelsOnTheDance(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 15 seconds")
	}
	v, frames, truth := danced(t, danceFrames)
	a := analyserOf(t, inferencetest.OpenRuntime(t), []string{models.TaskPose, models.TaskMatte}, realNames())
	results, stats := analyse(t, a, v, frames, 30)
	if len(results) != danceFrames || stats.Frames != danceFrames {
		t.Fatalf("%d results, %d frames", len(results), stats.Frames)
	}
	smooth, missing := distances(results, truth, func(p Person) [][3]float64 { return p.Keypoints })
	raw, _ := distances(results, truth, func(p Person) [][3]float64 { return p.Raw })
	t.Logf("median distance %.2f px smoothed and %.2f raw, 90 %% within %.1f, nobody in %d frames; %+v",
		smooth[len(smooth)/2], raw[len(raw)/2], smooth[len(smooth)*9/10], missing, stats.Models)
	if smooth[len(smooth)/2] > 6 || raw[len(raw)/2] > 6 || missing > 0 {
		t.Error("want a median of at most 6 px and a person in every frame")
	}
	if n := stats.Models[0].Inferences; n > danceFrames/10 {
		t.Errorf("%d detections in %d frames", n, danceFrames)
	}
	for i, r := range results {
		if r.Index != i || len(r.People) == 1 && r.People[0].ID != 1 {
			t.Fatalf("frame %d: %+v", i, r)
		}
	}
}

func TestRealModelsGiveTheSameBytes(t *testing.T) {
	v, frames, _ := danced(t, 60)
	r := inferencetest.OpenRuntime(t)
	track := func(parallel int) (string, []Result) {
		a := analyserOf(t, r, []string{models.TaskPose, models.TaskMatte}, realNames())
		v.Parallel = parallel
		results, _ := analyse(t, a, v, frames, 30)
		var out bytes.Buffer
		w := NewTrackWriter(&out, TrackHeader{Width: v.Width, Height: v.Height, Models: a.Used()})
		for _, result := range results {
			if err := w.WriteFrame(result); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.String(), results
	}
	one, oneResults := track(1)
	four, fourResults := track(4)
	if one != four {
		t.Error("the tracks of one and of four inferences at once differ")
	}
	if !reflect.DeepEqual(oneResults, fourResults) {
		t.Error("the results of one and of four inferences at once differ")
	}
}

// demo is the rendered video of the starter models and its truth.
func demo(tb testing.TB) (Video, [][]byte, starter.GroundTruth) {
	tb.Helper()
	truth, err := starter.Truth()
	if err != nil {
		tb.Fatal(err)
	}
	video, err := fs.ReadFile(starter.Files, "demo.mp4")
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "demo.mp4")
	if err := os.WriteFile(path, video, 0o600); err != nil {
		tb.Fatal(err)
	}
	v := Video{Width: truth.Width, Height: truth.Height, FrameWidth: truth.Width, FrameHeight: truth.Height}
	return v, inferencetest.Decode(tb, path, v.Width, v.Height, 0), truth
}

// starters is an analyser of the built-in models.
func starters(t *testing.T) *Analyser {
	t.Helper()
	catalogue, err := models.LoadCatalogue(nil, starter.Files)
	if err != nil {
		t.Fatal(err)
	}
	choice, err := catalogue.Choose([]string{models.TaskPose, models.TaskMatte}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewAnalyser(inferencetest.OpenRuntime(t), choice)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestStartersOnTheirOwnVideo(t *testing.T) {
	v, frames, truth := demo(t)
	a := starters(t)
	results, _ := analyse(t, a, v, frames, truth.FPS)
	w, h := a.MatteSize(v)
	near, rawNear, seen, iou := 0, 0, 0, 0.0
	for i, r := range results {
		mask, err := truth.Mask(i, w, h)
		if err != nil {
			t.Fatal(err)
		}
		iou += inferencetest.MatteOverlap(r.Matte, func(i int) bool { return mask[i] >= 128 }) / float64(len(results))
		for j, k := range truth.Frames[i].Keypoints {
			if k[2] != starter.Seen {
				continue
			}
			seen++
			if len(r.People) == 0 {
				continue
			}
			within := func(p [3]float64) int {
				if math.Hypot(p[0]-k[0], p[1]-k[1]) <= 0.05*truth.Frames[i].Height {
					return 1
				}
				return 0
			}
			near += within(r.People[0].Keypoints[j])
			rawNear += within(r.People[0].Raw[j])
		}
	}
	pck, rawPCK := float64(near)/float64(seen), float64(rawNear)/float64(seen)
	t.Logf("PCK at 5 %% of the body's height %.3f (raw %.3f), matte IoU %.3f", pck, rawPCK, iou)
	if pck < 0.9 || iou < 0.9 {
		t.Error("want at least 0.9 of both")
	}
}
