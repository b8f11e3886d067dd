package metrics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/motionmill/motionmill/job"
)

const (
	// readyFor is for how long an answer is given again: whoever asks often does
	// not make the parts of a stage busy.
	readyFor = 5 * time.Second
	// unreadyFor is the same for an answer that something is wrong, which is to
	// be over soon.
	unreadyFor = time.Second
	// readyWithin bounds one look at all parts.
	readyWithin = 3 * time.Second
)

// errDraining is why a process that is stopping is not ready.
var errDraining = errors.New("stopping: no new work is taken")

// Readiness tells whether a process can reach what it needs.
type Readiness struct {
	parts    map[string]func(context.Context) error
	stopping context.Context

	mu    sync.Mutex
	until time.Time
	err   error
}

// NewReadiness looks at parts by their names, each of which returns why it
// cannot be reached. From the end of stopping on the process is not ready.
func NewReadiness(stopping context.Context, parts map[string]func(context.Context) error) *Readiness {
	return &Readiness{parts: parts, stopping: stopping}
}

// Check returns nil when every part can be reached, else which cannot and why.
// What it found is good for five seconds, and for one when something is wrong.
func (r *Readiness) Check(ctx context.Context) error {
	if r.stopping.Err() != nil {
		return errDraining
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Now().Before(r.until) {
		return r.err
	}
	// Others are given the same answer, so it is not the first asker's to end.
	r.err = r.look(context.WithoutCancel(ctx))
	r.until = time.Now().Add(readyFor)
	if r.err != nil {
		r.until = time.Now().Add(unreadyFor)
	}
	return r.err
}

// look asks all parts at the same time.
func (r *Readiness) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	var looks sync.WaitGroup
	var mu sync.Mutex
	failed := map[string]error{}
	for name, part := range r.parts {
		looks.Go(func() {
			if err := job.Guarded("look at a part", func() error { return part(ctx) }); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed[name] = err
			}
		})
	}
	looks.Wait()
	if len(failed) == 0 {
		return nil
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		lines = append(lines, fmt.Sprintf("%s: %v", name, failed[name]))
	}
	return errors.New(strings.Join(lines, "\n"))
}
