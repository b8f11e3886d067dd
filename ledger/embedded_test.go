package ledger_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
	"github.com/motionmill/motionmill/ledger/ledgertest"
	"github.com/motionmill/motionmill/local/database"
)

func openFile(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := database.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func openLedger(t testing.TB, db *sql.DB) *ledger.Embedded {
	t.Helper()
	l, err := ledger.NewEmbedded(db, ledger.EmbeddedConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func newLedger(t testing.TB) *ledger.Embedded {
	t.Helper()
	return openLedger(t, openFile(t, filepath.Join(t.TempDir(), "state.db")))
}

func TestEmbeddedConforms(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) ledgertest.Ledger { return newLedger(t) })
}

// TestStaleByTime lets hours pass, which the suite cannot.
func TestStaleByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, l := t.Context(), newLedger(t)
		for i := range 3 {
			if err := l.Put(ctx, job.Record{ID: fmt.Sprint(i), State: job.Queued}, job.Condition{States: []job.State{job.None}}); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Hour)
		}
		records, err := l.Stale(ctx, time.Now().Add(-90*time.Minute), 10)
		if err != nil || len(records) != 2 || records[0].ID != "0" || records[1].ID != "1" {
			t.Errorf("got %d records and error %v, want jobs 0 and 1, in that order: %+v", len(records), err, records)
		}
	})
}

func TestClockIsTheLedgersOwn(t *testing.T) {
	ahead := time.Date(2040, 1, 1, 0, 0, 0, 0, time.FixedZone("there", 3600))
	l, err := ledger.NewEmbedded(openFile(t, filepath.Join(t.TempDir(), "state.db")), ledger.EmbeddedConfig{Clock: func() time.Time { return ahead }})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Put(t.Context(), job.Record{ID: "x", State: job.Queued}, job.Condition{States: []job.State{job.None}}); err != nil {
		t.Fatal(err)
	}
	got, err := l.Get(t.Context(), "x")
	if err != nil || !got.ReadAt.Equal(ahead) || !got.CreatedAt.Equal(ahead) || !got.UpdatedAt.Equal(ahead) || got.ReadAt.Location() != time.UTC {
		t.Errorf("got %+v and error %v, want every time to be %s in UTC", got, err, ahead)
	}
}

func TestSamePlaceInTimeStillPages(t *testing.T) {
	now := time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
	l, err := ledger.NewEmbedded(openFile(t, filepath.Join(t.TempDir(), "state.db")), ledger.EmbeddedConfig{Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 7 { // All are created at the same instant.
		if err := l.Put(t.Context(), job.Record{ID: fmt.Sprint("id ", i), State: job.Queued}, job.Condition{States: []job.State{job.None}}); err != nil {
			t.Fatal(err)
		}
	}
	seen, cursor := map[string]bool{}, ""
	for {
		records, next, err := l.List(t.Context(), job.Filter{}, 2, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if seen[r.ID] {
				t.Fatalf("%s is on two pages", r.ID)
			}
			seen[r.ID] = true
		}
		if cursor = next; next == "" {
			break
		}
	}
	if len(seen) != 7 {
		t.Errorf("the pages hold %d records, want 7", len(seen))
	}
}

func TestErrorsSayWhatAndWhere(t *testing.T) {
	db := openFile(t, filepath.Join(t.TempDir(), "state.db"))
	l := openLedger(t, db)
	_, _, err := l.List(t.Context(), job.Filter{}, 10, "nonsense")
	if !errors.Is(err, ledger.ErrBadCursor) || !strings.Contains(err.Error(), `"nonsense"`) {
		t.Errorf("a bad cursor gave %v", err)
	}
	if _, err := db.Exec("INSERT INTO ledger_records VALUES ('broken', 'queued', '', '', '', 0, 0, '{')"); err != nil {
		t.Fatal(err)
	}
	_, err = l.Get(t.Context(), "broken")
	var typed *job.Error
	if !errors.As(err, &typed) || typed.Kind != job.Storage || typed.Subject != "broken" {
		t.Errorf("a record that cannot be decoded gave %v", err)
	}
	err = l.Put(t.Context(), job.Record{ID: "broken", State: job.Queued}, job.Condition{States: []job.State{job.Queued}})
	if err == nil || errors.Is(err, job.ErrConflict) {
		t.Errorf("writing over it gave %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	db := openFile(t, filepath.Join(t.TempDir(), "state.db"))
	l := openLedger(t, db)
	db.SetMaxOpenConns(1) // The limit below is one connection's.
	if _, err := db.Exec("PRAGMA max_page_count = 30"); err != nil {
		t.Fatal(err)
	}
	small := job.Record{ID: "small", State: job.Queued}
	large := small
	large.ID, large.Error = "large", &job.Failure{Stack: strings.Repeat("x", 500_000)}
	none := job.Condition{States: []job.State{job.None}}
	if err := l.Put(t.Context(), small, none); err != nil {
		t.Fatal(err)
	}
	if err := l.Put(t.Context(), large, none); job.KindOf(err) != job.OutOfDisk || errors.Is(err, job.ErrConflict) {
		t.Errorf("writing to a full disk gave %v, want kind %s", err, job.OutOfDisk)
	}
	if got, err := l.Get(t.Context(), "large"); err != nil || got.State != job.None {
		t.Errorf("the failed write left %+v, error %v", got, err)
	}
	if got, err := l.Get(t.Context(), "small"); err != nil || got.State != job.Queued {
		t.Errorf("an earlier record reads as %+v, error %v", got, err)
	}
}
