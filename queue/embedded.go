package queue

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
)

// EmbeddedConfig holds the settings of an embedded queue. Its zero value is ready to use.
type EmbeddedConfig struct {
	// Visibility is how long a received message stays hidden unless Hide says
	// otherwise: up to 12 hours. Default 60 s.
	Visibility time.Duration
	// Poll is how often a waiting Receive looks whether another process has
	// written to the file; sends of this process are seen at once. Default 10 ms.
	Poll time.Duration
}

// Embedded is a queue in a SQLite file, which several processes may use at
// once. Its clock is the machine's. Messages are kept until they are deleted.
type Embedded struct {
	db   *sql.DB
	name string
	cfg  EmbeddedConfig
	bell bell
}

// Depth is the number of messages in a queue.
type Depth struct {
	// Visible can be received now.
	Visible int
	// Hidden were received and are not visible again yet.
	Hidden int
	// Delayed were never received and are not visible yet.
	Delayed int
}

// ErrNotInFlight is what Hide returns, wrapped, when its receipt is not the
// last one of a message that is hidden now: the message was received again,
// is visible again, or was deleted.
var ErrNotInFlight = errors.New("the message is not in flight under this receipt")

const schema = `
CREATE TABLE IF NOT EXISTS queue_messages (
	seq         INTEGER PRIMARY KEY AUTOINCREMENT,
	queue       TEXT    NOT NULL,
	id          TEXT    NOT NULL,
	body        BLOB    NOT NULL,
	visible_at  INTEGER NOT NULL, -- Unix time in nanoseconds, as every time here
	received    INTEGER NOT NULL DEFAULT 0,
	received_at INTEGER NOT NULL DEFAULT 0,
	receipt     TEXT    NOT NULL DEFAULT '' -- of the last receive
);
CREATE INDEX IF NOT EXISTS queue_messages_visible ON queue_messages (queue, visible_at);
`

// NewEmbedded returns the queue of the given name in db, which
// local/database.Open opened. It makes the tables when they are missing.
func NewEmbedded(db *sql.DB, name string, cfg EmbeddedConfig) (*Embedded, error) {
	if cfg.Visibility == 0 {
		cfg.Visibility = defaultVisibility
	}
	if cfg.Poll == 0 {
		cfg.Poll = defaultPoll
	}
	switch {
	case name == "":
		return nil, job.Fail(job.Unsupported, "open queue", "", "it has no name", "Name the queue", nil)
	case cfg.Visibility < 0 || cfg.Visibility > MaxHidden:
		return nil, job.Fail(job.Unsupported, "open queue", name, fmt.Sprintf("the visibility timeout %s is not within 0 and %s", cfg.Visibility, MaxHidden),
			"Choose another", nil)
	case cfg.Poll < 0:
		return nil, job.Fail(job.Unsupported, "open queue", name, fmt.Sprintf("the poll period %s is negative", cfg.Poll), "Choose another", nil)
	}
	e := &Embedded{db: db, name: name, cfg: cfg, bell: newBell()}
	err := e.write(context.Background(), func(tx *sql.Tx) error {
		_, err := tx.Exec(schema)
		return err
	})
	if err != nil {
		return nil, e.failed("open queue", err)
	}
	return e, nil
}

