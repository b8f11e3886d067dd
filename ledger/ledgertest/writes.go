package ledgertest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

func absent(t *testing.T, l Ledger) {
	r := get(t, l, record().ID)
	if r.State != job.None {
		t.Errorf("its state is %q", r.State)
	}
	same(t, r, job.Record{})
}

func roundTrip(t *testing.T, l Ledger) {
	zone := time.FixedZone("elsewhere", 5*3600+1800)
	at := time.Date(2031, 2, 3, 4, 5, 6, 789_000_000, zone)
	want := job.Record{
		Profile: "pose",
		Source: job.Source{
			Bucket: "uploads", Key: "uploads/profile=pose/a b+c%20ü 人\"\\\n.mp4", Version: "3HL4kqtJlcpXroDTDmjVBH40Nrjfkd",
			ETag: "d41d8cd98f00b204e9800998ecf8427e-3", Sequencer: "0055AED6DCD90281E5", Bytes: 5 << 40,
		},
		State: job.Running, Fence: 1<<53 + 1, Attempt: 3, Owner: "worker-7/abc", LeaseUntil: at, DueAt: at.Add(time.Hour), Weight: 6,
		Progress: job.Progress{Step: "pose", Done: 1 << 40, Total: 1 << 41, FPS: 29.97, ETASeconds: -1},
		Error:    &job.Failure{Kind: job.Crashed, Message: "signal: killed", Stderr: []string{"a", "", "ü\x1b[0m"}, Stack: "goroutine 1"},
		History: []job.Attempt{
			{Fence: 1, Worker: "w1", StartedAt: at, EndedAt: at.Add(time.Minute), Outcome: "lost"},
			{Fence: 2, Worker: "w2", StartedAt: at, EndedAt: at.Add(time.Second), Outcome: "failed", Error: &job.Failure{Kind: job.Timeout, Message: "late"}},
			{Fence: 3, Worker: "w3", StartedAt: at},
		},
		Manifest: "outputs/x/3/manifest.json", Announced: true,
	}
	want.ID = job.ID(want.Source, want.Profile)
	given := want.History[0].StartedAt
	put(t, l, want, fresh())
	if want.History[0].StartedAt != given {
		t.Error("the write changed the record that it was given")
	}
	got := get(t, l, want.ID)
	if got.LeaseUntil.Location() != time.UTC || got.History[0].StartedAt.Location() != time.UTC || got.CreatedAt.Location() != time.UTC {
		t.Errorf("times are not in UTC: %v, %v, %v", got.LeaseUntil, got.History[0].StartedAt, got.CreatedAt)
	}
	want.CreatedAt, want.UpdatedAt = got.CreatedAt, got.UpdatedAt
	same(t, got, want)
	// What was read can be given as a condition, to the last digit.
	next := got
	next.LeaseUntil = got.LeaseUntil.Add(time.Minute)
	put(t, l, next, job.Condition{Fence: got.Fence, States: []job.State{job.Running}, LeaseUntil: got.LeaseUntil})
}

func stamps(t *testing.T, l Ledger) {
	r := record()
	lie := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	r.CreatedAt, r.UpdatedAt, r.ReadAt = lie, lie, lie
	before := get(t, l, r.ID).ReadAt
	put(t, l, r, fresh())
	first := get(t, l, r.ID)
	// A ledger whose clock ticks in seconds may stamp a little before it.
	const tick = 2 * time.Second
	if first.CreatedAt.Before(before.Add(-tick)) || first.CreatedAt.After(first.ReadAt.Add(tick)) || !first.UpdatedAt.Equal(first.CreatedAt) {
		t.Errorf("read at %s, created at %s, updated at %s, read at %s: want them in order", before, first.CreatedAt, first.UpdatedAt, first.ReadAt)
	}
	next := first
	next.Weight = 4
	next.CreatedAt = lie
	put(t, l, next, in(0, job.Queued))
	second := get(t, l, r.ID)
	if !second.CreatedAt.Equal(first.CreatedAt) || second.UpdatedAt.Before(first.UpdatedAt) {
		t.Errorf("after a second write it is created at %s and updated at %s; before, at %s and %s",
			second.CreatedAt, second.UpdatedAt, first.CreatedAt, first.UpdatedAt)
	}
	last := second.ReadAt
	for range 50 {
		r := get(t, l, r.ID)
		if r.ReadAt.Before(last) {
			t.Fatalf("a later read says %s, an earlier one %s", r.ReadAt, last)
		}
		last = r.ReadAt
	}
}

func conditions(t *testing.T, l Ledger) {
	r := record()
	wantConflict(t, l, r, in(0, job.Queued)) // There is no record yet.
	wantConflict(t, l, r, in(1, job.None))   // No record counts as fence 0.
	put(t, l, r, in(0, job.None, job.Queued))
	wantConflict(t, l, r, fresh())

	lease := time.Now().Add(time.Minute).Truncate(time.Millisecond)
	claimed := running(r, 1, "a", lease)
	wantConflict(t, l, claimed, in(1, job.Queued))
	wantConflict(t, l, claimed, in(0, job.None))
	wantConflict(t, l, claimed, in(0, job.Running, job.Failed))
	put(t, l, claimed, in(0, job.None, job.Queued))
	wantConflict(t, l, claimed, in(0, job.None, job.Queued)) // the second claim of the same message

	renewed := claimed
	renewed.LeaseUntil = lease.Add(time.Minute)
	put(t, l, renewed, in(1, job.Running))
	failed := renewed
	failed.State = job.Failed
	// A sweeper that read the lease before the renewal must not end it.
	stale := job.Condition{Fence: 1, States: []job.State{job.Running}, LeaseUntil: lease}
	wantConflict(t, l, failed, stale)
	stale.LeaseUntil = renewed.LeaseUntil
	put(t, l, failed, stale)
	wantConflict(t, l, renewed, in(1, job.Running)) // the holder learns that it lost
}

