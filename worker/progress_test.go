package worker

import (
	"context"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

// TestProgressIsFresh has a job of default settings tell its progress every second: what the
// ledger says of it is never older than ten seconds less the two that a step may be silent.
func TestProgressIsFresh(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		const length = 300
		var began time.Time
		s.runner.do = func(ctx context.Context, _ job.Record, hooks job.Hooks) (string, error) {
			began = time.Now()
			for i := range int64(length) {
				hooks.Report(job.Progress{Step: "analyse", Done: i, Total: length, ETASeconds: float64(length - i), Fraction: float64(i) / length})
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
					return "", ctx.Err()
				}
			}
			return "manifest", nil
		}
		send(t, s.work, event("a"))
		stop := s.start(newMeter(s, 1).Worker)
		defer stop()
		after(30 * time.Second)
		last := job.Progress{}
		for range 200 {
			after(time.Second)
			rec := s.ledger.get(idOf("a"))
			p := rec.Progress
			if age := time.Since(began).Seconds() - float64(p.Done); age > 9.5 {
				t.Fatalf("after %s the ledger has %+v, which is %.1f s old", time.Since(began), p, age)
			}
			if p.Done < last.Done || p.Fraction < last.Fraction || p.ETASeconds > last.ETASeconds && last.Done > 0 {
				t.Fatalf("from %+v to %+v", last, p)
			}
			last = p
		}
	})
}
