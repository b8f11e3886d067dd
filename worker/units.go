package worker

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/motionmill/motionmill/job"
)

// Units is a worker's capacity: a weighted semaphore and its own accounting.
type Units struct {
	capacity int
	sem      *semaphore.Weighted

	mu      sync.Mutex
	used    int
	peak    int
	waiting bool
}

// NewUnits returns a capacity of n units, at least 1.
func NewUnits(n int) *Units {
	n = max(n, 1)
	return &Units{capacity: n, sem: semaphore.NewWeighted(int64(n))}
}

// Capacity returns the number of units there are.
func (u *Units) Capacity() int { return u.capacity }

// Used returns the units held now and the most that were ever held at once.
func (u *Units) Used() (now, peak int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.used, u.peak
}

// Free returns how many units could be taken now; none while a job waits.
func (u *Units) Free() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.waiting {
		return 0
	}
	return u.capacity - u.used
}

// AwaitRoom returns when a unit is free and nobody waits before the caller.
func (u *Units) AwaitRoom(ctx context.Context) error {
	if err := u.sem.Acquire(ctx, 1); err != nil {
		return err
	}
	u.sem.Release(1)
	return nil
}

// Take takes units for a new claim without waiting and returns how many: the
// whole weight when it is known and fits, else one unit if the claim may wait
// for the rest of a known weight, else 0. A weight of 0 is unknown.
func (u *Units) Take(weight int) int {
	weight = u.clamp(weight)
	if u.sem.TryAcquire(int64(weight)) {
		u.count(weight)
		return weight
	}
	if weight == 1 || u.someoneWaits() || !u.sem.TryAcquire(1) {
		return 0
	}
	u.count(1)
	return 1
}

// Exchange turns held units into weight units in order of arrival, and returns
// how many are held afterwards. At most one caller waits; any other that would
// have to gets job.ErrNoRoom and keeps what it held.
func (u *Units) Exchange(ctx context.Context, held, weight int) (int, error) {
	weight = u.clamp(weight)
	if weight <= held {
		u.Give(held - weight)
		return weight, nil
	}
	more := weight - held
	if u.sem.TryAcquire(int64(more)) {
		u.count(more)
		return weight, nil
	}
	if !u.beginWait() {
		return held, job.ErrNoRoom
	}
	err := u.sem.Acquire(ctx, int64(more))
	u.endWait()
	if err != nil {
		return held, err
	}
	u.count(more)
	return weight, nil
}

// Give returns n units.
func (u *Units) Give(n int) {
	if n <= 0 {
		return
	}
	u.count(-n)
	u.sem.Release(int64(n))
}

func (u *Units) clamp(weight int) int { return min(max(weight, 1), u.capacity) }

func (u *Units) count(n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.used += n
	u.peak = max(u.peak, u.used)
}

func (u *Units) someoneWaits() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.waiting
}

func (u *Units) beginWait() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.waiting {
		return false
	}
	u.waiting = true
	return true
}

func (u *Units) endWait() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.waiting = false
}
