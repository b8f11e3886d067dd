package worker

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// fault is what happens at the n-th call of one kind that a worker makes.
type fault struct {
	Worker, N int
	Op, What  string
}

// deed is one step of the script, some seconds after the one before.
type deed struct {
	After    time.Duration
	What     string
	Who, Job int
	Lasts    time.Duration
}

// verdict is what comes of one run of a job.
type verdict struct {
	What   string
	Takes  time.Duration
	Weight int
}

// plan is a schedule: who is there, what befalls them and what the runs of
// the jobs come to.
type plan struct {
	Workers, Jobs, Capacity int
	// Versions makes job 1 an older version of job 0.
	Versions bool
	// Gentle plans have neither crashes nor freezes, so that more can be held.
	Gentle bool
	// Skews holds how far the clock of each worker's machine is off.
	Skews []time.Duration
	// Coarse makes the ledger tell the time in whole seconds, as the HTTP
	// headers of DynamoDB do.
	Coarse bool
	// Order seeds the order in which the queues hand out what is visible; 0 is
	// the order of arrival.
	Order    uint64
	Faults   []fault
	Deeds    []deed
	Verdicts [][]verdict // By job and run.
}

var scheduleOps = []string{
	"get", "put", "high", "send work", "send timer", "send dead", "delete work", "delete timer",
	"hide work", "hide timer", "receive work", "receive timer", "announce",
}

// mostSkew is how far the clock of a worker's machine may be off.
const mostSkew = 30

func drawSeconds(t *rapid.T, most int, label string) time.Duration {
	return time.Duration(rapid.IntRange(0, most).Draw(t, label)) * time.Second
}

// drawPlan draws a schedule.
func drawPlan(t *rapid.T, gentle bool) plan {
	p := plan{
		Workers: rapid.IntRange(1, 3).Draw(t, "workers"), Jobs: rapid.IntRange(1, 3).Draw(t, "jobs"),
		Capacity: rapid.IntRange(1, 4).Draw(t, "capacity"), Versions: rapid.Bool().Draw(t, "versions"),
		Gentle: gentle, Coarse: rapid.Bool().Draw(t, "coarse"), Order: uint64(rapid.IntRange(0, 1000).Draw(t, "order")),
	}
	for range p.Workers {
		p.Skews = append(p.Skews, time.Duration(rapid.IntRange(-mostSkew, mostSkew).Draw(t, "skew"))*time.Second)
	}
	whats := []string{"refuse", "lose reply", "slow"}
	deeds := []string{"submit", "cancel", "retry", "early work", "early timers", "stop", "start"}
	if !gentle {
		whats = append(whats, "crash before", "crash after", "freeze before", "freeze after")
		deeds = append(deeds, "crash", "freeze", "outage")
	}
	for range rapid.IntRange(0, 10).Draw(t, "faults") {
		p.Faults = append(p.Faults, fault{
			Worker: rapid.IntRange(0, p.Workers-1).Draw(t, "worker"), N: rapid.IntRange(0, 8).Draw(t, "n"),
			Op: rapid.SampledFrom(scheduleOps).Draw(t, "op"), What: rapid.SampledFrom(whats).Draw(t, "fault"),
		})
	}
	for range rapid.IntRange(0, 12).Draw(t, "deeds") {
		p.Deeds = append(p.Deeds, deed{
			After: drawSeconds(t, 90, "after"), What: rapid.SampledFrom(deeds).Draw(t, "deed"),
			Who: rapid.IntRange(0, p.Workers-1).Draw(t, "who"), Job: rapid.IntRange(0, p.Jobs-1).Draw(t, "job"),
			Lasts: drawSeconds(t, 150, "lasts"),
		})
	}
	for range p.Jobs {
		p.Verdicts = append(p.Verdicts, drawVerdicts(t))
	}
	return p
}

func drawVerdicts(t *rapid.T) (runs []verdict) {
	for range rapid.IntRange(0, 4).Draw(t, "runs") {
		runs = append(runs, verdict{
			What:  rapid.SampledFrom([]string{"succeed", "fail", "be no video", "panic"}).Draw(t, "verdict"),
			Takes: drawSeconds(t, 150, "takes"), Weight: rapid.IntRange(0, 5).Draw(t, "weight"),
		})
	}
	return runs
}

// without returns the plans that lack one thing of this one, or have less of it.
func (p plan) without() (shorter []plan) {
	less := func(change func(*plan)) {
		q := p
		change(&q)
		shorter = append(shorter, q)
	}
	for i := range p.Deeds {
		less(func(q *plan) { // What comes after it still comes when it did.
			q.Deeds = slices.Delete(slices.Clone(p.Deeds), i, i+1)
			if i < len(q.Deeds) {
				q.Deeds[i].After += p.Deeds[i].After
			}
		})
	}
	for i := range p.Faults {
		less(func(q *plan) { q.Faults = slices.Delete(slices.Clone(p.Faults), i, i+1) })
	}
	for i, runs := range p.Verdicts {
		if len(runs) > 0 {
			less(func(q *plan) {
				q.Verdicts = slices.Clone(p.Verdicts)
				q.Verdicts[i] = runs[:len(runs)-1]
			})
		}
	}
	if p.Order > 0 {
		less(func(q *plan) { q.Order = 0 })
	}
	if p.Coarse {
		less(func(q *plan) { q.Coarse = false })
	}
	if slices.ContainsFunc(p.Skews, func(d time.Duration) bool { return d != 0 }) {
		less(func(q *plan) { q.Skews = make([]time.Duration, p.Workers) })
	}
	if last := p.Jobs - 1; last > 0 && !slices.ContainsFunc(p.Deeds, func(d deed) bool { return d.Job == last }) {
		less(func(q *plan) { q.Jobs, q.Verdicts = last, p.Verdicts[:last] })
	}
	return shorter
}

// String tells the plan as a list of steps, and last as what
// testdata/schedules keeps of it.
func (p plan) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	line("%d workers of %d units, clocks off by %v, %d jobs, versions of one key: %v, coarse ledger clock: %v, order %d",
		p.Workers, p.Capacity, p.Skews, p.Jobs, p.Versions, p.Coarse, p.Order)
	for i, runs := range p.Verdicts {
		for n, v := range runs {
			line("run %d of job %d takes %s at weight %d and is to %s", n+1, i, v.Takes, v.Weight, v.What)
		}
	}
	for _, f := range p.Faults {
		line("call %d of %q by worker %d: %s", f.N+1, f.Op, f.Worker, f.What)
	}
	var at time.Duration
	for _, d := range p.Deeds {
		at += d.After
		line("at %s: %s (worker %d, job %d, for %s)", at, d.What, d.Who, d.Job, d.Lasts)
	}
	kept, err := json.Marshal(p)
	if err != nil { // Every field is of a type that JSON can hold.
		panic(err)
	}
	return b.String() + string(kept)
}
