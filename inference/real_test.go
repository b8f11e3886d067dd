package inference

import (
	"context"
	"io"
	"math"
	"slices"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
)

// analyserOf opens an analyser of models of the test data.
func analyserOf(tb testing.TB, r *onnx.Runtime, tasks []string, names map[string]string) *Analyser {
	tb.Helper()
	catalogue, err := models.LoadCatalogue([]string{inferencetest.Testdata(tb, "models")}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	choice, err := catalogue.Choose(tasks, names)
	if err != nil {
		tb.Fatal(err)
	}
	a, err := NewAnalyser(r, choice)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func realNames() map[string]string {
	return map[string]string{models.TaskDetect: "yolox-nano", models.TaskPose: "tinypose-256x192", models.TaskMatte: "selfie-256"}
}

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

// danced is the dance as a video.
func danced(tb testing.TB, limit int) (Video, [][]byte, [][][3]float64) {
	tb.Helper()
	pictures, points := inferencetest.Dance(tb, limit)
	frames := make([][]byte, len(pictures))
	for i, p := range pictures {
		frames[i] = p.Pix
	}
	return Video{Width: 384, Height: 496, FrameWidth: 384, FrameHeight: 496}, frames, points
}
