package ledger

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"

	"github.com/motionmill/motionmill/job"
)

// groupLimit is the most writes that share a transaction: it bounds how long
// other processes wait for the file, and for how long one bad write can hold
// up the others.
const groupLimit = 64

// group lets writes that wait at the same time share one transaction, since
// what a commit costs is the disk's sync and not what is in it. Nobody waits
// for company: a write that comes alone is carried out at once, and those that
// come meanwhile are the next group. So the writes of one process also keep their order, and do
// not starve each other at the lock of the file, which knows no order.
type group struct {
	db *sql.DB

	mu      sync.Mutex
	waiting []*write
	busy    bool // Somebody carries writes out, and will look at those waiting.
}

// write is one caller's part of a transaction.
type write struct {
	ctx context.Context
	// do may be called several times, and counts only the last time.
	do   func(*sql.Tx) error
	done chan error
}

// write runs do in a transaction, which holds the file's write lock from its
// beginning; other writes may share it, before and after do. It returns once
// the transaction is on the disk. Its outcome is certain: an error means that
// nothing of do was written. do may be called again when another write of its
// transaction fails.
func (g *group) write(ctx context.Context, do func(*sql.Tx) error) error {
	w := &write{ctx: ctx, do: do, done: make(chan error, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, w)
	if !g.busy {
		g.busy = true
		go g.lead()
	}
	g.mu.Unlock()
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		if g.withdraw(w) {
			return ctx.Err()
		}
		return <-w.done // It is being carried out, which ctx ends as well.
	}
}

// withdraw takes a write back that nobody has begun with.
func (g *group) withdraw(w *write) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, w)
	if i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
	return i >= 0
}

// lead carries out what waits, until nothing does.
func (g *group) lead() {
	for {
		g.mu.Lock()
		members := slices.Clone(g.waiting[:min(len(g.waiting), groupLimit)])
		g.waiting = slices.Delete(g.waiting, 0, len(members))
		g.busy = len(members) > 0
		g.mu.Unlock()
		if len(members) == 0 {
			return
		}
		g.carryOut(members)
	}
}

// carryOut answers every member. One that cannot be carried out leaves, and the
// others begin anew without it.
func (g *group) carryOut(members []*write) {
	for {
		members = slices.DeleteFunc(members, func(w *write) bool {
			err := w.ctx.Err()
			if err != nil {
				w.done <- err
			}
			return err != nil
		})
		if len(members) == 0 {
			return
		}
		failed, err := g.together(members)
		switch {
		case err != nil && slices.ContainsFunc(members, func(w *write) bool { return w.ctx.Err() != nil }):
			// The end of that one's context ended the transaction.
		case failed != nil:
			failed.done <- err
			members = slices.DeleteFunc(members, func(w *write) bool { return w == failed })
		default:
			for _, w := range members {
				w.done <- err
			}
			return
		}
	}
}

// together carries all members out in one transaction, or none. When it is
// one member that failed it returns that. The end of any member's context ends
// the transaction.
func (g *group) together(members []*write) (failed *write, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, w := range members {
		defer context.AfterFunc(w.ctx, cancel)()
	}
	tx, err := g.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, w := range members {
		if err := job.Guarded("write to the ledger", func() error { return w.do(tx) }); err != nil {
			if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
				err = errors.Join(err, rollback)
			}
			return w, err
		}
	}
	return nil, tx.Commit()
}
