package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
)

// fakeQueue is a queue in memory with the meaning of SQS, on the bubble's clock.
type fakeQueue struct {
	mu         sync.Mutex
	visibility time.Duration
	messages   []*fakeMessage
	next       int
	changed    chan struct{}
	failSend   error
	order      *rand.Rand // Hands out what is visible in a random order; nil is the order of arrival.
}

type fakeMessage struct {
	id, receipt string
	body        []byte
	visible     time.Time
	received    int
}

func newFakeQueue() *fakeQueue {
	return &fakeQueue{visibility: time.Minute, changed: make(chan struct{})}
}

func (q *fakeQueue) wake() { close(q.changed); q.changed = make(chan struct{}) }

func (q *fakeQueue) Send(_ context.Context, messages ...job.Outgoing) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failSend != nil {
		return q.failSend
	}
	for _, m := range messages {
		if m.Delay > 15*time.Minute {
			return errors.New("delay above 15 minutes")
		}
		q.next++
		q.messages = append(q.messages, &fakeMessage{id: strconv.Itoa(q.next), body: m.Body, visible: time.Now().Add(m.Delay)})
	}
	q.wake()
	return nil
}

func (q *fakeQueue) Receive(ctx context.Context, limit int, wait time.Duration) ([]job.Message, error) {
	deadline := time.Now().Add(wait)
	for {
		q.mu.Lock()
		var got []job.Message
		soonest := deadline
		for _, m := range q.inOrder() {
			if m.visible.After(time.Now()) {
				if m.visible.Before(soonest) {
					soonest = m.visible
				}
				continue
			}
			if len(got) < limit {
				m.received++
				m.visible = time.Now().Add(q.visibility)
				m.receipt = m.id + "#" + strconv.Itoa(m.received)
				got = append(got, job.Message{ID: m.id, Body: m.body, Receipt: m.receipt, Received: m.received})
			}
		}
		changed := q.changed
		q.mu.Unlock()
		if len(got) > 0 || !time.Now().Before(deadline) {
			return got, nil
		}
		timer := time.NewTimer(time.Until(soonest))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-changed:
			timer.Stop()
		case <-timer.C:
		}
	}
}

func (q *fakeQueue) inOrder() []*fakeMessage {
	if q.order == nil {
		return q.messages
	}
	messages := slices.Clone(q.messages)
	q.order.Shuffle(len(messages), func(i, j int) { messages[i], messages[j] = messages[j], messages[i] })
	return messages
}

func (q *fakeQueue) Delete(_ context.Context, receipts ...string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages = slices.DeleteFunc(q.messages, func(m *fakeMessage) bool { return slices.Contains(receipts, m.receipt) })
	return nil
}

func (q *fakeQueue) Hide(_ context.Context, receipt string, d time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if d > 12*time.Hour {
		return errors.New("hidden for more than 12 hours")
	}
	for _, m := range q.messages {
		if m.receipt == receipt {
			m.visible = time.Now().Add(d)
			q.wake()
			return nil
		}
	}
	return errors.New("no such receipt")
}

// letters returns what lies in the queue, hidden or not.
func (q *fakeQueue) letters() []job.Letter {
	q.mu.Lock()
	defer q.mu.Unlock()
	var all []job.Letter
	for _, m := range q.messages {
		var l job.Letter
		_ = json.Unmarshal(m.body, &l) // A body of another shape gives a letter without a type.
		all = append(all, l)
	}
	return all
}

// fakeLedger is a ledger in memory. Faults are injected before or after a write.
type fakeLedger struct {
	mu      sync.Mutex
	records map[string]job.Record
	marks   map[string]job.HighWater
	// before is called ahead of each write; an error refuses it.
	before func(next job.Record) error
	// after is called behind each write; an error is a lost reply.
	after  func(next job.Record) error
	writes int
	skew   time.Duration
	coarse bool // It tells the time in whole seconds.
	// owed collects what a write did that no write may do.
	illegal []string
}

func newFakeLedger() *fakeLedger {
	return &fakeLedger{records: map[string]job.Record{}, marks: map[string]job.HighWater{}}
}

func (l *fakeLedger) Get(_ context.Context, id string) (job.Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rec := l.records[id]
	rec.ReadAt = time.Now().Add(l.skew)
	if l.coarse {
		rec.ReadAt = rec.ReadAt.Truncate(time.Second)
	}
	return rec, nil
}

func (l *fakeLedger) Put(_ context.Context, next job.Record, when job.Condition) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.before != nil {
		if err := l.before(next); err != nil {
			return err
		}
	}
	stored := l.records[next.ID]
	if !when.Met(stored) {
		return job.Conflict(next.ID, when)
	}
	if stored.State != next.State && !job.CanMove(stored.State, next.State) || next.Fence < stored.Fence {
		l.illegal = append(l.illegal, fmt.Sprintf("%s/%d to %s/%d", stored.State, stored.Fence, next.State, next.Fence))
	}
	l.records[next.ID] = next
	l.writes++
	if l.after != nil {
		return l.after(next)
	}
	return nil
}

