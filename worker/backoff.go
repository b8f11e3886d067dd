package worker

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/motionmill/motionmill/job"
)

// fullJitter returns a random delay between 0 and base·2^(attempt−1), at most
// limit (source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
func fullJitter(base, limit time.Duration, attempt int) time.Duration {
	ceiling := limit
	if shift := attempt - 1; shift < 30 && base<<max(shift, 0) < limit {
		ceiling = base << max(shift, 0)
	}
	return rand.N(ceiling + 1)
}

// The waits between tries of a step that must succeed before the next one.
const (
	retryBase  = 100 * time.Millisecond
	retryLimit = 5 * time.Second
)

// persist tries a ledger write again, with backoff, until it succeeds, meets a
// conflict or ctx ends; it returns the last error then. An error that says of
// itself that the fault is in this program is not tried again.
func persist(ctx context.Context, write func() error) error {
	for try := 1; ; try++ {
		err := write()
		var typed *job.Error
		hopeless := errors.As(err, &typed) && typed.Kind == job.Internal
		if err == nil || errors.Is(err, job.ErrConflict) || hopeless || ctx.Err() != nil {
			return err
		}
		if job.Pause(ctx, fullJitter(retryBase, retryLimit, try)) != nil {
			return err
		}
	}
}
