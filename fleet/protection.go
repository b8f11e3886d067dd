package fleet

import (
	"context"
	"log/slog"
	"time"

	"github.com/motionmill/motionmill/job"
)

// busyEvery is how often the worker is asked whether it is busy, which costs it
// a lock. Jobs shorter than that are not worth a call.
const busyEvery = time.Second

// giveBackTime bounds how long a worker that has ended stays to give its
// protection back.
const giveBackTime = 5 * time.Second

// protection keeps the instance from being scaled in while a worker is busy.
type protection struct {
	group   *group
	busy    func() bool
	idleFor time.Duration
	log     *slog.Logger

	// on is what the group was last told; meaningless until told. A process that
	// was killed may have left the instance protected, so that nothing is assumed.
	on, told bool
	// failures counts the calls in vain since the last that succeeded.
	failures backoff
	// notBefore is when the next call may be made.
	notBefore time.Time
}

// keep follows the worker until ctx ends. Between busy and idle for long
// enough it leaves the protection as it is.
func (p *protection) keep(ctx context.Context) {
	idleSince := time.Now()
	for job.Pause(ctx, busyEvery) == nil {
		busy := p.busy()
		if busy {
			idleSince = time.Now()
		}
		if !busy && time.Since(idleSince) < p.idleFor {
			continue
		}
		if p.told && p.on == busy || time.Now().Before(p.notBefore) {
			continue
		}
		p.set(ctx, busy)
	}
}

// set makes one call. A failure is logged when it is the first one in a row.
func (p *protection) set(ctx context.Context, on bool) {
	err := p.group.protect(ctx, on)
	switch {
	case err == nil:
		p.told, p.on = true, on
		p.log.Info("scale-in protection set", "protected", on, "failures", p.failures.tries)
		p.failures = backoff{}
	case ctx.Err() != nil: // It was cut short; what came of it is not known.
		p.told = false
	default:
		level := slog.LevelDebug
		if p.failures.tries == 0 {
			level = slog.LevelWarn
		}
		p.told = false
		p.notBefore = time.Now().Add(p.failures.next())
		p.log.Log(ctx, level, "scale-in protection could not be set; it is tried again", "protected", on, keyError, err)
	}
}

// giveBack takes the protection off when the worker has ended.
func (p *protection) giveBack(ctx context.Context) {
	if p.told && !p.on {
		return
	}
	if err := insist(ctx, giveBackTime, func(ctx context.Context) error { return p.group.protect(ctx, false) }); err != nil {
		p.log.Warn("scale-in protection is left on: the group keeps this instance until somebody takes it off", keyError, err)
		return
	}
	p.told, p.on = true, false
	p.log.Info("scale-in protection set", "protected", false, "failures", 0)
}