func (l *fakeLedger) RaiseHighWater(_ context.Context, s job.Source, id string) (job.HighWater, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := s.Bucket + "/" + s.Key
	if mark, ok := l.marks[key]; !ok || job.CompareSequencers(mark.Sequencer, s.Sequencer) < 0 {
		l.marks[key] = job.HighWater{Sequencer: s.Sequencer, Job: id}
	}
	return l.marks[key], nil
}

func (l *fakeLedger) get(id string) job.Record {
	rec, _ := l.Get(context.Background(), id)
	return rec
}

// fakeRunner runs a function for each job and remembers the announcements.
type fakeRunner struct {
	mu        sync.Mutex
	do        func(ctx context.Context, rec job.Record, hooks job.Hooks) (string, error)
	runs      []string
	announced map[string]int
}

func (r *fakeRunner) Run(ctx context.Context, rec job.Record, hooks job.Hooks) (string, error) {
	r.mu.Lock()
	r.runs = append(r.runs, fmt.Sprintf("%s/%d", rec.Source.Key, rec.Fence))
	do := r.do
	r.mu.Unlock()
	if do != nil {
		return do(ctx, rec, hooks)
	}
	return fmt.Sprintf("outputs/%s/%d/manifest.json", rec.ID, rec.Fence), nil
}

func (r *fakeRunner) Announce(_ context.Context, rec job.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.announced == nil {
		r.announced = map[string]int{}
	}
	r.announced[rec.ID+"/"+string(rec.State)]++
	return nil
}

func (r *fakeRunner) ran() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.runs)
}

// fakeReader reads letters, and the word "event" as the source of that name.
type fakeReader struct{}

func (fakeReader) Read(body []byte) (job.Notice, error) {
	var l job.Letter
	if err := json.Unmarshal(body, &l); err != nil {
		return job.Notice{}, fmt.Errorf("read message: %w", err)
	}
	switch l.Type {
	case job.RetryLetter:
		return job.Notice{Retry: &l}, nil
	case job.RequeueLetter:
		return job.Notice{Orders: []job.Order{{Source: *l.Source, Profile: l.Profile, Weight: l.Weight, Fence: l.Fence}}}, nil
	case "many":
		var n job.Notice
		for i := range l.Fence {
			n.Orders = append(n.Orders, job.Order{Source: source(fmt.Sprint(l.Job, i)), Profile: "trainer"})
		}
		return n, nil
	default:
		return job.Notice{Ignored: "a test event"}, nil
	}
}

func source(key string) job.Source {
	return job.Source{Bucket: "uploads", Key: key, ETag: "e-" + key, Sequencer: "10"}
}

func event(key string) job.Outgoing {
	s := source(key)
	return job.Outgoing{Body: job.Letter{Type: job.RequeueLetter, Source: &s, Profile: "trainer"}.Encode()}
}

func idOf(key string) string { return job.ID(source(key), "trainer") }

// stage is a whole stage in memory with any number of workers.
type stage struct {
	t                      *testing.T
	work, inProgress, dead *fakeQueue
	ledger                 *fakeLedger
	runner                 *fakeRunner
}

func newStage(t *testing.T) *stage {
	return &stage{t: t, work: newFakeQueue(), inProgress: newFakeQueue(), dead: newFakeQueue(), ledger: newFakeLedger(), runner: &fakeRunner{}}
}

func (s *stage) config(name string) Config {
	return Config{
		Name: name, Capacity: 2, Lease: time.Minute, MaxAttempts: 3, Grace: 10 * time.Second,
		Work: s.work, InProgress: s.inProgress, DeadLetter: s.dead, Ledger: s.ledger, Runner: s.runner, Reader: fakeReader{},
		Logger: slog.New(slog.DiscardHandler),
	}
}

func (s *stage) worker(change func(*Config)) *Worker {
	s.t.Helper()
	cfg := s.config("w1")
	if change != nil {
		change(&cfg)
	}
	w, err := New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	return w
}

// start runs a worker until the returned function is called, which waits.
func (s *stage) start(w *Worker) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := w.Run(ctx); err != nil {
			s.t.Error(err)
		}
	}()
	return func() { cancel(); <-done }
}

// bubble runs a test on a fake clock with a fresh stage, and checks at its end
// what must hold at the end of every story.
func bubble(t *testing.T, story func(t *testing.T, s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		story(t, s)
		if len(s.ledger.illegal) > 0 {
			t.Errorf("illegal writes: %v", s.ledger.illegal)
		}
		for id, rec := range s.ledger.records {
			if rec.State.Final() && rec.Announced {
				continue
			}
			if !s.covered(id, rec.Fence) {
				t.Errorf("job %s (%s, fence %d) has neither a timer nor a work message", rec.Source.Key, rec.State, rec.Fence)
			}
		}
	})
}

// covered is the invariant: a timer of the fence or a newer one, or a work message.
func (s *stage) covered(id string, fence int64) bool {
	for _, l := range s.inProgress.letters() {
		if l.Job == id && l.Fence >= fence {
			return true
		}
	}
	for _, l := range s.work.letters() {
		if l.Job == id || l.Source != nil && job.ID(*l.Source, l.Profile) == id {
			return true
		}
	}
	return false
}

// after lets d of the fake time pass and everything settle.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
