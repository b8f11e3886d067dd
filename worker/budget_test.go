package worker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

// This file holds what a stage costs in requests (design, section 5, "Idle
// cost"), counted on a fake clock with the default lease, beat and schedules.

// countingQueue counts the requests that a worker makes to a queue.
type countingQueue struct {
	*fakeQueue
	mu   sync.Mutex
	made requests
}

// requests holds how many messages each request to a queue was for, and how
// many each poll gave; waits are how long the polls may wait, in seconds.
type requests struct{ sends, deletes, hides, receives, waits []int }

// others returns how many requests there were, polls aside.
func (r requests) others() int { return len(r.sends) + len(r.deletes) + len(r.hides) }

// sofar returns the requests made until now.
func (q *countingQueue) sofar() requests {
	q.mu.Lock()
	defer q.mu.Unlock()
	return requests{slices.Clone(q.made.sends), slices.Clone(q.made.deletes), slices.Clone(q.made.hides), slices.Clone(q.made.receives), slices.Clone(q.made.waits)}
}

func (q *countingQueue) note(list *[]int, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	*list = append(*list, n)
}

func (q *countingQueue) Send(ctx context.Context, messages ...job.Outgoing) error {
	q.note(&q.made.sends, len(messages))
	return q.fakeQueue.Send(ctx, messages...)
}

func (q *countingQueue) Receive(ctx context.Context, limit int, wait time.Duration) ([]job.Message, error) {
	q.note(&q.made.waits, int(wait.Seconds()))
	got, err := q.fakeQueue.Receive(ctx, limit, wait)
	q.note(&q.made.receives, len(got))
	return got, err
}

func (q *countingQueue) Delete(ctx context.Context, receipts ...string) error {
	q.note(&q.made.deletes, len(receipts))
	return q.fakeQueue.Delete(ctx, receipts...)
}

func (q *countingQueue) Hide(ctx context.Context, receipt string, d time.Duration) error {
	q.note(&q.made.hides, 1)
	return q.fakeQueue.Hide(ctx, receipt, d)
}

// countingLedger counts writes, those that are refused as well.
type countingLedger struct {
	*fakeLedger
	made atomic.Int64
}

func (l *countingLedger) Put(ctx context.Context, next job.Record, when job.Condition) error {
	l.made.Add(1)
	return l.fakeLedger.Put(ctx, next, when)
}

func (l *countingLedger) RaiseHighWater(ctx context.Context, s job.Source, id string) (job.HighWater, error) {
	l.made.Add(1)
	return l.fakeLedger.RaiseHighWater(ctx, s, id)
}

// meter is a worker of default settings whose requests are counted.
type meter struct {
	*Worker
	work, timers, dead *countingQueue
	ledger             *countingLedger
}

func newMeter(s *stage, capacity int) *meter {
	m := &meter{
		work: &countingQueue{fakeQueue: s.work}, timers: &countingQueue{fakeQueue: s.inProgress}, dead: &countingQueue{fakeQueue: s.dead},
		ledger: &countingLedger{fakeLedger: s.ledger},
	}
	m.Worker = s.worker(func(c *Config) {
		c.Lease, c.Capacity = 0, capacity
		c.Work, c.InProgress, c.DeadLetter, c.Ledger = m.work, m.timers, m.dead, m.ledger
	})
	return m
}

// requests returns how many there were, polls aside.
func (m *meter) requests() int {
	return m.work.sofar().others() + m.timers.sofar().others() + m.dead.sofar().others()
}

func (m *meter) writes() int { return int(m.ledger.made.Load()) }

// An idle worker is always inside a long poll of each queue: a day of nothing
// costs little, and yet what comes is taken up at once.
func TestMistake21ThirtyThousandEmptyReceivesADay(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		m := newMeter(s, 2)
		stop := s.start(m.Worker)
		after(24 * time.Hour)
		for name, q := range map[string]*countingQueue{"work": m.work, "in-progress": m.timers} {
			// Fewer than one in 28 s would be a queue that nobody watches.
			if n := len(q.sofar().receives); n > 4400 || n < 24*3600/28 {
				t.Errorf("%d receives of the %s queue in a day of nothing; at most 4,400 are meant", n, name)
			}
		}
		if m.requests() != 0 || m.writes() != 0 {
			t.Errorf("a day of nothing made %d other requests and %d writes", m.requests(), m.writes())
		}
		t.Logf("receives a day: work %d, in-progress %d", len(m.work.sofar().receives), len(m.timers.sofar().receives))
		send(t, s.work, event("a"))
		after(time.Second)
		wantState(t, s, "a", job.Succeeded, 1, 1)
		stop()
	})
}

// Where jobs are claimed, the sweeper's polls are short: ElasticMQ, for one,
// wakes each poll that waits for every timer that is sent.
func TestTheSweepersPollsAreShortWhileJobsAreClaimed(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		m := newMeter(s, 2)
		stop := s.start(m.Worker)
		for i := range 60 {
			send(t, s.work, event(fmt.Sprint(i)))
			after(5 * time.Second)
		}
		busy := m.timers.sofar().waits
		if len(busy) < 30 || slices.Max(busy) > 1 {
			t.Errorf("in five busy minutes the in-progress queue was polled for %v seconds", busy)
		}
		after(20 * time.Minute)
		stop()
		if quiet := m.timers.sofar().waits[len(busy)+20:]; len(quiet) < 10 || slices.Min(quiet) < 20 {
			t.Errorf("then, in quiet ones, for %v", quiet)
		}
	})
}

