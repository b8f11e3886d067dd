// Package ledger keeps the one truth about the state of every job.
//
// Every write is conditional: it says what the writer read, and happens only
// when that is still so. Of any number of workers, in any number of processes,
// that claim a job at once, exactly one succeeds. Reads are strongly
// consistent: they see every write that was acknowledged before them.
//
// Embedded keeps the records in a SQLite file, Dynamo in a table of DynamoDB.
// The folder ledgertest holds the suite that every implementation must pass.
package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/motionmill/motionmill/job"
)

// EmbeddedConfig holds the settings of an embedded ledger. Its zero value is ready to use.
type EmbeddedConfig struct {
	// Clock gives the ledger's own time, which records are stamped with and
	// which leases are compared with. Default time.Now, the machine's clock,
	// which every process on the file shares.
	Clock func() time.Time
}

// Embedded is a ledger in a SQLite file, which several processes may use at once.
type Embedded struct {
	db     *sql.DB
	writes *group
	clock  func() time.Time
}

// Records are kept whole as JSON; the other columns repeat what is searched for.
const schema = `
CREATE TABLE IF NOT EXISTS ledger_records (
	id         TEXT    NOT NULL PRIMARY KEY,
	state      TEXT    NOT NULL,
	profile    TEXT    NOT NULL,
	bucket     TEXT    NOT NULL,
	key        TEXT    NOT NULL,
	created_at INTEGER NOT NULL, -- Unix time in nanoseconds
	updated_at INTEGER NOT NULL, -- Unix time in nanoseconds
	document   BLOB    NOT NULL
);
CREATE INDEX IF NOT EXISTS ledger_records_created ON ledger_records (created_at, id);
CREATE INDEX IF NOT EXISTS ledger_records_state   ON ledger_records (state, updated_at);
CREATE INDEX IF NOT EXISTS ledger_records_key     ON ledger_records (bucket, key);
CREATE TABLE IF NOT EXISTS ledger_high_water (
	bucket    TEXT NOT NULL,
	key       TEXT NOT NULL,
	sequencer TEXT NOT NULL,
	job       TEXT NOT NULL,
	PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
`

// NewEmbedded returns the ledger in db, which local/database.Open opened. It
// makes the tables when they are missing.
func NewEmbedded(db *sql.DB, cfg EmbeddedConfig) (*Embedded, error) {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	l := &Embedded{db: db, writes: &group{db: db}, clock: cfg.Clock}
	err := l.writes.write(context.Background(), func(tx *sql.Tx) error {
		_, err := tx.Exec(schema)
		return err
	})
	if err != nil {
		return nil, failed("open ledger", "", err)
	}
	return l, nil
}

// Get returns the record of a job. When there is none it returns the zero
// Record, whose state is None, and no error. ReadAt is set in both cases.
func (l *Embedded) Get(ctx context.Context, id string) (job.Record, error) {
	record, err := l.read(ctx, l.db, id)
	if err != nil {
		return job.Record{}, failed("read job", id, err)
	}
	return record, nil
}

// Put replaces the record of the job next.ID when the stored one meets the
// condition; else it writes nothing and returns an error that wraps
// job.ErrConflict. A change of state that is not legal, or a fence lower than
// the stored one, is an error that does not wrap it: asking again cannot help.
//
// The ledger sets UpdatedAt, and CreatedAt of a new record; what next holds
// there does not matter. Times are kept to the nanosecond, in UTC.
func (l *Embedded) Put(ctx context.Context, next job.Record, when job.Condition) error {
	if err := checkPut(next, when); err != nil {
		return err
	}
	var verdict error
	err := l.writes.write(ctx, func(tx *sql.Tx) error {
		stored, err := l.read(ctx, tx, next.ID)
		if err != nil {
			return err
		}
		if verdict = judge(stored, next, when); verdict != nil {
			return nil
		}
		return l.store(ctx, tx, stored, next)
	})
	if err != nil {
		return failed("write job", next.ID, err)
	}
	return verdict
}

