package worker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
)

// Here is the capacity of a worker (design, section 6); the jobs count units too.

// load is what a job asks for.
type load struct {
	weight int
	takes  time.Duration
}

// probeTakes is how long a job runs before it knows its weight.
const probeTakes = time.Second

// gauge runs jobs as their loads say and counts the units that they may use.
type gauge struct {
	mu    sync.Mutex
	loads map[string]load
	then  func(key string) // Called at the end of each job that was not stopped, when set.

	clamp             int // What a larger weight counts as; 0 is itself.
	used, peak, noFit int
	waits             []span // Of the jobs that had to wait for their weight.
	starts            []string
	finished          map[string]time.Time
	last              time.Time
}

type span struct {
	key        string
	begin, end time.Time
}

func newGauge(loads map[string]load) *gauge {
	return &gauge{loads: loads, finished: map[string]time.Time{}}
}

func (g *gauge) count(units int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used += units
	g.peak = max(g.peak, g.used)
}

// run is a job: it probes on one unit, waits for its weight, and works.
func (g *gauge) run(ctx context.Context, rec job.Record, hooks job.Hooks) (string, error) {
	key := rec.Source.Key
	l, ok := g.loads[key] // Nobody writes it any more.
	if !ok {
		l = load{1, 30 * time.Second}
	}
	g.count(1)
	defer g.count(-1)
	if err := job.Pause(ctx, probeTakes); err != nil {
		return "", err
	}
	asked := time.Now()
	err := hooks.Weigh(l.weight)
	g.mu.Lock()
	if time.Now().After(asked) {
		g.waits = append(g.waits, span{key, asked, time.Now()})
	}
	if errors.Is(err, job.ErrNoRoom) {
		g.noFit++
	}
	if err != nil {
		g.mu.Unlock()
		return "", err
	}
	g.starts = append(g.starts, key)
	g.mu.Unlock()
	uses := l.weight
	if g.clamp > 0 {
		uses = min(uses, g.clamp)
	}
	g.count(uses - 1)
	defer g.count(1 - uses)
	if err = job.Pause(ctx, l.takes); err != nil {
		return "", err
	}
	g.mu.Lock()
	g.last = time.Now()
	g.finished[key] = g.last
	g.mu.Unlock()
	if g.then != nil {
		g.then(key)
	}
	return "m", nil
}

// check holds what must be true of every story.
func (g *gauge) check(t *testing.T, w *Worker) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.peak > w.Capacity {
		t.Errorf("the jobs used %d units at once, of %d", g.peak, w.Capacity)
	}
	if now, peak := w.Units().Used(); now != 0 || peak > w.Capacity {
		t.Errorf("by the worker's own account %d units are held in the end and %d were at most, of %d", now, peak, w.Capacity)
	}
	slices.SortFunc(g.waits, func(a, b span) int { return a.begin.Compare(b.begin) })
	for i := 1; i < len(g.waits); i++ {
		if a, b := g.waits[i-1], g.waits[i]; b.begin.Before(a.end) {
			t.Errorf("%s waited for its weight from %v to %v and %s from %v on", a.key, a.begin, a.end, b.key, b.begin)
		}
	}
}

func (g *gauge) finishedCount() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.finished)
}

func requeue(key string, weight int) job.Outgoing {
	return job.Outgoing{Body: requeueLetter(job.Record{ID: idOf(key), Source: source(key), Profile: "trainer", Weight: weight}).Encode()}
}

// Every light job that ends sends the next one, so that there is always more
// light work than fits. Three jobs of the full capacity come in between.
func TestAFullCapacityJobIsNotStarvedByLightOnes(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		const capacity, light = 4, 30 * time.Second
		g := newGauge(map[string]load{"h0": {capacity, light}, "h1": {capacity, light}, "h2": {capacity, light}})
		s.runner.do = g.run
		lights, endless := 12, true
		g.then = func(key string) {
			g.mu.Lock()
			more := endless && strings.HasPrefix(key, "l")
			lights++
			next := fmt.Sprint("l", lights)
			g.mu.Unlock()
			if more {
				send(t, s.work, event(next))
			}
		}
		for i := range lights {
			send(t, s.work, event(fmt.Sprint("l", i)))
		}
		w := s.worker(func(c *Config) { c.Capacity = capacity })
		stop := s.start(w)
		after(time.Minute)
		came := time.Now()
		send(t, s.work, event("h0"), event("h1"), event("h2"))
		after(20 * time.Minute)
		g.mu.Lock()
		endless = false
		g.mu.Unlock()
		after(5 * time.Minute)
		stop()
		g.check(t, w)
		for i := range 3 {
			key := fmt.Sprint("h", i)
			rec := s.ledger.get(idOf(key))
			// Three rounds of light ones lie ahead; then, for each of the three, the
			// units drain and the job runs.
			bound := 3*light + 3*(2*light+10*time.Second)
			if took := g.finished[key].Sub(came); rec.State != job.Succeeded || rec.Attempt != 1 || took > bound {
				t.Errorf("%s is %s, attempt %d, after %v; at most %v is fair", key, rec.State, rec.Attempt, took, bound)
			}
		}
		for _, wait := range g.waits { // Once claimed, a job waits for the running ones, never for later ones.
			if took := wait.end.Sub(wait.begin); took > light+probeTakes {
				t.Errorf("%s waited for its weight for %v; the others run for %v", wait.key, took, light)
			}
		}
		if len(g.waits) == 0 || len(g.finished) < 80 {
			t.Errorf("%d jobs waited and %d finished: this was no contest", len(g.waits), len(g.finished))
		}
	})
}

