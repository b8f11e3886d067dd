package fleet

import (
	"context"
	"errors"

	"github.com/motionmill/motionmill/job"
)

// goBeside does something beside the worker. A panic ends that and is told of;
// the worker goes on, as where there is no EC2.
func (s *stay) goBeside(what string, f func()) {
	s.others.Go(func() {
		s.tell(job.Guarded(what, func() error { f(); return nil }))
	})
}

// tell reports an error that is a panic.
func (s *stay) tell(err error) {
	var p *job.Panic
	if !errors.As(err, &p) {
		return
	}
	s.cfg.Logger.ErrorContext(context.Background(), "panic", "where", p.Where, keyError, p.Value, "stack", p.Stack)
	if s.cfg.Report != nil {
		s.cfg.Report(job.ReportPanic(p))
	}
}