// Send puts messages into the queue: all of them, or none when it fails.
// A message that it accepted survives the loss of power. Waiting receivers
// wake at once.
func (e *Embedded) Send(ctx context.Context, messages ...job.Outgoing) error {
	for i, m := range messages {
		if err := checkOutgoing(m); err != nil {
			return e.refused("send message", fmt.Sprintf("message %d of %d", i+1, len(messages)), err)
		}
	}
	if len(messages) == 0 {
		return nil
	}
	err := e.write(ctx, func(tx *sql.Tx) error {
		now := time.Now()
		for _, m := range messages {
			_, err := tx.Exec("INSERT INTO queue_messages (queue, id, body, visible_at) VALUES (?, ?, ?, ?)",
				e.name, rand.Text(), m.Body, now.Add(m.Delay).UnixNano())
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return e.failed("send message", err)
	}
	e.bell.ring()
	return nil
}

// Delete removes the messages that the receipts name. A receipt that is no
// longer the last one of its message, or whose message is gone, deletes
// nothing, and that is no error. Text that is no receipt is one.
func (e *Embedded) Delete(ctx context.Context, receipts ...string) error {
	rows := make([]int64, len(receipts))
	for i, receipt := range receipts {
		var err error
		if rows[i], err = rowOf(receipt); err != nil {
			return e.refused("delete message", receipt, err)
		}
	}
	if len(receipts) == 0 {
		return nil
	}
	err := e.write(ctx, func(tx *sql.Tx) error {
		for i, receipt := range receipts {
			if _, err := tx.Exec("DELETE FROM queue_messages WHERE seq = ? AND queue = ? AND receipt = ?", rows[i], e.name, receipt); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return e.failed("delete message", err)
	}
	return nil
}

// Hide makes a received message visible again d from now; 0 is at once. The
// total since its receive is at most 12 hours; more is an error. A receipt
// that no longer counts gives ErrNotInFlight, and nothing changes.
func (e *Embedded) Hide(ctx context.Context, receipt string, d time.Duration) error {
	row, err := rowOf(receipt)
	if err == nil {
		err = checkHidden(d)
	}
	if err != nil {
		return e.refused("hide message", receipt, err)
	}
	var refusal error
	err = e.write(ctx, func(tx *sql.Tx) error {
		now := time.Now()
		var visibleAt, receivedAt int64
		err := tx.QueryRow("SELECT visible_at, received_at FROM queue_messages WHERE seq = ? AND queue = ? AND receipt = ?", row, e.name, receipt).
			Scan(&visibleAt, &receivedAt)
		switch {
		case errors.Is(err, sql.ErrNoRows), err == nil && visibleAt <= now.UnixNano():
			refusal = ErrNotInFlight
			return nil
		case err != nil:
			return err
		}
		if refusal = checkHidden(now.Add(d).Sub(time.Unix(0, receivedAt))); refusal != nil {
			return nil
		}
		_, err = tx.Exec("UPDATE queue_messages SET visible_at = ? WHERE seq = ?", now.Add(d).UnixNano(), row)
		return err
	})
	switch {
	case err != nil:
		return e.failed("hide message", err)
	case refusal != nil:
		return e.refused("hide message", receipt, refusal)
	}
	e.bell.ring()
	return nil
}

// Depth counts the messages of the queue.
func (e *Embedded) Depth(ctx context.Context) (Depth, error) {
	var d Depth
	now := time.Now().UnixNano()
	err := e.db.QueryRowContext(ctx, `SELECT
		count(*) FILTER (WHERE visible_at <= ?1),
		count(*) FILTER (WHERE visible_at > ?1 AND received > 0),
		count(*) FILTER (WHERE visible_at > ?1 AND received = 0)
		FROM queue_messages WHERE queue = ?2`, now, e.name).Scan(&d.Visible, &d.Hidden, &d.Delayed)
	if err != nil {
		return Depth{}, e.failed("count messages", err)
	}
	return d, nil
}

// Oldest tells for how long the message that waits longest has been visible; 0
// when none is. SQS has no such call: it tells CloudWatch.
func (e *Embedded) Oldest(ctx context.Context) (time.Duration, error) {
	now := time.Now()
	var first sql.NullInt64
	if err := e.db.QueryRowContext(ctx, "SELECT min(visible_at) FROM queue_messages WHERE queue = ?", e.name).Scan(&first); err != nil {
		return 0, e.failed("look for the oldest message", err)
	}
	if !first.Valid {
		return 0, nil
	}
	return max(now.Sub(time.Unix(0, first.Int64)), 0), nil
}

// write runs do in a transaction, which holds the file's write lock from its
// beginning. Its outcome is certain: an error means that nothing was written.
func (e *Embedded) write(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	return finish(tx, do(tx))
}

// finish commits tx, or rolls it back when err is not nil.
func finish(tx *sql.Tx, err error) error {
	if err == nil {
		return tx.Commit()
	}
	if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
		return errors.Join(err, rollback)
	}
	return err
}

// newReceipt names the delivery of one row.
func newReceipt(row int64) string { return strconv.FormatInt(row, 10) + "-" + rand.Text() }

// rowOf gives the row that a receipt is about.
func rowOf(receipt string) (int64, error) {
	number, _, found := strings.Cut(receipt, "-")
	row, err := strconv.ParseInt(number, 10, 64)
	if !found || err != nil {
		return 0, errors.New("this is not a receipt of this queue")
	}
	return row, nil
}
