package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/motionmill/motionmill/job"
)

// This file searches schedules: workers that crash, stop, freeze and meet
// refused calls and lost replies at drawn places, while events come twice,
// messages become visible early and jobs are cancelled and tried again. The
// invariant of the protocol is checked after every single call.

// fault is what happens at the n-th call of one kind that a worker makes.
type fault struct {
	worker, n int
	op, what  string
}

// deed is one step of the script, some seconds after the one before.
type deed struct {
	after    time.Duration
	what     string
	who, job int
	lasts    time.Duration
}

// verdict is what comes of one run of a job.
type verdict struct {
	what   string
	takes  time.Duration
	weight int
}

type plan struct {
	workers, jobs, capacity int
	versions                bool // Job 1 is an older version of job 0.
	faults                  []fault
	deeds                   []deed
	verdicts                [][]verdict // By job and run.
}

var scheduleOps = []string{
	"get", "put", "high", "send work", "send timer", "send dead", "delete work", "delete timer",
	"hide work", "hide timer", "receive work", "receive timer", "announce",
}

func drawSeconds(t *rapid.T, most int, label string) time.Duration {
	return time.Duration(rapid.IntRange(0, most).Draw(t, label)) * time.Second
}

// drawPlan draws a schedule; a gentle one has neither crashes nor freezes.
func drawPlan(t *rapid.T, gentle bool) plan {
	p := plan{
		workers: rapid.IntRange(1, 3).Draw(t, "workers"), jobs: rapid.IntRange(1, 3).Draw(t, "jobs"),
		capacity: rapid.IntRange(1, 4).Draw(t, "capacity"), versions: rapid.Bool().Draw(t, "versions"),
	}
	whats := []string{"refuse", "lose reply", "slow"}
	deeds := []string{"submit", "cancel", "retry", "early work", "early timers", "stop", "start"}
	if !gentle {
		whats = append(whats, "crash before", "crash after", "freeze before", "freeze after")
		deeds = append(deeds, "crash", "freeze", "outage")
	}
	for range rapid.IntRange(0, 10).Draw(t, "faults") {
		p.faults = append(p.faults, fault{
			worker: rapid.IntRange(0, p.workers-1).Draw(t, "worker"), n: rapid.IntRange(0, 8).Draw(t, "n"),
			op: rapid.SampledFrom(scheduleOps).Draw(t, "op"), what: rapid.SampledFrom(whats).Draw(t, "fault"),
		})
	}
	for range rapid.IntRange(0, 12).Draw(t, "deeds") {
		p.deeds = append(p.deeds, deed{
			after: drawSeconds(t, 90, "after"), what: rapid.SampledFrom(deeds).Draw(t, "deed"),
			who: rapid.IntRange(0, p.workers-1).Draw(t, "who"), job: rapid.IntRange(0, p.jobs-1).Draw(t, "job"),
			lasts: drawSeconds(t, 150, "lasts"),
		})
	}
	for range p.jobs {
		var runs []verdict
		for range rapid.IntRange(0, 4).Draw(t, "runs") {
			runs = append(runs, verdict{
				what:  rapid.SampledFrom([]string{"succeed", "fail", "be no video", "panic"}).Draw(t, "verdict"),
				takes: drawSeconds(t, 150, "takes"), weight: rapid.IntRange(0, 5).Draw(t, "weight"),
			})
		}
		p.verdicts = append(p.verdicts, runs)
	}
	return p
}

var errInjected = errors.New("an injected fault")

