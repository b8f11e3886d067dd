package worker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

// reports gathers what a worker tells of.
type reports struct {
	mu  sync.Mutex
	all []job.Report
}

func (r *reports) take(one job.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, one)
}

func (r *reports) panics() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := 0
	for _, one := range r.all {
		if one.Panic {
			count++
		}
	}
	return count
}

// trap panics at the nth of the calls that it names. It counts call by call:
// jobs that are under way at once take turns as they like, so that the nth of
// all calls is now this one, now that.
type trap struct {
	what string
	n    int

	mu    sync.Mutex
	calls map[string]int
}

func (p *trap) sprung() bool { return p.n > 0 && p.calls[p.what] >= p.n }

func (p *trap) call(what string) {
	p.mu.Lock()
	p.calls[what]++
	spring := what == p.what && p.calls[what] == p.n
	p.mu.Unlock()
	if spring {
		panic("planted in " + what)
	}
}

type trappedQueue struct {
	Queue
	*trap
	name string
}

func (q trappedQueue) Send(ctx context.Context, messages ...job.Outgoing) error {
	q.call(q.name + ".Send")
	return q.Queue.Send(ctx, messages...)
}

func (q trappedQueue) Delete(ctx context.Context, receipts ...string) error {
	q.call(q.name + ".Delete")
	return q.Queue.Delete(ctx, receipts...)
}

func (q trappedQueue) Receive(ctx context.Context, limit int, wait time.Duration) ([]job.Message, error) {
	got, err := q.Queue.Receive(ctx, limit, wait)
	if len(got) > 0 { // Before and after all but a poll in vain it is the same.
		q.call(q.name + ".Receive")
	}
	return got, err
}

func (q trappedQueue) Hide(ctx context.Context, receipt string, d time.Duration) error {
	q.call(q.name + ".Hide")
	return q.Queue.Hide(ctx, receipt, d)
}

type trappedLedger struct {
	Ledger
	*trap
}

func (l trappedLedger) Get(ctx context.Context, id string) (job.Record, error) {
	l.call("Ledger.Get")
	return l.Ledger.Get(ctx, id)
}

func (l trappedLedger) Put(ctx context.Context, next job.Record, when job.Condition) error {
	l.call("Ledger.Put")
	err := l.Ledger.Put(ctx, next, when)
	l.call("Ledger.Put, done")
	return err
}

func (l trappedLedger) RaiseHighWater(ctx context.Context, s job.Source, id string) (job.HighWater, error) {
	l.call("Ledger.RaiseHighWater")
	return l.Ledger.RaiseHighWater(ctx, s, id)
}

type trappedRunner struct {
	Runner
	*trap
}

func (r trappedRunner) Run(ctx context.Context, rec job.Record, hooks job.Hooks) (string, error) {
	r.call("Runner.Run")
	return r.Runner.Run(ctx, rec, hooks)
}

func (r trappedRunner) Announce(ctx context.Context, rec job.Record) error {
	r.call("Runner.Announce")
	return r.Runner.Announce(ctx, rec)
}

type trappedReader struct {
	Reader
	*trap
}

func (r trappedReader) Read(body []byte) (job.Notice, error) {
	r.call("Reader.Read")
	return r.Reader.Read(body)
}

// A panic at any call of any part ends one try of what was under way: no
// process, no unit, no job. Each is reported once.
func TestAPanicAnywhereEndsNoWorkerAndLosesNothing(t *testing.T) {
	try := func(what string, n int) *trap {
		p := &trap{what: what, n: n, calls: map[string]int{}}
		bubble(t, func(t *testing.T, s *stage) { workWithTrap(t, s, p) })
		return p
	}
	calls := try("", 0).calls
	for _, what := range []string{
		"work.Receive", "work.Delete", "in progress.Send", "in progress.Receive", "in progress.Hide", "in progress.Delete", "Ledger.Get", "Ledger.Put", "Ledger.Put, done",
		"Ledger.RaiseHighWater", "Runner.Run", "Runner.Announce", "Reader.Read",
	} {
		if calls[what] == 0 {
			t.Errorf("no panic was tried in %s", what)
		}
	}
	for what := range calls {
		for n := 1; try(what, n).sprung(); n++ {
		}
	}
}

// workWithTrap has a worker do three jobs while one call panics.
func workWithTrap(t *testing.T, s *stage, p *trap) {
	t.Helper()
	told := &reports{}
	s.runner.do = func(ctx context.Context, rec job.Record, _ job.Hooks) (string, error) {
		return "m-" + rec.ID, job.Pause(ctx, 3*time.Minute)
	}
	w := s.worker(func(c *Config) {
		c.Work, c.InProgress, c.DeadLetter = trappedQueue{s.work, p, "work"}, trappedQueue{s.inProgress, p, "in progress"}, trappedQueue{s.dead, p, "dead"}
		c.Ledger, c.Runner, c.Reader = trappedLedger{s.ledger, p}, trappedRunner{s.runner, p}, trappedReader{fakeReader{}, p}
		c.Report = told.take
	})
	keys := []string{"a", "b", "c"}
	for _, key := range keys {
		send(t, s.work, event(key))
	}
	stop := s.start(w)
	after(time.Hour)
	stop()
	done := 0
	for _, key := range keys {
		if rec := s.ledger.get(idOf(key)); rec.State == job.Succeeded && rec.Announced {
			done++
		}
	}
	want := len(keys)
	if p.sprung() && p.what == "Reader.Read" { // What cannot be read is set aside, for people.
		want--
		if l := s.dead.letters(); len(l) != 1 || l[0].Type != job.UnreadableLetter || !strings.Contains(l[0].Reason, "planted") {
			t.Errorf("%s, call %d: set aside are %+v", p.what, p.n, l)
		}
	}
	if done != want {
		t.Errorf("%s, call %d: %d of %d jobs are done", p.what, p.n, done, want)
	}
	if used, _ := w.Units().Used(); used != 0 {
		t.Errorf("%s, call %d: %d units are held by nobody", p.what, p.n, used)
	}
	if count := told.panics(); p.sprung() && count != 1 {
		t.Errorf("%s, call %d: %d panics were reported", p.what, p.n, count)
	}
}

