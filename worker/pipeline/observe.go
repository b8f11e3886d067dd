package pipeline

import (
	"context"
	"time"
)

// StepRun is a step of a job that has ended, for whoever measures steps.
type StepRun struct {
	Step
	// Began is when it began. Steps that work on the same frames run side by side,
	// and Seconds of one that a model makes are what it took, not how long it lasted.
	Began time.Time
	// Err is why it failed, nil when it did not.
	Err error
}

// Took returns how long the step took.
func (r StepRun) Took() time.Duration { return time.Duration(r.Seconds * float64(time.Second)) }

// observe tells of a step that has ended, and returns it for the manifest. One
// that failed has taken the time since it began.
func (c Config) observe(ctx context.Context, began time.Time, s Step, err error) Step {
	if err != nil {
		s.Seconds = seconds(time.Since(began))
	}
	if c.Observe != nil {
		c.Observe(ctx, StepRun{Step: s, Began: began, Err: err})
	}
	return s
}

// timed is observe for a step that is nothing but a time.
func (c Config) timed(ctx context.Context, name string, began time.Time, err error) Step {
	return c.observe(ctx, began, Step{Name: name, Seconds: seconds(time.Since(began))}, err)
}
