package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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

var errInjected = errors.New("an injected fault")

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
	p := w.now[d.Who]
	w.mu.Lock()
	w.note("%s (worker %d, job %d)", d.What, d.Who, d.Job)
	w.mu.Unlock()
	switch d.What {
	case "submit":
		return w.submit(d.Job)
	case "cancel":
		return w.cancel(d.Job)
	case "retry":
		return w.retry(d.Job)
	case "early work":
		early(w.work)
	case "early timers":
		early(w.inProgress)
	case "stop":
		p.stop()
	case "start":
		if p.ended() {
			return w.launch(d.Who, w.Capacity)
		}
	case "crash":
		p.crash()
	case "freeze":
		p.freeze(d.Lasts)
	case "outage":
		p.outage(d.Lasts)
	}
	return nil
}

// play follows the plan, then lets one healthy worker finish what is left.
func (w *world) play() error {
	for i := range w.Workers {
		if err := w.launch(i, w.Capacity); err != nil {
			return err
		}
	}
	for i := range w.Jobs {
		if err := w.submit(i); err != nil {
			return err
		}
	}
	for _, d := range w.Deeds {
		after(d.After)
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
	for i := range w.Jobs {
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
		if charged := rec.Attempt; w.Gentle && !w.touched[id] && rec.State != job.Superseded &&
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

// follow plays a plan on a fake clock and returns what is wrong, and the calls
// that were made.
func follow(p plan) (problems, trace []string, err error) {
	w := newWorld(p)
	if err := w.play(); err != nil {
		return nil, nil, err
	}
	synctest.Wait()
	w.judge()
	return slices.Compact(w.problems), w.trace, nil
}

// leastSchedules is how many schedules of each kind a run of the tests
// searches; -rapid.checks sets another number.
const leastSchedules = 1000

func TestSchedules(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := f.Value.Set(strconv.Itoa(leastSchedules)); err != nil {
			t.Fatal(err)
		}
	}
	for name, gentle := range map[string]bool{"with crashes": false, "without crashes": true} {
		var found *plan
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				p := drawPlan(t, gentle)
				rapid.SyncTest(t, func(t *rapid.T) {
					problems, _, err := follow(p)
					if len(problems) > 0 {
						found = &p
					}
					if err := errors.Join(err, errorOf(problems)); err != nil {
						t.Fatal(err)
					}
				})
			})
		})
		if found != nil {
			short, problems, trace := shorten(t, *found)
			t.Errorf("it takes no more than this:\n%s", story(short, problems, trace))
		}
	}
}

// shorten leaves out of a plan whatever is not needed for it to go wrong.
// Delays are random in the worker, so that each shorter plan has some tries.
func shorten(t *testing.T, p plan) (short plan, problems, trace []string) {
	goesWrong := func(p plan) (wrong bool) {
		for try := 0; try < 5 && !wrong; try++ {
			synctest.Test(t, func(t *testing.T) {
				found, calls, err := follow(p)
				if wrong = err == nil && len(found) > 0; wrong {
					problems, trace = found, calls
				}
			})
		}
		return wrong
	}
	goesWrong(p)
	for shorter := true; shorter; {
		shorter = false
		for _, candidate := range p.without() {
			if goesWrong(candidate) {
				p, shorter = candidate, true
				break
			}
		}
	}
	return p, problems, trace
}

func errorOf(problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	return errors.New(strings.Join(problems, "\n"))
}

// story tells what went wrong, and how.
func story(p plan, problems, trace []string) string {
	return strings.Join(problems, "\n") + "\nthe schedule:\n" + p.String() + "\nthe calls:\n  " + strings.Join(trace, "\n  ")
}

// kept is a schedule that once found a fault.
type kept struct {
	// Found tells what was wrong then.
	Found string
	Plan  plan
}

// TestKeptSchedules follows the schedules that found faults, in this code or
// in a version of it that left out a rule.
func TestKeptSchedules(t *testing.T) {
	files, err := filepath.Glob("testdata/schedules/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no schedules are kept (%v)", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var k kept
			decoder := json.NewDecoder(bytes.NewReader(raw))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&k); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			synctest.Test(t, func(t *testing.T) {
				problems, trace, err := follow(k.Plan)
				if err != nil {
					t.Fatal(err)
				}
				if len(problems) > 0 {
					t.Errorf("it once found that %s; now:\n%s", k.Found, story(k.Plan, problems, trace))
				}
			})
		})
	}
}
