package worker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/motionmill/motionmill/job"
)

// process is one life of a worker: its way to the stage, which can be cut.
type process struct {
	*world
	who    int
	worker *Worker
	stop   context.CancelFunc
	died   chan struct{} // Closed by a crash.
	done   chan struct{} // Closed when Run has returned.

	gate     sync.Mutex
	dead     bool
	frozen   time.Time
	outUntil time.Time
}

func (p *process) crash() {
	p.gate.Lock()
	defer p.gate.Unlock()
	if !p.dead {
		p.dead = true
		close(p.died)
	}
}

func (p *process) freeze(d time.Duration) {
	p.gate.Lock()
	defer p.gate.Unlock()
	p.frozen = time.Now().Add(d)
}

func (p *process) outage(d time.Duration) {
	p.gate.Lock()
	defer p.gate.Unlock()
	p.outUntil = time.Now().Add(d)
}

// ended tells whether another process may take this one's place.
func (p *process) ended() bool {
	select {
	case <-p.died:
		return true
	case <-p.done:
		return true
	default:
		return false
	}
}

// pass waits while the process is frozen, and for ever when it is dead.
func (p *process) pass(ctx context.Context) error {
	for {
		p.gate.Lock()
		dead, rest := p.dead, time.Until(p.frozen)
		p.gate.Unlock()
		switch {
		case dead:
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-p.over:
				return errInjected
			}
		case rest > 0:
			select { // A frozen process does not see its contexts end.
			case <-time.After(rest):
			case <-p.died:
			}
		default:
			return nil
		}
	}
}

// call makes one call with the fault that the plan has for it.
func (p *process) call(ctx context.Context, op string, do func() error) error {
	p.mu.Lock()
	n := p.calls[p.who][op]
	p.calls[p.who][op]++
	what := ""
	if i := slices.IndexFunc(p.Faults, func(f fault) bool { return f.Worker == p.who && f.N == n && f.Op == op }); i >= 0 && p.faulty {
		what = p.Faults[i].What
	}
	faulty := p.faulty
	if what != "" {
		p.note("%s %s: %s", p.worker.Name, op, what)
	}
	p.mu.Unlock()
	p.gate.Lock()
	out := faulty && op == "put" && time.Now().Before(p.outUntil)
	p.gate.Unlock()
	switch what {
	case "crash before":
		p.crash()
	case "freeze before":
		p.freeze(100 * time.Second)
	case "slow":
		_ = job.Pause(ctx, 5*time.Second) // The call is made although nobody may wait for it any more.
	}
	if err := p.pass(ctx); err != nil {
		return err
	}
	if what == "refuse" || out {
		return errInjected
	}
	if what != "slow" && ctx.Err() != nil {
		return ctx.Err()
	}
	err := do()
	switch what {
	case "crash after":
		p.crash()
	case "freeze after":
		p.freeze(100 * time.Second)
	case "lose reply":
		err = errInjected
	}
	if what == "slow" && ctx.Err() != nil {
		err = ctx.Err()
	}
	if passed := p.pass(ctx); passed != nil {
		return passed
	}
	return err
}

type processQueue struct {
	p    *process
	q    *fakeQueue
	name string
}

func (q processQueue) Send(ctx context.Context, messages ...job.Outgoing) error {
	return q.p.call(ctx, "send "+q.name, func() error {
		return q.p.apply(q.p.worker.Name+" send "+q.name, func() error { return q.q.Send(ctx, messages...) })
	})
}

func (q processQueue) Receive(ctx context.Context, limit int, wait time.Duration) (got []job.Message, err error) {
	err = q.p.call(ctx, "receive "+q.name, func() error {
		got, err = q.q.Receive(ctx, limit, wait)
		return err
	})
	if err != nil {
		return nil, err
	}
	return got, nil
}

func (q processQueue) Delete(ctx context.Context, receipts ...string) error {
	return q.p.call(ctx, "delete "+q.name, func() error {
		return q.p.apply(q.p.worker.Name+" delete "+q.name, func() error { return q.q.Delete(ctx, receipts...) })
	})
}

func (q processQueue) Hide(ctx context.Context, receipt string, d time.Duration) error {
	return q.p.call(ctx, "hide "+q.name, func() error { return q.q.Hide(ctx, receipt, d) })
}

type processLedger struct{ p *process }

func (l processLedger) Get(ctx context.Context, id string) (rec job.Record, err error) {
	err = l.p.call(ctx, "get", func() error {
		rec, err = l.p.ledger.Get(ctx, id)
		return err
	})
	return rec, err
}

func (l processLedger) Put(ctx context.Context, next job.Record, when job.Condition) error {
	return l.p.call(ctx, "put", func() error {
		return l.p.apply(fmt.Sprintf("%s put %s, %s, fence %d", l.p.worker.Name, next.Source.Key, next.State, next.Fence), func() error { return l.p.ledger.Put(ctx, next, when) })
	})
}

func (l processLedger) RaiseHighWater(ctx context.Context, s job.Source, id string) (mark job.HighWater, err error) {
	err = l.p.call(ctx, "high", func() error {
		mark, err = l.p.ledger.RaiseHighWater(ctx, s, id)
		return err
	})
	return mark, err
}

type processRunner struct{ p *process }

func (r processRunner) Announce(ctx context.Context, rec job.Record) error {
	return r.p.call(ctx, "announce", func() error { return r.p.runner.Announce(ctx, rec) })
}

// Run comes to the verdict that the plan has for this run of the job, unless
// it is stopped before.
func (r processRunner) Run(ctx context.Context, rec job.Record, hooks job.Hooks) (string, error) {
	v := r.p.begin(rec)
	defer r.p.end(rec)
	if v.Weight > 0 {
		if err := hooks.Weigh(v.Weight); err != nil {
			return "", fmt.Errorf("weigh: %w", err)
		}
	}
	hooks.Report(job.Progress{Step: "run"})
	if err := job.Pause(ctx, v.Takes); err != nil {
		return "", err
	}
	r.p.mu.Lock()
	r.p.judged[rec.ID]++
	r.p.mu.Unlock()
	switch v.What {
	case "fail":
		return "", job.Fail(job.Storage, "run", rec.ID, "it failed", "", nil)
	case "be no video":
		return "", job.Fail(job.NotAVideo, "run", rec.ID, "it is a text", "", nil)
	case "panic":
		panic("of the runner")
	default:
		return fmt.Sprintf("outputs/%s/%d", rec.ID, rec.Fence), nil
	}
}

func (w *world) begin(rec job.Record) verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy[rec.ID]++
	if w.Gentle && !w.touched[rec.ID] && w.busy[rec.ID] > 1 {
		w.problem("%d attempts at job %s run at once", w.busy[rec.ID], rec.Source.Key)
	}
	n := w.runs[rec.ID]
	w.runs[rec.ID]++
	for i := range w.Jobs {
		if w.id(i) == rec.ID && n < len(w.Verdicts[i]) {
			return w.Verdicts[i][n]
		}
	}
	return verdict{What: "succeed"}
}

func (w *world) end(rec job.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy[rec.ID]--
}
