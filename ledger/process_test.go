package ledger_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
	"github.com/motionmill/motionmill/local/database/databasetest"
)

func TestMain(m *testing.M) { databasetest.Main(m, play) }

// play is what another process does on the file.
func play(db *sql.DB, role string) error {
	l, err := ledger.NewEmbedded(db, ledger.EmbeddedConfig{})
	if err != nil {
		return err
	}
	switch role {
	case "claim":
		return claimAll(l)
	case "count":
		return count(l)
	case "count for ever":
		for {
			if err := countOnce(l); err != nil {
				return err
			}
			fmt.Println("counted")
		}
	default:
		return fmt.Errorf("there is no role %q", role)
	}
}

const (
	jobs    = 60 // that claimAll claims
	counts  = 40 // that count makes
	counter = "counter"
)

// claimAll claims each job as it was before anyone had, and prints those that
// it won.
func claimAll(l *ledger.Embedded) error {
	for i := range jobs {
		claim := job.Record{ID: fmt.Sprint("job ", i), State: job.Running, Fence: 1, Attempt: 1,
			Owner: fmt.Sprint(os.Getpid()), LeaseUntil: time.Now().Add(time.Minute)}
		err := l.Put(context.Background(), claim, job.Condition{States: []job.State{job.None, job.Queued}})
		switch {
		case err == nil:
			fmt.Println(claim.ID)
		case !errors.Is(err, job.ErrConflict):
			return err
		}
	}
	return nil
}

// count raises the fence of one record, again and again.
func count(l *ledger.Embedded) error {
	for range counts {
		if err := countOnce(l); err != nil {
			return err
		}
	}
	return nil
}

// countOnce reads and writes until nobody was quicker.
func countOnce(l *ledger.Embedded) error {
	for {
		stored, err := l.Get(context.Background(), counter)
		if err != nil {
			return err
		}
		next := stored
		next.Fence++
		err = l.Put(context.Background(), next, job.Condition{Fence: stored.Fence, States: []job.State{job.Queued}})
		if !errors.Is(err, job.ErrConflict) {
			return err
		}
	}
}

func TestProcessesClaimEachJobOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	l := openLedger(t, openFile(t, path))
	won := map[string]int{}
	for i, ids := range databasetest.Together(t, 3, "claim", path) {
		t.Logf("process %d won %d of %d jobs", i, len(ids), jobs)
		for _, id := range ids {
			won[id]++
		}
	}
	for i := range jobs {
		id := fmt.Sprint("job ", i)
		stored, err := l.Get(t.Context(), id)
		if err != nil || won[id] != 1 || stored.Attempt != 1 {
			t.Errorf("%s was claimed %d times; its record is %+v, error %v", id, won[id], stored, err)
		}
	}
}

func TestProcessesLoseNoUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	l := openLedger(t, openFile(t, path))
	newCounter(t, l)
	const processes = 3
	databasetest.Together(t, processes, "count", path)
	stored, err := l.Get(t.Context(), counter)
	if err != nil || stored.Fence != processes*counts {
		t.Errorf("after %d updates the fence is %d, error %v", processes*counts, stored.Fence, err)
	}
}

// TestKilledWriter kills a process in the middle of writes: each write that it
// had acknowledged is there, and at most one more.
func TestKilledWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	l := openLedger(t, openFile(t, path))
	newCounter(t, l)
	acknowledged := int64(0)
	for range 3 {
		p := databasetest.Start(t, "count for ever", path)
		p.Begin(t)
		acknowledged += int64(len(p.KillAfter(t, 21)))
		stored, err := l.Get(t.Context(), counter)
		if err != nil || stored.Fence < acknowledged || stored.Fence > acknowledged+1 {
			t.Fatalf("after %d acknowledged updates the fence is %d, error %v", acknowledged, stored.Fence, err)
		}
		acknowledged = stored.Fence
	}
}

func newCounter(t *testing.T, l *ledger.Embedded) {
	t.Helper()
	if err := l.Put(t.Context(), job.Record{ID: counter, State: job.Queued}, job.Condition{States: []job.State{job.None}}); err != nil {
		t.Fatal(err)
	}
}
