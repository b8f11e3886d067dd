package inference

import (
	"math/rand/v2"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
)

// paths gives for each point its smoothed and raw place over the frames, x and
// y in turn, for as long as the point is found in all frames.
func paths(results []Result) (smoothed, raw [][]float64) {
	for k := range results[0].People[0].Raw {
		for axis := range 2 {
			var s, r []float64
			for _, result := range results {
				if len(result.People) == 0 || result.People[0].Raw[k][2] < 0.2 {
					s = nil
					break
				}
				s, r = append(s, result.People[0].Keypoints[k][axis]), append(r, result.People[0].Raw[k][axis])
			}
			if s != nil {
				smoothed, raw = append(smoothed, s), append(raw, r)
			}
		}
	}
	return smoothed, raw
}

// TestSmoothOnTheDance measures smoothing on real footage: how far it lags
// behind a dancer, and how much calmer it makes one who stands still, which is a
// frame of the video again and again with the noise of a camera.
func TestSmoothOnTheDance(t *testing.T) {
	v, all, _ := danced(t, danceFrames)
	a := analyserOf(t, inferencetest.OpenRuntime(t), []string{models.TaskPose}, realNames())
	results, _ := analyse(t, a, v, all, 30)
	smoothed, raw := paths(results)
	if len(raw) < 10 {
		t.Fatalf("only %d coordinates are there in all frames", len(raw))
	}
	lagged := inferencetest.LagOf(smoothed, raw)
	t.Logf("the dancer's points come %.2f frames late", lagged)
	if lagged > 1 {
		t.Error("want at most one frame")
	}
	random := rand.New(rand.NewPCG(11, 12))
	still := make([][]byte, danceFrames/4)
	for i := range still {
		still[i] = make([]byte, len(all[60]))
		for j, value := range all[60] {
			still[i][j] = byte(min(max(float64(value)+4*random.NormFloat64(), 0), 255))
		}
	}
	results, _ = analyse(t, a, v, still, 30)
	before, after := 0.0, 0.0
	smoothed, raw = paths(results)
	for k := range raw {
		before, after = before+inferencetest.Jitter(raw[k]), after+inferencetest.Jitter(smoothed[k])
	}
	n := float64(len(raw))
	t.Logf("standing still, a point moves %.2f px from frame to frame, %.2f smoothed: %.0f %% less", before/n, after/n, 100*(1-after/before))
	if after > 0.4*before {
		t.Error("want 60 % less")
	}
}
