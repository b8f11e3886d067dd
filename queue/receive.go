package queue

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"sync"
	"time"

	"github.com/motionmill/motionmill/job"
)

// Receive gives up to limit (1 to 10) visible messages, those longest visible
// first, and hides them for the queue's visibility timeout. When there are
// none it waits up to wait (0 to 20 s) for the first, and then gives none and
// no error. When ctx ends it returns the error of ctx within milliseconds, and
// has hidden nothing: messages that were hidden are always delivered.
func (e *Embedded) Receive(ctx context.Context, limit int, wait time.Duration) ([]job.Message, error) {
	if err := checkReceive(limit, wait); err != nil {
		return nil, e.refused("receive messages", "", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return nil, e.receiveFailed(ctx, err)
	}
	defer conn.Close()
	deadline := time.Now().Add(wait)
	w, err := e.watch(conn)
	if err != nil {
		return nil, e.receiveFailed(ctx, err)
	}
	defer w.stop()
	for {
		rung := e.bell.rung() // Taken before the look: a send after it is not missed.
		messages, next, err := e.take(conn, limit)
		switch {
		case err != nil:
			return nil, e.receiveFailed(ctx, err)
		case len(messages) > 0:
			return messages, nil
		case !time.Now().Before(deadline):
			return nil, nil
		}
		if next.IsZero() || next.After(deadline) {
			next = deadline
		}
		if err := w.wait(ctx, rung, next); err != nil {
			return nil, e.receiveFailed(ctx, err)
		}
	}
}

// receiveFailed prefers the error of ctx, which callers compare.
func (e *Embedded) receiveFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return e.failed("receive messages", err)
}

// take receives what is visible now. When that is nothing, it tells when the
// next message becomes visible by itself; the zero time is never. Looking
// takes no lock. It minds no context, so that a message hidden is a message
// delivered.
func (e *Embedded) take(conn *sql.Conn, limit int) ([]job.Message, time.Time, error) {
	ctx := context.Background()
	var first sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT min(visible_at) FROM queue_messages WHERE queue = ?", e.name).Scan(&first); err != nil {
		return nil, time.Time{}, err
	}
	if !first.Valid {
		return nil, time.Time{}, nil
	}
	if next := time.Unix(0, first.Int64); next.After(time.Now()) {
		if stuck, err := e.unstick(conn); err != nil || !stuck {
			return nil, next, err
		}
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, time.Time{}, err
	}
	messages, err := e.hideVisible(tx, limit)
	if err := finish(tx, err); err != nil {
		return nil, time.Time{}, err
	}
	// Others may have been quicker: then look again, once whatever is next
	// becomes visible.
	return messages, time.Now(), nil
}

// ahead is how far in the future a message must have been received before the
// clock counts as set back.
const ahead = time.Minute

// unstick makes messages visible that wait for a time which they were given
// before the machine's clock was set back, by more than a quarter of an hour,
// and tells whether there were any: no delay is that long, or they were received
// in the future. Coming early does no harm; else a job would lie for as long as
// the clock was set back.
func (e *Embedded) unstick(conn *sql.Conn) (bool, error) {
	ctx, now := context.Background(), time.Now()
	// Few messages are hidden for so long, so that this is found by the index.
	const stuck = "queue = ? AND visible_at > ? AND (received = 0 OR received_at > ?)"
	found := []any{e.name, now.Add(MaxDelay + ahead).UnixNano(), now.Add(ahead).UnixNano()}
	var some bool
	if err := conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM queue_messages WHERE "+stuck+")", found...).Scan(&some); err != nil || !some {
		return false, err
	}
	_, err := conn.ExecContext(ctx, "UPDATE queue_messages SET visible_at = ?, received_at = min(received_at, ?) WHERE "+stuck,
		append([]any{now.UnixNano(), now.UnixNano()}, found...)...)
	return err == nil, err
}

// hideVisible does the receive inside a transaction.
func (e *Embedded) hideVisible(tx *sql.Tx, limit int) ([]job.Message, error) {
	now := time.Now() // After the lock was won, which can take a while.
	rows, err := tx.Query("SELECT seq FROM queue_messages WHERE queue = ? AND visible_at <= ? ORDER BY visible_at, seq LIMIT ?",
		e.name, now.UnixNano(), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []int64
	for rows.Next() {
		var row int64
		if err := rows.Scan(&row); err != nil {
			return nil, err
		}
		found = append(found, row)
	}
	if err := cmp.Or(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	messages := make([]job.Message, 0, len(found))
	for _, row := range found {
		m := job.Message{Receipt: newReceipt(row)}
		err := tx.QueryRow(`UPDATE queue_messages SET visible_at = ?, received = received + 1, received_at = ?, receipt = ?
			WHERE seq = ? RETURNING id, body, received`, now.Add(e.cfg.Visibility).UnixNano(), now.UnixNano(), m.Receipt, row).
			Scan(&m.ID, &m.Body, &m.Received)
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
	}
	return slices.Clip(messages), nil
}

// watch notices that something was written to the file, by way of a number
// that SQLite keeps for each connection and that reading costs microseconds.
type watch struct {
	version *sql.Stmt
	last    int64
	poll    *time.Ticker
}

// watch begins to watch the file through conn. The caller stops it.
func (e *Embedded) watch(conn *sql.Conn) (*watch, error) {
	version, err := conn.PrepareContext(context.Background(), "PRAGMA data_version")
	if err != nil {
		return nil, err
	}
	w := &watch{version: version, poll: time.NewTicker(e.cfg.Poll)}
	if _, err := w.changed(); err != nil {
		w.stop()
		return nil, err
	}
	return w, nil
}

func (w *watch) stop() {
	w.poll.Stop()
	w.version.Close()
}

// changed tells whether another connection, of any process, has written since
// the last call.
func (w *watch) changed() (bool, error) {
	previous := w.last
	if err := w.version.QueryRowContext(context.Background()).Scan(&w.last); err != nil {
		return false, err
	}
	return w.last != previous, nil
}

// wait returns when there may be something to receive: the bell was rung, the
// file was written, or it is the time until. It fails when ctx ends.
func (w *watch) wait(ctx context.Context, rung <-chan struct{}, until time.Time) error {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-rung:
			return nil
		case <-timer.C:
			return nil
		case <-w.poll.C:
			if changed, err := w.changed(); err != nil || changed {
				return err
			}
		}
	}
}

// bell wakes every receiver of this process.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

func newBell() bell { return bell{ch: make(chan struct{})} }

// rung returns a channel that the next ring closes.
func (b *bell) rung() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.ch)
	b.ch = make(chan struct{})
}
