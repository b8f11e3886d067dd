package worker

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

// This file holds that the messages of a job do not grow in number, whatever
// goes on for however long: each is one more to receive, to read and to sweep.

// mostMessages is how many messages a job may have over all queues.
const mostMessages = 10

// census counts the messages of jobs and remembers the most there were of one.
type census struct {
	*stage
	keys []string
	most map[string]int
}

func newCensus(s *stage, keys ...string) *census {
	return &census{stage: s, keys: keys, most: map[string]int{}}
}

// count returns how many messages each job has now, hidden or not.
func (c *census) count() map[string]int {
	n := map[string]int{}
	for _, q := range []*fakeQueue{c.work, c.inProgress, c.dead} {
		for _, l := range q.letters() {
			if l.Source != nil {
				n[l.Source.Key]++
			} else {
				n[l.Job]++
			}
		}
	}
	for _, key := range c.keys { // A retry letter names the job alone.
		n[key] += n[idOf(key)]
		c.most[key] = max(c.most[key], n[key])
	}
	return n
}

// watch lets d pass and counts every five seconds, until over says so.
func (c *census) watch(d time.Duration, over func() bool) {
	for end := time.Now().Add(d); time.Now().Before(end) && (over == nil || !over()); {
		after(5 * time.Second)
		c.count()
	}
}

// check holds the bound, and that the jobs have come to their end and left nothing.
func (c *census) check(mostAttempts int) {
	c.t.Helper()
	left := c.count()
	for _, key := range c.keys {
		if c.most[key] > mostMessages {
			c.t.Errorf("%s had %d messages at once, at most %d are meant", key, c.most[key], mostMessages)
		}
		rec := c.ledger.get(idOf(key))
		if rec.State != job.Succeeded || rec.Attempt < 1 || rec.Attempt > mostAttempts || !rec.Announced {
			c.t.Errorf("in the end %s is %s, charged %d attempts, at most %d are right", key, rec.State, rec.Attempt, mostAttempts)
		}
		if left[key] != 0 {
			c.t.Errorf("%d messages of %s are left", left[key], key)
		}
	}
	c.t.Logf("the most messages at once: %v", c.most)
}

// through tells whether all jobs are final and all their messages gone.
func (c *census) through() bool {
	left := c.count()
	for _, key := range c.keys {
		if !c.ledger.get(idOf(key)).State.Final() || left[key] > 0 {
			return false
		}
	}
	return true
}

// readOnlyLedger refuses every write while it is told to.
type readOnlyLedger struct {
	*fakeLedger
	refuse *atomic.Bool
}

var errThrottled = errors.New("throttled")

func (l readOnlyLedger) Put(ctx context.Context, next job.Record, when job.Condition) error {
	if l.refuse.Load() {
		return errThrottled
	}
	return l.fakeLedger.Put(ctx, next, when)
}

func (l readOnlyLedger) RaiseHighWater(ctx context.Context, s job.Source, id string) (job.HighWater, error) {
	if l.refuse.Load() {
		return job.HighWater{}, errThrottled
	}
	return l.fakeLedger.RaiseHighWater(ctx, s, id)
}

// For an hour no write of the ledger is taken; twelve workers try all the while.
func TestNoGrowthWhileLedgerWritesAreRefused(t *testing.T) {
	const jobs = 3
	for _, c := range []struct {
		name   string
		before time.Duration // How long the jobs are there when the refusals begin.
		takes  time.Duration // How long a run takes; claims are made within 5 s.
		fails  bool          // Whether the first run fails.
		most   int           // How many attempts may be charged.
	}{
		{name: "from the claim on", takes: 30 * time.Second, most: 1},
		{name: "from a renewal on: the lease is lost", before: 30 * time.Second, takes: 5 * time.Minute, most: 2},
		{name: "from the commit on", before: 30 * time.Second, takes: 26 * time.Second, most: 2},
		{name: "from the record of a failure on", before: 30 * time.Second, takes: 26 * time.Second, fails: true, most: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				s.runner.do = func(ctx context.Context, rec job.Record, _ job.Hooks) (string, error) {
					err := job.Pause(ctx, c.takes)
					if err == nil && c.fails && rec.Attempt == 1 {
						err = job.Fail(job.Storage, "fetch", rec.Source.Key, "the store is down", "", nil)
					}
					return "m", err
				}
				var refuse atomic.Bool
				refuse.Store(c.before == 0)
				var stops []func()
				for i := range 12 {
					stops = append(stops, s.start(s.worker(func(cfg *Config) {
						cfg.Name, cfg.Ledger = fmt.Sprint("w", i), readOnlyLedger{s.ledger, &refuse}
					})))
				}
				var keys []string
				for i := range jobs {
					keys = append(keys, fmt.Sprint("j", i))
					send(t, s.work, event(keys[i]))
				}
				send(t, s.work, event(keys[0])) // And one of them twice.
				watched := newCensus(s, keys...)
				watched.watch(c.before, nil)
				refuse.Store(true)
				watched.watch(time.Hour, nil)
				if watched.through() {
					t.Error("the jobs came to an end although nothing could be written")
				}
				refuse.Store(false)
				watched.watch(time.Hour, watched.through)
				for _, stop := range stops {
					stop()
				}
				watched.check(c.most)
			})
		})
	}
}

