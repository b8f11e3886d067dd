package queue

import (
	"context"
	"database/sql"

	"github.com/motionmill/motionmill/job"
)

// Look shows each message of the queue, whether visible or not, the oldest
// first, until show returns false. It receives none of them: nothing changes,
// and the messages shown have no receipt.
func (e *Embedded) Look(ctx context.Context, show func(job.Message) bool) error {
	rows, err := e.db.QueryContext(ctx, "SELECT id, body, received FROM queue_messages WHERE queue = ? ORDER BY seq", e.name)
	if err != nil {
		return e.failed("look at messages", err)
	}
	defer rows.Close()
	for rows.Next() {
		var m job.Message
		if err := rows.Scan(&m.ID, &m.Body, &m.Received); err != nil {
			return e.failed("look at messages", err)
		}
		if !show(m) {
			return nil
		}
	}
	if err := rows.Err(); err != nil {
		return e.failed("look at messages", err)
	}
	return nil
}

// Remove deletes messages by id, whether visible or not, and returns how many
// of them were there.
func (e *Embedded) Remove(ctx context.Context, ids ...string) (int, error) {
	removed := 0
	err := e.write(ctx, func(tx *sql.Tx) error {
		for _, id := range ids {
			result, err := tx.Exec("DELETE FROM queue_messages WHERE queue = ? AND id = ?", e.name, id)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			removed += int(n)
		}
		return nil
	})
	if err != nil {
		return 0, e.failed("remove messages", err)
	}
	return removed, nil
}