func conflictChangesNothing(t *testing.T, l Ledger) {
	r := record()
	put(t, l, r, fresh())
	before := get(t, l, r.ID)
	next := running(r, 1, "zombie", time.Now())
	wantConflict(t, l, next, in(7, job.Queued))
	same(t, get(t, l, r.ID), before)
	other := record()
	wantConflict(t, l, other, in(0, job.Queued))
	same(t, get(t, l, other.ID), job.Record{})
}

func illegal(t *testing.T, l Ledger) {
	states := job.States()
	for _, from := range append([]job.State{job.None}, states...) {
		for _, to := range states {
			if from == to {
				continue
			}
			r := record()
			fence := int64(0)
			if from != job.None {
				fence = 3
				reach(t, l, r, from, fence)
			}
			before := get(t, l, r.ID)
			next := before
			next.ID, next.Profile, next.Source, next.State, next.Fence = r.ID, r.Profile, r.Source, to, fence
			if job.CanMove(from, to) {
				put(t, l, next, in(fence, from))
				continue
			}
			wantRefusal(t, l, next, in(fence, from))
			same(t, get(t, l, r.ID), before)
		}
	}
	r := record()
	reach(t, l, r, job.Running, 3)
	r.State, r.Fence = job.Running, 2
	wantRefusal(t, l, r, in(3, job.Running))
}

// reach writes r until it is in a state, with a fence.
func reach(t *testing.T, l Ledger, r job.Record, to job.State, fence int64) {
	t.Helper()
	put(t, l, running(r, fence, "w", time.Now().Add(time.Minute)), fresh())
	if to == job.Running {
		return
	}
	r.State, r.Fence = to, fence
	put(t, l, r, in(fence, job.Running))
}

func announce(t *testing.T, l Ledger) {
	for _, state := range []job.State{job.Succeeded, job.Dead, job.Cancelled, job.Superseded} {
		r := record()
		reach(t, l, r, state, 1)
		stored := get(t, l, r.ID)
		stored.Announced = true
		put(t, l, stored, in(1, state))
		if !get(t, l, r.ID).Announced {
			t.Errorf("a %s record did not keep the mark", state)
		}
	}
}

func senseless(t *testing.T, l Ledger) {
	r := record()
	wantRefusal(t, l, r, job.Condition{}) // No state is allowed.
	r.State = job.None
	wantRefusal(t, l, r, fresh())
	r.State = "resting"
	wantRefusal(t, l, r, fresh())
	r.State, r.ID = job.Queued, ""
	wantRefusal(t, l, r, fresh())
}

func claims(t *testing.T, l Ledger) {
	const workers, rounds = 8, 5
	for round := range rounds {
		r := record()
		when := in(0, job.None, job.Queued)
		if round%2 == 1 {
			put(t, l, r, fresh())
		}
		var (
			mu      sync.Mutex
			winners []string
			wait    sync.WaitGroup
		)
		for i := range workers {
			wait.Go(func() {
				claim := running(r, 1, fmt.Sprint("worker ", i), time.Now().Add(time.Minute))
				err := l.Put(t.Context(), claim, when)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					winners = append(winners, claim.Owner)
				case !errors.Is(err, job.ErrConflict):
					t.Errorf("a claim failed: %v", err)
				}
			})
		}
		wait.Wait()
		if owner := get(t, l, r.ID).Owner; len(winners) != 1 || winners[0] != owner {
			t.Fatalf("round %d: %q won, and the record says %q", round, winners, owner)
		}
	}
}

// lostUpdates lets several writers count up one number under a condition, as
// claims do with the fence: each success counts, and exactly once.
func lostUpdates(t *testing.T, l Ledger) {
	const writers, each = 4, 10
	r := record()
	put(t, l, r, fresh())
	var wait sync.WaitGroup
	for range writers {
		wait.Go(func() {
			for done := 0; done < each; {
				stored, err := l.Get(t.Context(), r.ID)
				if err != nil {
					t.Errorf("get: %v", err)
					return
				}
				next := stored
				next.Fence++
				next.Weight++
				err = l.Put(t.Context(), next, in(stored.Fence, job.Queued))
				switch {
				case err == nil:
					done++
				case !errors.Is(err, job.ErrConflict):
					t.Errorf("put: %v", err)
					return
				}
			}
		})
	}
	wait.Wait()
	if got := get(t, l, r.ID); got.Fence != writers*each || got.Weight != writers*each {
		t.Errorf("after %d writes the fence is %d and the weight %d", writers*each, got.Fence, got.Weight)
	}
}
