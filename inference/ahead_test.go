package inference

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestNoCoreIsIdleBesideASlowFrame lets poses take between 6 and 26 ms, and the
// detector 9 ms, on two cores: all of it takes hardly longer than half of their sum,
// though each frame takes its box from the one two before.
func TestNoCoreIsIdleBesideASlowFrame(t *testing.T) {
	var s stage
	var sum time.Duration
	s.person = standing
	takes := func(model, frame int) time.Duration {
		if model == meterDetect {
			return 9 * time.Millisecond
		}
		return time.Duration(6+frame*frame*29%101%21) * time.Millisecond
	}
	s.delay = takes
	const n = 310
	for i := range n {
		sum += takes(meterPose, i)
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		stats, err := s.analyser(true, false).Analyse(t.Context(), testVideo(2), frames(n), func(Result) error { return nil })
		if err != nil || stats.Frames != n {
			t.Fatalf("%d frames, error %v", stats.Frames, err)
		}
		if p := s.poses.Load(); p != n {
			t.Errorf("%d poses were looked for in %d frames", p, n)
		}
		ideal := (sum + time.Duration(s.detections.Load())*takes(meterDetect, 0)) / 2
		// Who of two that wake at one moment goes first is chance: it takes 1.026 to 1.036 of
		// that, and 1.081 where nothing is looked for ahead.
		if took := time.Since(began); float64(took) > 1.055*float64(ideal) {
			t.Errorf("took %v, the two cores alone %v", took, ideal)
		}
	})
}