// Units go to those who ask in the order in which they ask: what is freed bit
// by bit goes to the heavy job that waits, not to a small one that came later.
func TestUnitsAreExchangedInOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := NewUnits(4)
		for range 4 {
			u.Take(0)
		}
		var order []string
		go func() {
			if got, err := u.Exchange(t.Context(), 1, 4); err != nil || got != 4 {
				t.Errorf("the heavy one got %d units (%v)", got, err)
			}
			order = append(order, "heavy")
			u.Give(4)
		}()
		synctest.Wait()
		go func() {
			if u.AwaitRoom(t.Context()) == nil {
				order = append(order, "the next claim")
			}
		}()
		synctest.Wait()
		u.Give(1)
		u.Give(1) // Two are free, the heavy one needs three.
		if held, err := u.Exchange(t.Context(), 1, 2); !errors.Is(err, job.ErrNoRoom) || held != 1 {
			t.Errorf("a later, smaller one overtook: it holds %d (%v)", held, err)
		}
		if got := u.Take(1); got != 0 {
			t.Errorf("a new claim overtook with %d units", got)
		}
		synctest.Wait()
		if len(order) != 0 || u.Free() != 0 {
			t.Errorf("%v went ahead with %d units free", order, u.Free())
		}
		u.Give(1)
		synctest.Wait()
		if !slices.Equal(order, []string{"heavy", "the next claim"}) {
			t.Errorf("the order was %v", order)
		}
		if now, peak := u.Used(); now != 0 || peak != 4 {
			t.Errorf("%d units are held, %d were at most", now, peak)
		}
	})
}

// Six jobs turn out to need three units of four: one may wait, the others go
// back at once and are not charged for it.
func TestOneClaimWaitsAndTheOthersAreGivenBackUncharged(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		loads := map[string]load{}
		for i := range 6 {
			loads[fmt.Sprint("h", i)] = load{3, time.Minute}
			send(t, s.work, event(fmt.Sprint("h", i)))
		}
		g := newGauge(loads)
		s.runner.do = g.run
		w := s.worker(func(c *Config) { c.Capacity = 4 })
		stop := s.start(w)
		after(5*time.Second + probeTakes) // The tick, and the probe of the four that were claimed.
		running, back := 0, 0
		for key := range loads {
			switch rec := s.ledger.get(idOf(key)); {
			case rec.State == job.Running:
				running++
			case rec.State == job.Queued && rec.Attempt == 0 && rec.History[0].Outcome == outcomeReleased && rec.Weight == 3:
				back++
			}
		}
		if running != 2 || back < 2 { // Where the fourth went back too, a fifth was claimed.
			t.Errorf("%d are running or waiting and %d were given back; one fits, one may wait, two go back", running, back)
		}
		after(10 * time.Minute)
		stop()
		g.check(t, w)
		for key := range loads {
			if rec := s.ledger.get(idOf(key)); rec.State != job.Succeeded || rec.Attempt != 1 {
				t.Errorf("%s is %s and charged %d attempts (%+v)", key, rec.State, rec.Attempt, rec.History)
			}
		}
		if g.noFit == 0 || len(g.waits) < 4 {
			t.Errorf("%d were given back and %d waited: this was no contest", g.noFit, len(g.waits))
		}
	})
}

