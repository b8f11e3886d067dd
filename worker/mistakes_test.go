package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/queue"
)

// An older service of this shape lost or doubled work in twenty ways. Each has
// a test whose name begins with TestMistake and its number, in the package
// where the mistake would be made: here, in queue, store, api, local/gateway
// and worker/pipeline; number 21 is in budget_test.go. (There is no 18.)

// line is a worker's way to the stage. Once it is cut the worker is as good as
// killed: nothing of what it goes on to do arrives.
type line struct{ cut atomic.Bool }

var errCut = errors.New("the worker is gone")

func (l *line) check() error {
	if l.cut.Load() {
		return errCut
	}
	return nil
}

type lineQueue struct {
	*fakeQueue
	*line
}

func (q lineQueue) Send(ctx context.Context, messages ...job.Outgoing) error {
	return either(q.check(), func() error { return q.fakeQueue.Send(ctx, messages...) })
}

func (q lineQueue) Delete(ctx context.Context, receipts ...string) error {
	return either(q.check(), func() error { return q.fakeQueue.Delete(ctx, receipts...) })
}

func (q lineQueue) Hide(ctx context.Context, receipt string, d time.Duration) error {
	return either(q.check(), func() error { return q.fakeQueue.Hide(ctx, receipt, d) })
}

func (q lineQueue) Receive(ctx context.Context, limit int, wait time.Duration) ([]job.Message, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	got, err := q.fakeQueue.Receive(ctx, limit, wait)
	if cut := q.check(); cut != nil {
		return nil, cut
	}
	return got, err
}

type lineLedger struct {
	*fakeLedger
	*line
}

func (l lineLedger) Put(ctx context.Context, next job.Record, when job.Condition) error {
	return either(l.check(), func() error { return l.fakeLedger.Put(ctx, next, when) })
}

func either(err error, do func() error) error {
	if err != nil {
		return err
	}
	return do()
}

// mortal starts a worker that dies when the line it returns is cut.
func (s *stage) mortal(name string) (l *line, stop func()) {
	l = &line{}
	return l, s.start(s.worker(func(c *Config) {
		c.Name, c.Ledger = name, lineLedger{s.ledger, l}
		c.Work, c.InProgress, c.DeadLetter = lineQueue{s.work, l}, lineQueue{s.inProgress, l}, lineQueue{s.dead, l}
	}))
}

// lasting makes each run of a job take d.
func lasting(d time.Duration) func(context.Context, job.Record, job.Hooks) (string, error) {
	return func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) { return "m", job.Pause(ctx, d) }
}

// notification is what S3 says of new objects.
func notification(keys ...string) job.Outgoing {
	var records []string
	for _, key := range keys {
		records = append(records, fmt.Sprintf(`{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"uploads"},`+
			`"object":{"key":%q,"eTag":%q,"sequencer":"10"}}}`, key, "e-"+key))
	}
	return job.Outgoing{Body: []byte(`{"Records":[` + strings.Join(records, ",") + `]}`)}
}

func realReader(c *Config) { c.Reader = queue.NewReader(queue.ReaderConfig{}) }

// It deleted whichever in-progress message it happened to receive.
func TestMistake02DeletesOnlyTheTimerOfTheJobThatIsThrough(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = func(ctx context.Context, rec job.Record, _ job.Hooks) (string, error) {
			return "m", job.Pause(ctx, map[string]time.Duration{"short": 20 * time.Second, "long": 10 * time.Minute}[rec.Source.Key])
		}
		send(t, s.work, event("long"), event("short"))
		first, stop := s.mortal("w1")
		after(3 * time.Minute)
		if timers := s.inProgress.letters(); len(timers) != 1 || timers[0].Job != idOf("long") {
			t.Fatalf("the timers are %+v", timers)
		}
		first.cut.Store(true)
		stop2 := s.start(s.worker(func(c *Config) { c.Name = "w2" }))
		after(15 * time.Minute)
		wantState(t, s, "long", job.Succeeded, 2, 2) // Its timer survived, and so did the job.
		stop()
		stop2()
	})
}

// The sweeper had no lease and doubled every job that ran elsewhere.
func TestMistake03SweepersLeaveJobsThatRunElsewhereAlone(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = lasting(20 * time.Minute)
		send(t, s.work, event("a"))
		stop := s.start(s.worker(func(c *Config) { c.Capacity = 1 }))
		after(6 * time.Second)
		var stops []func()
		for i := range 3 {
			stops = append(stops, s.start(s.worker(func(c *Config) { c.Name = fmt.Sprint("idle", i) })))
		}
		after(25 * time.Minute)
		for _, stop := range append(stops, stop) {
			stop()
		}
		wantState(t, s, "a", job.Succeeded, 1, 1)
		if runs := s.runner.ran(); len(runs) != 1 {
			t.Errorf("ran %v", runs)
		}
	})
}

// The work message was gone before the work was done, and nothing brought it back.
func TestMistake04AJobOutlivesTheWorkerThatDeletedItsMessage(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = lasting(time.Minute)
		send(t, s.work, event("a"))
		first, stop := s.mortal("w1")
		after(6 * time.Second)
		if n := len(s.work.letters()); n != 0 {
			t.Fatalf("%d work messages: the story needs a claimed job", n)
		}
		first.cut.Store(true)
		w2 := s.worker(func(c *Config) { c.Name = "w2" })
		stop2 := s.start(w2)
		after(w2.Lease + w2.Margin + 7*time.Second + 5*time.Second) // Lease, sweep and claim.
		wantState(t, s, "a", job.Running, 2, 2)
		after(2 * time.Minute)
		wantState(t, s, "a", job.Succeeded, 2, 2)
		stop()
		stop2()
	})
}