// The job begins at different moments, since the phase of its timer beside its
// renewals and the sweeper's ticks decides how often the timer is hidden.
func TestRequestsOfATenMinuteJob(t *testing.T) {
	const takes = 10 * time.Minute
	for _, offset := range []time.Duration{0, 3, 7, 11, 18, 31, 44, 59} {
		t.Run(fmt.Sprint(offset*time.Second), func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				s.runner.do = func(ctx context.Context, _ job.Record, hooks job.Hooks) (string, error) {
					if err := hooks.Weigh(1); err != nil {
						return "", err
					}
					return "m", job.Pause(ctx, takes)
				}
				m := newMeter(s, 1)
				stop := s.start(m.Worker)
				after(time.Minute + offset*time.Second)
				send(t, s.work, event("a"))
				after(time.Second)
				wantState(t, s, "a", job.Running, 1, 1)
				claimed := len(m.work.sofar().receives)
				after(takes - 2*time.Second)
				if n := len(m.work.sofar().receives) - claimed; n != 0 {
					t.Errorf("a worker without room polled the work queue %d times", n)
				}
				after(3 * m.Lease)
				wantState(t, s, "a", job.Succeeded, 1, 1)
				if left := len(s.work.letters()) + len(s.inProgress.letters()); left != 0 {
					t.Errorf("%d messages are left: the job is not through", left)
				}
				stop()
				leases, beats := takes.Minutes(), takes.Seconds()/8 // The defaults: a lease of a minute, renewed every eight seconds.
				if got, most := m.requests(), 4+1.5*leases; float64(got) > most {
					t.Errorf("%d requests to the queues, at most %v are meant (timers hidden %d times)", got, most, len(m.timers.sofar().hides))
				}
				if got, most := m.writes(), 5+beats; float64(got) > most {
					t.Errorf("%d writes of the ledger, at most %v are meant", got, most)
				}
				t.Logf("%d requests (%d of them hide the timer), %d writes", m.requests(), len(m.timers.sofar().hides), m.writes())
			})
		})
	}
}

// A job that is through before its lease is needs no more than the four.
func TestRequestsOfAShortJob(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		m := newMeter(s, 1)
		send(t, s.work, event("a"))
		stop := s.start(m.Worker)
		after(3 * m.Lease)
		stop()
		wantState(t, s, "a", job.Succeeded, 1, 1)
		if m.requests() > 4 || m.writes() > 5 {
			t.Errorf("%d requests to the queues and %d writes", m.requests(), m.writes())
		}
	})
}

// When there is much to claim, polls, timers and deletions go in batches of 10.
func TestBusyQueuesShareRequests(t *testing.T) {
	for _, c := range []struct {
		messages int
		batches  []int
	}{{10, []int{10}}, {25, []int{10, 10, 5}}} {
		t.Run(fmt.Sprint(c.messages), func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				s.runner.do = func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
					return "m", job.Pause(ctx, 30*time.Second)
				}
				for i := range c.messages {
					send(t, s.work, event(fmt.Sprint(i)))
				}
				m := newMeter(s, c.messages)
				stop := s.start(m.Worker)
				after(6 * time.Second)
				if now, _ := m.Units().Used(); now != c.messages {
					t.Errorf("%d jobs run, of %d", now, c.messages)
				}
				work, timers := m.work.sofar(), m.timers.sofar()
				if got := slices.DeleteFunc(work.receives, func(n int) bool { return n == 0 }); !slices.Equal(got, c.batches) {
					t.Errorf("received in batches of %v", got)
				}
				if !slices.Equal(timers.sends, c.batches) {
					t.Errorf("timers were sent in batches of %v", timers.sends)
				}
				if !slices.Equal(work.deletes, c.batches) {
					t.Errorf("work messages were deleted in batches of %v", work.deletes)
				}
				if n := len(work.sends) + len(work.hides); n != 0 {
					t.Errorf("%d other requests to the work queue", n)
				}
				after(3 * m.Lease)
				stop()
				for i := range c.messages {
					wantState(t, s, fmt.Sprint(i), job.Succeeded, 1, 1)
				}
				if most := 4 * c.messages; m.requests() > most {
					t.Errorf("%d requests for %d jobs; alone they may make %d", m.requests(), c.messages, most)
				}
				if got := timers.deletes; len(got) > 0 {
					t.Errorf("timers were deleted before their leases were over: %v", got)
				}
				if got := m.timers.sofar().deletes; !slices.Equal(got, c.batches) {
					t.Errorf("timers were deleted in batches of %v", got)
				}
				t.Logf("%d requests for %d jobs: timers hidden %v, timers deleted %v", m.requests(), c.messages, len(m.timers.sofar().hides), m.timers.sofar().deletes)
			})
		})
	}
}