// A weight that a requeue message carries is taken whole; where there is no
// room for it the message goes back without a claim: no record, no timer.
func TestKnownWeightsAreRespectedBeforeTheClaim(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		g := newGauge(map[string]load{"fits": {3, time.Minute}, "waits": {3, time.Minute}, "back": {2, time.Minute}, "huge": {9, time.Minute}})
		g.clamp = 4
		s.runner.do = g.run
		send(t, s.work, requeue("fits", 3), requeue("waits", 3), requeue("back", 2))
		w := s.worker(func(c *Config) { c.Capacity = 4 })
		stop := s.start(w)
		after(5*time.Second + 500*time.Millisecond) // In the midst of the probes.
		if now, _ := w.Units().Used(); now != 4 {
			t.Errorf("%d units are held: the weight that fits at once, and one that will wait", now)
		}
		if rec := s.ledger.get(idOf("back")); rec.State != job.None {
			t.Errorf("the job without room has a record: %+v", rec)
		}
		for _, timer := range s.inProgress.letters() {
			if timer.Job == idOf("back") {
				t.Error("the job without room has a timer")
			}
		}
		s.work.mu.Lock()
		if n := len(s.work.messages); n != 1 || time.Until(s.work.messages[0].visible) > 5*time.Second {
			t.Errorf("%d work messages are left; one is to come again within 5 s", n)
		}
		s.work.mu.Unlock()
		after(5 * time.Minute)
		send(t, s.work, requeue("huge", 9))
		after(3 * time.Minute)
		stop()
		g.check(t, w)
		for _, key := range []string{"fits", "waits", "back", "huge"} {
			wantState(t, s, key, job.Succeeded, 1, 1) // Fence 1: one claim was enough for each.
		}
		if order := []string{"fits", "waits", "back", "huge"}; !slices.Equal(g.starts, order) {
			t.Errorf("the jobs started in the order %v", g.starts)
		}
	})
}

// inOrder is the ideal that throughput is compared with: the list schedule in
// order of arrival, which nothing may overtake, so that nothing is starved.
// Each job starts in the instant that it fits, with its weight known, and
// neither polls, probes, claims nor messages take any time.
func inOrder(list []load, capacity int) time.Duration {
	var now time.Duration
	var running []load // takes is the time of the end.
	free := capacity
	for _, l := range list {
		for free < l.weight {
			slices.SortFunc(running, func(a, b load) int { return int(a.takes - b.takes) })
			now = running[0].takes
			free += running[0].weight
			running = running[1:]
		}
		free -= l.weight
		running = append(running, load{l.weight, now + l.takes})
	}
	for _, l := range running {
		now = max(now, l.takes)
	}
	return now
}

// throughput tells how long a worker takes for a list.
func throughput(t *testing.T, list []load, capacity int) (took time.Duration) {
	bubble(t, func(t *testing.T, s *stage) {
		loads := map[string]load{}
		for i, l := range list {
			loads[fmt.Sprint(i)] = l
			send(t, s.work, event(fmt.Sprint(i)))
		}
		g := newGauge(loads)
		s.runner.do = g.run
		began := time.Now()
		w := s.worker(func(c *Config) { c.Capacity = capacity })
		stop := s.start(w)
		for range 600 {
			if after(time.Minute); g.finishedCount() == len(list) {
				break
			}
		}
		stop()
		g.check(t, w)
		if took = g.last.Sub(began); g.finishedCount() != len(list) {
			t.Errorf("%d of %d jobs are through", g.finishedCount(), len(list))
		}
	})
	return took
}

// What is given back comes again after a random delay: lists are compared together.
func TestThroughputIsWithinFivePercentOfIdealPacking(t *testing.T) {
	const capacity, lists, jobs = 8, 4, 150
	draw := func(rng *rand.Rand, weights []int) (list []load, work time.Duration) {
		for range jobs {
			l := load{weights[rng.IntN(len(weights))], time.Duration(30+rng.IntN(150)) * time.Second}
			list = append(list, l)
			work += time.Duration(l.weight) * l.takes
		}
		return list, work / capacity
	}
	for name, weights := range map[string][]int{
		"all light": {1},
		"mixed":     {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 4, 4, capacity},
	} {
		t.Run(name, func(t *testing.T) {
			var took, ideal, work time.Duration
			for seed := range uint64(lists) {
				list, w := draw(rand.New(rand.NewPCG(seed, 4)), weights)
				work += w
				ideal += inOrder(list, capacity)
				took += throughput(t, list, capacity)
			}
			t.Logf("took %v; in order of arrival %v (%.3f); unit-seconds / capacity %v (%.3f)", took.Round(time.Second),
				ideal, took.Seconds()/ideal.Seconds(), work, took.Seconds()/work.Seconds())
			if took > ideal+ideal/20 {
				t.Errorf("the lists took %v; ideal packing in order of arrival takes %v", took, ideal)
			}
			if took < work || ideal < work {
				t.Errorf("%v and %v are less than the work itself, %v", took, ideal, work)
			}
		})
	}
}
