package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"
)

// urgency orders notices: a later one makes the earlier ones unimportant.
type urgency int

const (
	recommended  urgency = iota + 1 // An interruption is more likely than usual.
	ending                          // The group ends the instance.
	interrupting                    // EC2 takes the instance.
)

// String names the notice in logs.
func (u urgency) String() string {
	switch u {
	case recommended:
		return "rebalance recommendation"
	case ending:
		return "end by the group"
	case interrupting:
		return "spot interruption"
	default:
		return "none"
	}
}

// notice is what the metadata said for the first time.
type notice struct {
	urgency urgency
	// at is when the instance is taken, by EC2's clock; zero where it does not say.
	at time.Time
	// atStart tells that it was there already when the watch began.
	atStart bool
}

const (
	// spotNotice is how long before an interruption EC2 tells of it.
	spotNotice = 2 * time.Minute
	// pollTimeout bounds one poll, so that a service that hangs delays none.
	pollTimeout = 3 * time.Second
)

// watcher polls the metadata for notices.
type watcher struct {
	meta  metadata
	every time.Duration
	log   *slog.Logger
	seen  map[urgency]bool
	// failing tells that the last poll failed, which was logged.
	failing bool
}

// watch polls at once and then at every interval until ctx ends, and sends
// each kind of notice once.
func (w *watcher) watch(ctx context.Context, notices chan<- notice) {
	w.seen = map[urgency]bool{}
	ticks := time.NewTicker(w.every)
	defer ticks.Stop()
	for first := true; ; first = false {
		for _, n := range w.poll(ctx) {
			if w.seen[n.urgency] {
				continue
			}
			w.seen[n.urgency] = true
			n.atStart = first
			select {
			case notices <- n:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}

// poll asks for all notices, the most urgent first. What one question failed
// to learn, the next poll asks again.
func (w *watcher) poll(ctx context.Context) []notice {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	var found []notice
	var failures []error
	for _, question := range []struct {
		path string
		read func(text string) (notice, bool)
	}{{pathSpot, readSpot}, {pathLifecycle, readLifecycle}, {pathRebalance, readRebalance}} {
		text, there, err := w.meta.get(ctx, question.path)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		if !there {
			continue
		}
		if n, ok := question.read(text); ok {
			found = append(found, n)
		}
	}
	w.tell(ctx, errors.Join(failures...))
	return found
}

// tell logs when polls begin to fail and when they work again.
func (w *watcher) tell(ctx context.Context, err error) {
	switch {
	case err != nil && !w.failing && !errors.Is(ctx.Err(), context.Canceled):
		w.failing = true
		w.log.Warn("the instance's metadata cannot be read: no notice is seen until they can", keyError, err)
	case err == nil && w.failing:
		w.failing = false
		w.log.Info("the instance's metadata can be read again")
	}
}

// readSpot reads {"action": "terminate", "time": "2017-09-18T08:22:00Z"}. What
// the action is makes no difference: the processes end or stand still. An
// answer that cannot be read is a notice too; it was there.
func readSpot(text string) (notice, bool) {
	var said struct{ Time time.Time }
	if json.Unmarshal([]byte(text), &said) != nil {
		return notice{urgency: interrupting}, true
	}
	return notice{urgency: interrupting, at: said.Time}, true
}

// readRebalance reads {"noticeTime": "2020-10-27T08:22:00Z"}; that it is there
// says all.
func readRebalance(string) (notice, bool) { return notice{urgency: recommended}, true }

// readLifecycle reads the state that the instance is on its way to, as
// InService. Standby, Detached and the states of a warm pool are what somebody
// wants of a machine that stays: the worker goes on.
func readLifecycle(text string) (notice, bool) {
	return notice{urgency: ending}, text == "Terminated" || strings.HasSuffix(text, ":Terminated")
}
