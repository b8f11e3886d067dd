package ledger

import (
	"context"
	"database/sql"
	"errors"

	"github.com/motionmill/motionmill/job"
)

// RaiseHighWater tells the ledger of one version of a key, and of its job. It
// remembers the one with the newest sequencer, in whatever order they come; a
// version without a sequencer counts as older than all. It returns what is in
// force afterwards.
func (l *Embedded) RaiseHighWater(ctx context.Context, source job.Source, jobID string) (job.HighWater, error) {
	inForce, found, err := highWater(ctx, l.db, source.Bucket, source.Key)
	if err != nil {
		return job.HighWater{}, failed("read high water of", source.URI(), err)
	}
	// It only ever rises, so that what does not raise it now never will.
	if found && job.CompareSequencers(source.Sequencer, inForce.Sequencer) <= 0 {
		return inForce, nil
	}
	err = l.writes.write(ctx, func(tx *sql.Tx) error {
		var err error
		inForce, found, err = highWater(ctx, tx, source.Bucket, source.Key)
		if err != nil || found && job.CompareSequencers(source.Sequencer, inForce.Sequencer) <= 0 {
			return err
		}
		inForce = job.HighWater{Sequencer: source.Sequencer, Job: jobID}
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO ledger_high_water (bucket, key, sequencer, job) VALUES (?, ?, ?, ?)",
			source.Bucket, source.Key, inForce.Sequencer, inForce.Job)
		return err
	})
	if err != nil {
		return job.HighWater{}, failed("raise high water of", source.URI(), err)
	}
	return inForce, nil
}

// HighWater returns the newest version of a key that the ledger was told of;
// the zero HighWater when it knows none.
func (l *Embedded) HighWater(ctx context.Context, bucket, key string) (job.HighWater, error) {
	inForce, _, err := highWater(ctx, l.db, bucket, key)
	if err != nil {
		return job.HighWater{}, failed("read high water of", job.Source{Bucket: bucket, Key: key}.URI(), err)
	}
	return inForce, nil
}

func highWater(ctx context.Context, from querier, bucket, key string) (job.HighWater, bool, error) {
	var h job.HighWater
	err := from.QueryRowContext(ctx, "SELECT sequencer, job FROM ledger_high_water WHERE bucket = ? AND key = ?", bucket, key).
		Scan(&h.Sequencer, &h.Job)
	if errors.Is(err, sql.ErrNoRows) {
		return job.HighWater{}, false, nil
	}
	return h, err == nil, err
}
