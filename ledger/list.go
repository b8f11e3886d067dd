package ledger

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
)

// MaxList is the most records that one call of List or Stale gives.
const MaxList = 1000

// ErrBadCursor is what List returns, wrapped, for a cursor that it did not give.
var ErrBadCursor = errors.New("this is not a cursor of a list of jobs")

// List gives up to limit records (1 to MaxList) that f selects, the newest
// created first, from the position cursor on: empty is the beginning. next is
// the cursor of the page that follows, empty after the last. Jobs that come in
// between two pages neither shift nor repeat what is on the second. A cursor
// goes with the filter that it came with.
//
// Errors about the arguments are of kind job.Unsupported.
func (l *Embedded) List(ctx context.Context, f job.Filter, limit int, cursor string) (records []job.Record, next string, err error) {
	where, args := conditions(f)
	if cursor != "" {
		after, err := parseCursor(cursor)
		if err != nil {
			return nil, "", job.Fail(job.Unsupported, "list jobs", "cursor "+strconv.Quote(cursor), "", "Begin again without a cursor", err)
		}
		where = append(where, "(created_at, id) < (?, ?)")
		args = append(args, after.createdAt, after.id)
	}
	// One more than asked for tells whether there is a next page.
	records, err = l.query(ctx, "list jobs", where, args, "created_at DESC, id DESC", limit, 1)
	if err != nil {
		return nil, "", err
	}
	if len(records) > limit {
		records = records[:limit]
		last := records[limit-1]
		next = position{last.CreatedAt.UnixNano(), last.ID}.cursor()
	}
	return records, next, nil
}

// Stale gives up to limit records (1 to MaxList) that are not final and were
// last written before a time of the ledger's clock, those longest untouched
// first.
func (l *Embedded) Stale(ctx context.Context, before time.Time, limit int) ([]job.Record, error) {
	open := slices.DeleteFunc(job.States(), job.State.Final)
	where, args := conditions(job.Filter{States: open})
	return l.query(ctx, "list stale jobs", append(where, "updated_at < ?"), append(args, before.UnixNano()), "updated_at, id", limit, 0)
}

// conditions gives the SQL of a filter.
func conditions(f job.Filter) (where []string, args []any) {
	if len(f.States) > 0 {
		where = append(where, "state IN (?"+strings.Repeat(", ?", len(f.States)-1)+")")
		for _, state := range f.States {
			args = append(args, state)
		}
	}
	for _, field := range []struct{ column, value string }{{"profile", f.Profile}, {"bucket", f.Bucket}, {"key", f.Key}} {
		if field.value != "" {
			where = append(where, field.column+" = ?")
			args = append(args, field.value)
		}
	}
	if f.KeyPrefix != "" {
		where = append(where, "substr(key, 1, length(?)) = ?")
		args = append(args, f.KeyPrefix, f.KeyPrefix)
	}
	return where, args
}

// query gives up to limit+extra records.
func (l *Embedded) query(ctx context.Context, op string, where []string, args []any, order string, limit, extra int) ([]job.Record, error) {
	if limit < 1 || limit > MaxList {
		return nil, job.Fail(job.Unsupported, op, "", fmt.Sprintf("the limit %d is not within 1 and %d", limit, MaxList), "", nil)
	}
	text := "SELECT document FROM ledger_records"
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	rows, err := l.db.QueryContext(ctx, text+" ORDER BY "+order+" LIMIT ?", append(args, limit+extra)...)
	if err != nil {
		return nil, failed(op, "", err)
	}
	defer rows.Close()
	var records []job.Record
	for rows.Next() {
		var document []byte
		if err := rows.Scan(&document); err != nil {
			return nil, failed(op, "", err)
		}
		record, err := l.decode(document)
		if err != nil {
			return nil, failed(op, "", err)
		}
		records = append(records, record)
	}
	if err := rows.Err(); err != nil {
		return nil, failed(op, "", err)
	}
	return records, nil
}

// position is a place in the list, between two records.
type position struct {
	createdAt int64
	id        string
}

func (p position) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.createdAt, 10) + " " + p.id))
}

func parseCursor(cursor string) (position, error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return position{}, fmt.Errorf("%w: %w", ErrBadCursor, err)
	}
	created, id, found := strings.Cut(string(raw), " ")
	at, err := strconv.ParseInt(created, 10, 64)
	if !found || err != nil || id == "" {
		return position{}, ErrBadCursor
	}
	return position{at, id}, nil
}