// scribe notes the order of what is written where.
type scribe struct {
	mu    sync.Mutex
	lines []string
}

func (s *scribe) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line)
}

type scribeQueue struct {
	*fakeQueue
	*scribe
	name string
}

func (q scribeQueue) Send(ctx context.Context, messages ...job.Outgoing) error {
	q.note("send " + q.name)
	return q.fakeQueue.Send(ctx, messages...)
}

func (q scribeQueue) Delete(ctx context.Context, receipts ...string) error {
	q.note("delete " + q.name)
	return q.fakeQueue.Delete(ctx, receipts...)
}

// It deleted before it sent, and a crash between the two lost the job.
func TestMistake05SendBeforeDelete(t *testing.T) {
	stale := func(s *stage) { put(s, record(job.Running, 1, nil)) }
	timer := job.Letter{Type: job.TimerLetter, Job: idOf("a"), Source: new(source("a")), Profile: "trainer", Fence: 1}.Encode()
	for name, c := range map[string]struct {
		work, timer []byte
		before      func(*stage)
		want        []string
	}{
		"claim":         {work: event("a").Body, want: []string{"send timer", "put running", "delete work"}},
		"several":       {work: notification("a", "b").Body, want: []string{"send work", "delete work"}},
		"unreadable":    {work: []byte("?"), want: []string{"send dead", "delete work"}},
		"sweep":         {timer: timer, before: stale, want: []string{"put failed", "put queued", "send work", "delete timer"}},
		"refused timer": {work: event("a").Body, before: func(s *stage) { s.inProgress.failSend = errCut }, want: []string{"send timer"}},
		"refused work":  {timer: timer, before: func(s *stage) { stale(s); s.work.failSend = errCut }, want: []string{"put failed", "put queued", "send work"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, log := newStage(t), &scribe{}
				for q, body := range map[*fakeQueue][]byte{s.work: c.work, s.inProgress: c.timer} {
					if body != nil {
						send(t, q, job.Outgoing{Body: body})
					}
				}
				if c.before != nil {
					c.before(s)
				}
				s.ledger.before = func(next job.Record) error { log.note("put " + string(next.State)); return nil }
				w := s.worker(func(cfg *Config) {
					realReader(cfg)
					cfg.Work, cfg.InProgress, cfg.DeadLetter = scribeQueue{s.work, log, "work"}, scribeQueue{s.inProgress, log, "timer"}, scribeQueue{s.dead, log, "dead"}
				})
				w.work, w.stopWork = context.WithCancelCause(t.Context())
				s.runner.do = lasting(time.Hour)
				messages, _ := s.work.Receive(t.Context(), 10, 0)
				w.claimBatch(t.Context(), messages)
				timers, _ := s.inProgress.Receive(t.Context(), 10, 0)
				for _, m := range timers {
					w.sweepAll(t.Context(), []job.Message{m})
				}
				if !slices.Equal(log.lines, c.want) {
					t.Errorf("the order is %q, want %q", log.lines, c.want)
				}
				w.stopWork(errLost)
				w.attempts.Wait()
			})
		})
	}
}

// The sweeper returned after the first job that it put back, and hid nine others.
func TestMistake06OneSweepPutsTenJobsBack(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		w := s.worker(nil)
		for i := range 10 {
			key := fmt.Sprint(i)
			rec := record(job.Running, 1, func(r *job.Record) { r.ID, r.Source = idOf(key), source(key) })
			put(s, rec)
			send(t, s.inProgress, w.timer(rec, 1))
		}
		after(2 * w.Lease)
		ctx, cancel := context.WithCancel(t.Context())
		go w.sweepRound(ctx)
		after(time.Millisecond)
		if works, timers := len(s.work.letters()), len(s.inProgress.letters()); works != 10 || timers != 0 {
			t.Errorf("%d jobs are back and %d timers are left", works, timers)
		}
		cancel()
	})
}

// A failed download left two messages behind, and both brought the job back.
func TestMistake07AFailedDownloadBringsTheJobBackOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = func(_ context.Context, rec job.Record, _ job.Hooks) (string, error) {
			if rec.Attempt == 1 {
				return "", job.Fail(job.Storage, "download", rec.Source.URI(), "the connection was cut", "", nil)
			}
			return "m", nil
		}
		send(t, s.work, event("a"))
		m := newMeter(s, 2)
		stop := s.start(m.Worker)
		watched := newCensus(s, "a")
		watched.watch(10*time.Minute, nil)
		stop()
		watched.check(2)
		if runs := s.runner.ran(); len(runs) != 2 || watched.most["a"] > 1 {
			t.Errorf("ran %v, with %d messages at once", runs, watched.most["a"])
		}
		if sends := m.work.sofar().sends; len(sends) != 1 {
			t.Errorf("%d work messages were sent: the timer brings the job back, and nothing else", len(sends))
		}
	})
}