func TestEveryFailureIsReported(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		told := &reports{}
		s.runner.do = func(_ context.Context, rec job.Record, hooks job.Hooks) (string, error) {
			hooks.Trace("req-"+rec.Source.Key, "")
			switch {
			case rec.Source.Key == "cat":
				e := job.Fail(job.NotAVideo, "probe", "cat", "it is a picture", "", nil)
				e.Stderr = []string{"moov atom not found"}
				return "", e
			case rec.Source.Key == "flaky" && rec.Attempt < 3:
				return "", errors.New("surprise")
			case rec.Source.Key == "bad":
				panic("planted")
			}
			return "m", nil
		}
		for _, key := range []string{"fine", "cat", "flaky", "bad"} {
			send(t, s.work, event(key))
		}
		stop := s.start(s.worker(func(c *Config) { c.Report = told.take; c.Capacity = 4 }))
		after(time.Hour)
		stop()
		got := map[string][]job.Report{}
		for _, r := range told.all {
			got[r.Key] = append(got[r.Key], r)
		}
		if len(got["fine"]) != 0 || len(got["cat"]) != 1 || len(got["flaky"]) != 2 || len(got["bad"]) != 3 {
			t.Fatalf("reported are %+v", told.all)
		}
		cat := got["cat"][0]
		if !cat.Final || cat.Kind != job.NotAVideo || cat.Worker != "w1" || cat.Job != idOf("cat") || cat.Attempt != 1 || cat.Request != "req-cat" || cat.Panic ||
			!slices.Equal(cat.Stderr, []string{"moov atom not found"}) {
			t.Errorf("the picture is reported as %+v", cat)
		}
		for i, r := range got["bad"] {
			if !r.Panic || r.Kind != job.Internal || !strings.Contains(r.Stack, "report_test.go") || r.Final != (i == 2) {
				t.Errorf("panic %d is reported as %+v", i, r)
			}
		}
		if rec := s.ledger.get(idOf("bad")); rec.History[0].Error.Stack == "" {
			t.Error("the history has no stack")
		}
	})
}

func TestTheJobKnowsItsRequests(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = func(_ context.Context, rec job.Record, hooks job.Hooks) (string, error) {
			if rec.Fence == 1 {
				hooks.Trace("upload-1", "")
				return "", job.Fail(job.Corrupt, "decode", "a", "it breaks off", "", nil)
			}
			if rec.Request != "upload-1" { // Whatever this attempt reads is no news.
				return "", errors.New("the job does not know what brought it")
			}
			return "m", nil
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(nil))
		defer stop()
		after(10 * time.Second)
		if rec := s.ledger.get(idOf("a")); rec.Request != "upload-1" || rec.Asked != "" {
			t.Errorf("the dead job is %+v", rec)
		}
		send(t, s.work, job.Outgoing{Body: job.Letter{Type: job.RetryLetter, Job: idOf("a"), Fence: 1, Request: "retry-2"}.Encode()})
		after(10 * time.Second)
		if rec := s.ledger.get(idOf("a")); rec.State != job.Succeeded || rec.Request != "upload-1" || rec.Asked != "retry-2" {
			t.Errorf("the retried job is %+v", rec)
		}
	})
}

// What announcing leaves for webhooks is left before the mark, or there is none.
func TestWhatCannotBeLeftIsNotMarkedAnnounced(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		var room atomic.Bool
		var left atomic.Int64
		runner := &announcing{Runner: s.runner, do: func() error {
			if !room.Load() {
				return errors.New("the bucket cannot be reached")
			}
			left.Add(1)
			return nil
		}}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(func(c *Config) { c.Runner = runner }))
		defer stop()
		after(10 * time.Minute)
		if rec := s.ledger.get(idOf("a")); rec.State != job.Succeeded || rec.Announced || left.Load() != 0 {
			t.Fatalf("it is %s, announced %v", rec.State, rec.Announced)
		}
		room.Store(true)
		after(10 * time.Minute)
		if rec := s.ledger.get(idOf("a")); !rec.Announced || left.Load() != 1 {
			t.Errorf("announced is %v, left %d times", rec.Announced, left.Load())
		}
	})
}

type announcing struct {
	Runner
	do func() error
}

func (a *announcing) Announce(ctx context.Context, rec job.Record) error {
	if err := a.Runner.Announce(ctx, rec); err != nil {
		return err
	}
	return a.do()
}
