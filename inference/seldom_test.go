package inference

import (
	"testing"
	"time"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/track"
)

// meanOKS is how alike the people of two analyses of a video are, by COCO's
// measure, over the frames in which either shows somebody. A person's area is
// 0.53 of the points' box, as is usual where there is no outline.
func meanOKS(as, bs []Result, points func(Person) [][3]float64) float64 {
	sum, n := 0.0, 0.0
	for i := range as {
		if len(as[i].People)+len(bs[i].People) == 0 {
			continue
		}
		n++
		if len(as[i].People) == 0 || len(bs[i].People) == 0 {
			continue
		}
		a, b := as[i].People[0], bs[i].People[0]
		const grown = 1 + 2*0.15 // what track adds to the bounds of the points
		sum += oks(shown{points: points(a), area: 0.53 * a.Box[2] * a.Box[3] / (grown * grown)}, points(b))
	}
	return sum / n
}

// seldom follows the dancer with the detector on every frame and as seldom as is usual.
type seldom struct {
	wall, cpu       float64 // what detecting on every frame takes, as a multiple
	keypoints, raw  float64 // OKS between the two
	detections      int64
	every, defaults time.Duration
}

func detectSeldom(tb testing.TB, limit int) (s seldom) {
	v, all, _ := danced(tb, limit)
	a := analyserOf(tb, inferencetest.OpenRuntime(tb), []string{models.TaskPose}, map[string]string{models.TaskDetect: "yolox-nano", models.TaskPose: "tinypose-256x192"})
	v.Parallel = 2
	var results [2][]Result
	var took [2]time.Duration
	var cpu [2]float64
	for i, every := range []int{1, 0} {
		v.DetectEvery = every
		began := time.Now()
		found, stats := analyse(tb, a, v, all, 30)
		results[i], took[i], s.detections = found, time.Since(began), stats.Models[0].Inferences
		for _, m := range stats.Models {
			cpu[i] += m.CPU
		}
	}
	s.wall, s.cpu, s.every, s.defaults = took[0].Seconds()/took[1].Seconds(), cpu[0]/cpu[1], took[0], took[1]
	s.keypoints = meanOKS(results[0], results[1], func(p Person) [][3]float64 { return p.Keypoints })
	s.raw = meanOKS(results[0], results[1], func(p Person) [][3]float64 { return p.Raw })
	return s
}

// TestDetectingSeldomShowsTheSame compares poses whose boxes come from poses
// with those whose boxes come from the detector in every frame.
func TestDetectingSeldomShowsTheSame(t *testing.T) {
	s := detectSeldom(t, danceFrames)
	t.Logf("OKS %.4f (raw %.4f), %d detections in %d frames; detecting on every frame takes %.2f times the CPU time",
		s.keypoints, s.raw, s.detections, danceFrames, s.cpu)
	if s.keypoints < 0.97 || s.raw < 0.97 {
		t.Error("want an OKS of 0.97")
	}
	if s.detections > int64(danceFrames/track.DetectEvery(track.PeopleLargest)+3) {
		t.Errorf("%d detections", s.detections)
	}
}

// BenchmarkDetectSeldom measures how much faster the dance video is followed
// than with the detector on every frame.
func BenchmarkDetectSeldom(b *testing.B) {
	var wall, cpu, like float64
	for b.Loop() {
		s := detectSeldom(b, 0)
		wall, cpu, like = wall+s.wall, cpu+s.cpu, like+s.keypoints
	}
	b.ReportMetric(wall/float64(b.N), "times-faster")
	b.ReportMetric(cpu/float64(b.N), "times-less-cpu")
	b.ReportMetric(like/float64(b.N), "OKS")
}
