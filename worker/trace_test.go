package worker

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

func TestTheLogTellsWhichRequestBroughtAJob(t *testing.T) {
	bubble(t, func(_ *testing.T, s *stage) {
		s.runner.do = func(_ context.Context, _ job.Record, hooks job.Hooks) (string, error) {
			hooks.Trace("trace-42.x", "")
			return "m", nil
		}
		var log bytes.Buffer
		send(t, s.work, event("a"))
		stop := s.start(s.worker(func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) }))
		after(8 * time.Second)
		stop()
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "msg=succeeded") && strings.Contains(line, "request=trace-42.x") && strings.Contains(line, "job="+idOf("a")) {
				return
			}
		}
		t.Errorf("the log is\n%s", log.String())
	})
}
