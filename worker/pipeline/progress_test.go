package pipeline

import (
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
)

// told keeps what is reported, and when.
type told struct {
	mu  sync.Mutex
	all []job.Progress
	at  []time.Time
}

func (o *told) report(p job.Progress) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all, o.at = append(o.all, p), append(o.at, time.Now())
}

// act goes through the steps of an attempt as the pipeline does: a step every so many seconds, frames
// at a rate.
func act(report func(job.Progress), analyses bool, frames int64, rate float64, length time.Duration) {
	wait := func(d time.Duration) { time.Sleep(d) }
	for done := int64(0); done <= 100; done += 10 {
		report(job.Progress{Step: "fetch", Done: done << 20, Total: 100 << 20, ETASeconds: -1})
		wait(300 * time.Millisecond)
	}
	for _, step := range []string{"probe", "sample"} {
		report(job.Progress{Step: step, ETASeconds: -1})
		wait(length)
	}
	main := "encode"
	if analyses {
		main = "analyse"
	}
	for done := int64(1); done <= frames; done++ {
		wait(time.Duration(float64(time.Second) / rate))
		report(job.Progress{Step: main, Done: done, Total: frames})
	}
	if analyses {
		report(job.Progress{Step: "encode", Done: frames, Total: frames})
		wait(length)
	}
	report(job.Progress{Step: "package", Done: frames, Total: frames})
	wait(length)
	for i := range int64(20) {
		report(job.Progress{Step: "store", Done: i, Total: 20})
		wait(200 * time.Millisecond)
	}
}

// TestProgressGoesForward goes through whole attempts: nothing goes back, nothing is older than ten
// seconds though steps stand still for a minute, and the estimate is right within a third.
func TestProgressGoesForward(t *testing.T) {
	for name, analyses := range map[string]bool{"analysed": true, "encoded": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen told
				hooks, stop := paced(job.Hooks{Report: seen.report}, Profile{Outputs: []Output{Video, HLS}}, true)
				act(hooks.Report, analyses, 1800, 30, 15*time.Second)
				stop()
				ended := time.Now()
				seen.check(t, ended)
				steps := map[string]bool{}
				for i, p := range seen.all {
					steps[p.Step] = true
					if p.Done > 300 && p.Done < 1800 && (p.Step == "analyse" || p.Step == "encode") {
						left := ended.Sub(seen.at[i]).Seconds()
						if math.Abs(p.FPS-30) > 1 || p.ETASeconds < left*2/3-20 || p.ETASeconds > left*4/3+20 {
							t.Fatalf("with %.0f s left: %+v", left, p)
						}
					}
				}
				if last := seen.all[len(seen.all)-1]; last.Fraction < 0.99 || !steps["package"] || !steps["encode"] || steps["analyse"] != analyses {
					t.Errorf("at the end: %+v of %v", last, steps)
				}
			})
		})
	}
}

// check holds for every report.
func (o *told) check(t *testing.T, ended time.Time) {
	t.Helper()
	for i, p := range o.all {
		if i == 0 {
			continue
		}
		before := o.all[i-1]
		next := ended
		if i+1 < len(o.at) {
			next = o.at[i+1]
		}
		switch {
		case p.Fraction < before.Fraction || p.Fraction > 1:
			t.Fatalf("the fraction goes from %+v to %+v", before, p)
		case p.Step == before.Step && (p.Done < before.Done || p.Total < before.Total):
			t.Fatalf("a number goes back from %+v to %+v", before, p)
		case p.Done > p.Total && p.Total > 0:
			t.Fatalf("more is done than there is: %+v", p)
		case p.ETASeconds < 0 && p.Fraction > 0 || math.IsNaN(p.ETASeconds) || math.IsInf(p.ETASeconds, 0):
			t.Fatalf("the estimate is missing: %+v", p)
		case next.Sub(o.at[i]) > freshProgress:
			t.Fatalf("%+v stood for %s", p, next.Sub(o.at[i]))
		}
	}
}

// TestProgressOfWhatReportsWrong keeps going forward whatever it is told.
func TestProgressOfWhatReportsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen told
		hooks, stop := paced(job.Hooks{Report: seen.report}, Profile{Steps: []ModelStep{{File: "a.npy"}}}, false)
		for _, p := range []job.Progress{
			{Step: "probe"}, {Step: "analyse", Done: 10, Total: 100}, {Step: "analyse", Done: 5, Total: 50}, {Step: "probe"},
			{Step: "analyse", Done: 200, Total: 100}, {Step: "never heard of", Done: -3, Total: -1}, {Step: "a.npy"}, {Step: "analyse", Done: 201},
		} {
			hooks.Report(p)
			time.Sleep(time.Second)
		}
		stop()
		seen.check(t, time.Now())
		if last := seen.all[len(seen.all)-1]; last.Step != "a.npy" {
			t.Errorf("it ends with %+v", last)
		}
	})
}