// Instances come and go: a hundred workers in turn claim the job and are
// stopped without a grace.
func TestNoGrowthWhenAHundredWorkersGiveAJobBack(t *testing.T) {
	for _, life := range []time.Duration{20 * time.Second, 80 * time.Second} {
		t.Run(life.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				s.runner.do = func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
					return "m", job.Pause(ctx, 2*time.Minute)
				}
				watched := newCensus(s, "a")
				send(t, s.work, event("a"))
				for s.ledger.get(idOf("a")).Fence < 100 {
					stop := s.start(s.worker(func(c *Config) { c.Grace = 0 }))
					watched.watch(life, nil)
					stop()
				}
				wantState(t, s, "a", job.Queued, 100, 0) // Claimed a hundred times, charged for none.
				stop := s.start(s.worker(nil))
				watched.watch(time.Hour, watched.through)
				stop()
				watched.check(1)
			})
		})
	}
}

// Instances that live for a few seconds only: each leaves a timer behind for a lease.
func TestNoGrowthWhenAJobIsGivenBackAtOnceAHundredTimes(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = lasting(2 * time.Minute)
		watched := newCensus(s, "a")
		send(t, s.work, event("a"))
		for s.ledger.get(idOf("a")).Fence < 100 {
			stop := s.start(s.worker(func(c *Config) { c.Grace = 0 }))
			after(6 * time.Second)
			watched.count()
			stop()
		}
		stop := s.start(s.worker(nil))
		watched.watch(time.Hour, watched.through)
		stop()
		watched.check(1)
	})
}

// A worker that has no room sweeps all the same: it sends the message of a
// released job a second time, and the one-unit worker that claims the job by
// one of the two never sees the other.
func TestNoGrowthBesideASweeperWithoutRoom(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = func(ctx context.Context, rec job.Record, _ job.Hooks) (string, error) {
			return "m", job.Pause(ctx, map[string]time.Duration{"busy": 5 * time.Hour, "a": 2 * time.Minute}[rec.Source.Key])
		}
		one := func(c *Config) { c.Grace, c.Capacity = 0, 1 }
		send(t, s.work, event("busy"))
		stopBusy := s.start(s.worker(one))
		after(10 * time.Second)
		watched := newCensus(s, "a")
		send(t, s.work, event("a"))
		for s.ledger.get(idOf("a")).Fence < 100 {
			stop := s.start(s.worker(one))
			watched.watch(10*time.Second, nil)
			stop()
			watched.watch(80*time.Second, nil)
		}
		stop := s.start(s.worker(nil))
		watched.watch(6*time.Hour, watched.through)
		stop()
		stopBusy()
		watched.check(1)
	})
}

// A message whose weight has no room is given back, a hundred times; this
// counts as receives, and yet it is not taken for poison.
func TestNoGrowthWhenAMessageFindsNoRoomAHundredTimes(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		w := s.worker(nil)
		w.units.Take(2)
		watched := newCensus(s, "a")
		send(t, s.work, requeue("a", 2))
		for range 100 {
			messages, err := s.work.Receive(context.Background(), batchLimit, 20*time.Second)
			if err != nil || len(messages) == 0 {
				t.Fatalf("received %d messages (%v): the job is lost", len(messages), err)
			}
			w.claimBatch(context.Background(), messages)
			watched.watch(time.Second, nil)
		}
		if timers := s.inProgress.letters(); len(timers) != 0 || s.ledger.get(idOf("a")).State != job.None {
			t.Errorf("it was claimed without room: timers %+v", timers)
		}
		w.units.Give(2)
		stop := s.start(w)
		watched.watch(10*time.Minute, watched.through)
		stop()
		watched.check(1)
	})
}