// world is a stage and what the checks remember of it.
type world struct {
	plan
	*stage
	gentle bool
	over   chan struct{} // Closed when the dead may end.

	mu       sync.Mutex // One call at a time changes the stage.
	faulty   bool
	problems []string
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

func newWorld(p plan, gentle bool) *world {
	w := &world{
		plan: p, gentle: gentle, over: make(chan struct{}), faulty: true,
		stage: &stage{work: newFakeQueue(), inProgress: newFakeQueue(), dead: newFakeQueue(), ledger: newFakeLedger(), runner: &fakeRunner{}},
		sent:  map[string]int{}, most: map[string]int{}, touched: map[string]bool{}, manifest: map[string]string{}, runs: map[string]int{},
		judged: map[string]int{}, busy: map[string]int{}, now: make([]*process, p.workers),
	}
	for range p.workers {
		w.calls = append(w.calls, map[string]int{})
	}
	return w
}

func (w *world) source(i int) job.Source {
	if i == 1 && w.versions {
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

// apply makes a change of the stage and checks what must hold after each.
func (w *world) apply(what string, change func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := change()
	for i := range w.jobs {
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

// submit sends the event of a job.
func (w *world) submit(i int) error {
	s := w.source(i)
	return w.apply("an event", func() error {
		w.sent[w.id(i)]++
		return w.work.Send(context.Background(), job.Outgoing{Body: job.Letter{Type: job.RequeueLetter, Source: &s, Profile: "trainer"}.Encode()})
	})
}

// cancel and retry do what the API does.
func (w *world) cancel(i int) error {
	return w.apply("a cancellation", func() error {
		rec := w.ledger.get(w.id(i))
		if rec.State == job.None || rec.State.Final() {
			return nil
		}
		when := job.Condition{Fence: rec.Fence, States: []job.State{rec.State}}
		rec.State, rec.Owner, rec.LeaseUntil, rec.DueAt, rec.Announced = job.Cancelled, "", time.Time{}, time.Time{}, false
		w.touched[rec.ID] = true
		return w.ledger.Put(context.Background(), rec, when)
	})
}

func (w *world) retry(i int) error {
	return w.apply("a retry", func() error {
		rec := w.ledger.get(w.id(i))
		if !rec.State.Revivable() {
			return nil
		}
		w.touched[rec.ID] = true
		w.sent[rec.ID]++
		return w.work.Send(context.Background(), job.Outgoing{Body: job.Letter{Type: job.RetryLetter, Job: rec.ID, Fence: rec.Fence}.Encode()})
	})
}

func early(q *fakeQueue) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.messages {
		m.visible = time.Now()
	}
	q.wake()
}

func (w *world) do(d deed) error {
	p := w.now[d.who]
	switch d.what {
	case "submit":
		return w.submit(d.job)
	case "cancel":
		return w.cancel(d.job)
	case "retry":
		return w.retry(d.job)
	case "early work":
		early(w.work)
	case "early timers":
		early(w.inProgress)
	case "stop":
		p.stop()
	case "start":
		if p.ended() {
			return w.launch(d.who, w.capacity)
		}
	case "crash":
		p.crash()
	case "freeze":
		p.freeze(d.lasts)
	case "outage":
		p.outage(d.lasts)
	}
	return nil
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

// play follows the plan, then lets one healthy worker finish what is left.
func (w *world) play() error {
	for i := range w.workers {
		if err := w.launch(i, w.capacity); err != nil {
			return err
		}
	}
	for i := range w.jobs {
		if err := w.submit(i); err != nil {
			return err
		}
	}
	for _, d := range w.deeds {
		after(d.after)
		if err := w.do(d); err != nil {
			return err
		}
	}
	after(3 * time.Minute)
	w.mu.Lock()
	w.faulty = false
	w.mu.Unlock()
	for _, p := range w.all {
		p.stop()
	}
	if err := w.launch(0, 4); err != nil {
		return err
	}
	after(90 * time.Minute)
	w.now[0].stop()
	after(time.Minute)
	close(w.over)
	for _, p := range w.all {
		<-p.done
	}
	return nil
}

// judge checks what must hold when all is quiet.
func (w *world) judge() {
	for i := range w.jobs {
		id := w.id(i)
		rec := w.ledger.get(id)
		if !rec.State.Final() || !rec.Announced {
			w.problem("in the end job %d is %s, fence %d, attempt %d, announced %v", i, rec.State, rec.Fence, rec.Attempt, rec.Announced)
		}
		if rec.State == job.Succeeded && rec.Manifest != fmt.Sprintf("outputs/%s/%d", id, rec.Fence) {
			w.problem("job %d of fence %d has the manifest %q", i, rec.Fence, rec.Manifest)
		}
		released := 0 // A run that ends in the instant of a stop is released with its verdict.
		for _, a := range rec.History {
			if a.Outcome == outcomeReleased {
				released++
			}
		}
		if charged := rec.Attempt; w.gentle && !w.touched[id] && rec.State != job.Superseded &&
			(charged > w.judged[id] || charged+released < w.judged[id]) {
			w.problem("job %d is charged %d attempts; %d runs came to a verdict (%+v)", i, rec.Attempt, w.judged[id], rec.History)
		}
		if bound := 10 + w.sent[id]; w.most[id] > bound {
			w.problem("job %d had %d messages at once, of which the script sent %d", i, w.most[id], w.sent[id])
		}
	}
	if n := len(w.work.letters()) + len(w.inProgress.letters()); n != 0 {
		w.problem("%d messages are left: %+v %+v", n, w.work.letters(), w.inProgress.letters())
	}
	for _, p := range w.all {
		if used, peak := p.worker.Units().Used(); used != 0 || peak > p.worker.Capacity {
			w.problem("worker %s holds %d units, %d at most", p.worker.Name, used, peak)
		}
	}
	w.problems = append(w.problems, w.ledger.illegal...)
}

func TestSchedules(t *testing.T) {
	for name, gentle := range map[string]bool{"with crashes": false, "without crashes": true} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				p := drawPlan(t, gentle)
				rapid.SyncTest(t, func(t *rapid.T) {
					w := newWorld(p, gentle)
					if err := w.play(); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					w.judge()
					for _, problem := range slices.Compact(w.problems) {
						t.Error(problem)
					}
				})
			})
		})
	}
}
