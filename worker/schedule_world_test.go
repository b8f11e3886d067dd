package worker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/motionmill/motionmill/job"
)

// world is a stage and what the checks remember of it.
type world struct {
	plan
	*stage
	over chan struct{} // Closed when the dead may end.

	mu       sync.Mutex // One call at a time changes the stage.
	faulty   bool
	problems []string
	trace    []string // The calls, for whoever reads a failure.
	born     time.Time
	sent     map[string]int // Messages that the script itself sent, by job.
	most     map[string]int // The most messages at once, by job.
	touched  map[string]bool
	manifest map[string]string
	runs     map[string]int
	judged   map[string]int // Runs that came to a verdict.
	busy     map[string]int
	calls    []map[string]int // By worker and op.
	now      []*process       // By worker.
	all      []*process
}

func newWorld(p plan) *world {
	w := &world{
		plan: p, over: make(chan struct{}), faulty: true, born: time.Now(),
		stage: &stage{work: newFakeQueue(), inProgress: newFakeQueue(), dead: newFakeQueue(), ledger: newFakeLedger(), runner: &fakeRunner{}},
		sent:  map[string]int{}, most: map[string]int{}, touched: map[string]bool{}, manifest: map[string]string{}, runs: map[string]int{},
		judged: map[string]int{}, busy: map[string]int{}, now: make([]*process, p.Workers),
	}
	for range p.Workers {
		w.calls = append(w.calls, map[string]int{})
	}
	w.ledger.coarse = p.Coarse
	if p.Order > 0 {
		w.work.order, w.inProgress.order = rand.New(rand.NewPCG(p.Order, 1)), rand.New(rand.NewPCG(p.Order, 2))
	}
	return w
}

func (w *world) source(i int) job.Source {
	if i == 1 && w.Versions {
		older := source("j0")
		older.Sequencer, older.ETag = "0F", "older"
		return older
	}
	return source(fmt.Sprint("j", i))
}

func (w *world) id(i int) string { return job.ID(w.source(i), "trainer") }

func (w *world) problem(format string, args ...any) {
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

// note adds a line to the trace; w.mu is held.
func (w *world) note(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%7.1fs ", time.Since(w.born).Seconds())+fmt.Sprintf(format, args...))
}

// apply makes a change of the stage and checks what must hold after each.
func (w *world) apply(what string, change func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := change()
	w.note("%s: %v", what, err)
	for i := range w.Jobs {
		id := w.id(i)
		rec := w.ledger.get(id)
		if w.sent[id] > 0 && !(rec.State.Final() && rec.Announced) && !w.covered(id, rec.Fence) {
			w.problem("after %s job %d (%s, fence %d) has neither a timer nor a work message", what, i, rec.State, rec.Fence)
		}
		if rec.Attempt > 3 || rec.Attempt < 0 {
			w.problem("job %d is charged %d attempts", i, rec.Attempt)
		}
		if old := w.manifest[id]; old != "" && old != rec.Manifest {
			w.problem("the manifest of job %d went from %s to %q", i, old, rec.Manifest)
		}
		w.manifest[id] = rec.Manifest
		w.most[id] = max(w.most[id], w.messages(id))
	}
	return err
}

func (w *world) messages(id string) int {
	n := 0
	for _, l := range append(w.work.letters(), w.inProgress.letters()...) {
		if l.Job == id || l.Source != nil && job.ID(*l.Source, l.Profile) == id {
			n++
		}
	}
	return n
}

// launch starts a new process of a worker.
func (w *world) launch(who, capacity int) error {
	p := &process{world: w, who: who, died: make(chan struct{}), done: make(chan struct{})}
	cfg := w.config(fmt.Sprintf("w%d.%d", who, len(w.all)))
	cfg.Capacity = capacity
	cfg.Work, cfg.InProgress, cfg.DeadLetter = processQueue{p, w.work, "work"}, processQueue{p, w.inProgress, "timer"}, processQueue{p, w.dead, "dead"}
	cfg.Ledger, cfg.Runner = processLedger{p}, processRunner{p}
	var err error
	if p.worker, err = New(cfg); err != nil {
		return err
	}
	if who < len(w.Skews) { // A clock that is off tells until the ledger has told better.
		p.worker.clock = ledgerClock{remote: time.Now().Add(w.Skews[who]), local: time.Now()}
	}
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	go func() {
		defer close(p.done)
		_ = p.worker.Run(ctx) // It only fails for schedules, which New has read.
	}()
	w.now[who] = p
	w.all = append(w.all, p)
	return nil
}