// checkPut finds what no stored record could make right.
func checkPut(next job.Record, when job.Condition) error {
	refuse := func(finding string) error {
		return job.Fail(job.Internal, "write job", next.ID, finding, "", nil)
	}
	switch {
	case next.ID == "":
		return refuse("the record has no id")
	case !slices.Contains(job.States(), next.State):
		return refuse(fmt.Sprintf("%q is no state of a record", next.State))
	case len(when.States) == 0:
		return refuse("the condition allows no state, so that it can never hold")
	}
	return nil
}

// judge decides whether next may replace stored.
func judge(stored, next job.Record, when job.Condition) error {
	switch {
	case !when.Met(stored):
		return job.Conflict(next.ID, when)
	case next.Fence < stored.Fence:
		return job.Fail(job.Internal, "write job", next.ID, fmt.Sprintf("its fence would fall from %d to %d", stored.Fence, next.Fence), "", nil)
	case next.State != stored.State && !job.CanMove(stored.State, next.State):
		return job.Fail(job.Internal, "write job", next.ID, fmt.Sprintf("no job goes from %q to %q", stored.State, next.State), "", nil)
	}
	return nil
}

// store writes next over stored, the zero Record for none.
func (l *Embedded) store(ctx context.Context, tx *sql.Tx, stored, next job.Record) error {
	next = inUTC(next)
	next.UpdatedAt = l.now()
	next.CreatedAt = stored.CreatedAt
	if stored.State == job.None {
		next.CreatedAt = next.UpdatedAt
	}
	document, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("encode record: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO ledger_records (id, state, profile, bucket, key, created_at, updated_at, document)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, profile = excluded.profile, bucket = excluded.bucket,
			key = excluded.key, updated_at = excluded.updated_at, document = excluded.document`,
		next.ID, next.State, next.Profile, next.Source.Bucket, next.Source.Key,
		next.CreatedAt.UnixNano(), next.UpdatedAt.UnixNano(), document)
	return err
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// read gives the stored record, or the zero Record with ReadAt set.
func (l *Embedded) read(ctx context.Context, from querier, id string) (job.Record, error) {
	var document []byte
	err := from.QueryRowContext(ctx, "SELECT document FROM ledger_records WHERE id = ?", id).Scan(&document)
	if errors.Is(err, sql.ErrNoRows) {
		return job.Record{ReadAt: l.now()}, nil
	}
	if err != nil {
		return job.Record{}, err
	}
	return l.decode(document)
}

// decode reads a stored document.
func (l *Embedded) decode(document []byte) (job.Record, error) {
	var record job.Record
	if err := json.Unmarshal(document, &record); err != nil {
		return job.Record{}, fmt.Errorf("decode record: %w", err)
	}
	record.ReadAt = l.now()
	return record, nil
}

// now is the ledger's time in UTC, without the process's own monotonic reading.
func (l *Embedded) now() time.Time { return l.clock().Round(0).UTC() }

// inUTC gives the record with every time in UTC; it shares no memory with r
// that it changes.
func inUTC(r job.Record) job.Record {
	r.LeaseUntil, r.DueAt = r.LeaseUntil.UTC(), r.DueAt.UTC()
	r.History = slices.Clone(r.History)
	for i := range r.History {
		r.History[i].StartedAt, r.History[i].EndedAt = r.History[i].StartedAt.UTC(), r.History[i].EndedAt.UTC()
	}
	return r
}

// failed is the error of a request that the file did not carry out.
func failed(op, subject string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s %s: %w", op, subject, err)
	}
	var cause sqlite3.Error
	if errors.As(err, &cause) && (cause.Code == sqlite3.ErrFull || job.KindOf(cause.SystemErrno) == job.OutOfDisk) {
		return job.Fail(job.OutOfDisk, op, subject, "the disk is full", "Free some space on it", err)
	}
	return job.Fail(job.Storage, op, subject, "", "", err)
}
