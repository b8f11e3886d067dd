// Package ledgertest holds the conformance suite of ledgers: what the protocol
// of claims, leases and sweeps relies on, whether the records lie in a file or
// in DynamoDB.
package ledgertest

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/job"
)

// Ledger is what the suite tests: the writes of one job and the list of all.
type Ledger interface {
	Records
	Versions
	Lists
}

// Records reads and writes the record of one job.
type Records interface {
	// Get returns a record; the zero Record with ReadAt when there is none.
	Get(ctx context.Context, id string) (job.Record, error)
	// Put writes a record when the stored one meets the condition.
	Put(ctx context.Context, next job.Record, when job.Condition) error
}

// Versions knows the newest version of each key.
type Versions interface {
	// RaiseHighWater tells of one version and returns what is in force then.
	RaiseHighWater(ctx context.Context, source job.Source, jobID string) (job.HighWater, error)
	// HighWater returns what is in force.
	HighWater(ctx context.Context, bucket, key string) (job.HighWater, error)
}

// Lists finds records.
type Lists interface {
	// List gives a page of the records that f selects, newest created first.
	List(ctx context.Context, f job.Filter, limit int, cursor string) (records []job.Record, next string, err error)
	// Stale gives records that are not final and untouched since before.
	Stale(ctx context.Context, before time.Time, limit int) ([]job.Record, error)
}

// Run runs the suite. open gives each case an empty ledger, and cleans up
// after it by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Ledger) {
	cases := []struct {
		name string
		run  func(t *testing.T, l Ledger)
	}{
		{"a job that nobody wrote has no record", absent},
		{"every field comes back", roundTrip},
		{"the ledger stamps records", stamps},
		{"a write happens only under its condition", conditions},
		{"a conflict changes nothing", conflictChangesNothing},
		{"illegal moves and falling fences are refused", illegal},
		{"marking a final record as announced is allowed", announce},
		{"a write that can never happen is refused", senseless},
		{"claims at once have one winner", claims},
		{"updates at once are never lost", lostUpdates},
		{"the high water only rises", highWater},
		{"high waters raised at once end at the newest", highWaterAtOnce},
		{"a list selects", listSelects},
		{"pages stay in place while jobs come in", pages},
		{"bad cursors and limits are refused", badPages},
		{"stale records are found", stale},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// fresh is the condition of a first write.
func fresh() job.Condition { return job.Condition{States: []job.State{job.None}} }

// in is the condition of a fence and a state.
func in(fence int64, states ...job.State) job.Condition {
	return job.Condition{Fence: fence, States: states}
}

// record gives a queued record of an object of its own.
func record() job.Record {
	source := job.Source{Bucket: "uploads", Key: "uploads/" + rand.Text() + ".mp4", ETag: "0f343b0931126a20f133d67c2b018a3b", Bytes: 1 << 33}
	return job.Record{ID: job.ID(source, "trainer"), Profile: "trainer", Source: source, State: job.Queued}
}

// running gives r as a claim writes it.
func running(r job.Record, fence int64, owner string, lease time.Time) job.Record {
	r.State, r.Fence, r.Owner, r.LeaseUntil = job.Running, fence, owner, lease
	r.Attempt++
	return r
}

func put(t *testing.T, l Ledger, next job.Record, when job.Condition) {
	t.Helper()
	if err := l.Put(t.Context(), next, when); err != nil {
		t.Fatalf("put %s as %s when %s: %v", next.ID, next.State, when, err)
	}
}

func get(t *testing.T, l Ledger, id string) job.Record {
	t.Helper()
	r, err := l.Get(t.Context(), id)
	if err != nil {
		t.Fatalf("get %s: %v", id, err)
	}
	if r.ReadAt.IsZero() {
		t.Fatalf("the read of %s has no time", id)
	}
	return r
}

// wantConflict asserts that a write is refused for its condition.
func wantConflict(t *testing.T, l Ledger, next job.Record, when job.Condition) {
	t.Helper()
	if err := l.Put(t.Context(), next, when); !errors.Is(err, job.ErrConflict) {
		t.Errorf("put %s when %s: got %v, want a conflict", next.State, when, err)
	}
}

// wantRefusal asserts that a write fails, and not for its condition.
func wantRefusal(t *testing.T, l Ledger, next job.Record, when job.Condition) {
	t.Helper()
	if err := l.Put(t.Context(), next, when); err == nil || errors.Is(err, job.ErrConflict) {
		t.Errorf("put %s with fence %d when %s: got %v, want a refusal that is no conflict", next.State, next.Fence, when, err)
	}
}

// same asserts that two records are equal, but for when they were read.
func same(t *testing.T, got, want job.Record) {
	t.Helper()
	got.ReadAt, want.ReadAt = time.Time{}, time.Time{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the record differs (- want, + got):\n%s", diff)
	}
}
