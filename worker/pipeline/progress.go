package pipeline

import (
	"math"
	"sync"
	"time"

	"github.com/motionmill/motionmill/job"
)

// freshProgress is how often the progress is told at least, in case nothing moves: the
// estimate that people see is then not much older.
const freshProgress = 2 * time.Second

// share is the part of an attempt's time that a step is expected to take.
type share struct {
	step string
	part float64
}

// shares are those of the steps in their order, measured on the clips of the bench; main is
// the one that goes through all frames, under one of two names. They say how the whole
// moves along; the estimate of the rest follows the pace that is seen.
const mainStep = "analyse"

var beforeMain = []share{{"probe", 0.02}, {"loudness", 0.02}, {"sample", 0.03}}

// pace turns what the steps report of themselves into the progress of an attempt: no number
// ever goes back, and the estimate is never old.
type pace struct {
	tell func(job.Progress)

	mu      sync.Mutex
	steps   []share
	at      int // the step under way
	began   time.Time
	stepped time.Time // when the step began
	main    time.Duration
	last    job.Progress
	halt    chan struct{}
	halted  chan struct{}
}

// paced returns hooks that tell the progress of an attempt at a profile, of which fetching and
// storing are a part when remote is set. The caller must call stop at its end.
func paced(hooks job.Hooks, profile Profile, remote bool) (told job.Hooks, stop func()) {
	p := &pace{tell: hooks.Report, steps: sharesOf(profile, remote), began: time.Now(), halt: make(chan struct{}), halted: make(chan struct{})}
	p.stepped, p.last = p.began, job.Progress{Step: p.steps[0].step, ETASeconds: -1}
	go p.refresh()
	hooks.Report = p.report
	return hooks, func() {
		close(p.halt)
		<-p.halted
	}
}

// sharesOf are the steps of a profile, with parts that sum up to one.
func sharesOf(profile Profile, remote bool) []share {
	all := []share{}
	if remote {
		all = append(all, share{"fetch", 0.05})
	}
	all = append(append(all, beforeMain...), share{mainStep, 0.8}, share{"encode", 0.03}, share{"package", 0.02})
	for _, s := range profile.Steps {
		all = append(all, share{s.File, 0.02})
	}
	if remote {
		all = append(all, share{"store", 0.05})
	}
	sum := 0.0
	for _, s := range all {
		sum += s.part
	}
	for i := range all {
		all[i].part /= sum
	}
	return all
}

// refresh tells the progress again where nobody did for a while.
func (p *pace) refresh() {
	defer close(p.halted)
	tick := time.NewTicker(freshProgress)
	defer tick.Stop()
	for {
		select {
		case <-p.halt:
			return
		case <-tick.C:
			p.mu.Lock()
			again := p.last
			p.take(again)
			p.mu.Unlock()
		}
	}
}

// report takes what a step says of itself. One that is over, or that nobody knows, has
// nothing to say.
func (p *pace) report(said job.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if to := p.find(said.Step); to > p.at {
		p.enter(to, said.Step)
	} else if said.Step != p.last.Step {
		return
	}
	p.take(said)
}

// find is the place of a step, -1 for none. What encodes all frames without any model
// stands where the analysis would.
func (p *pace) find(step string) int {
	if step == p.last.Step {
		return p.at
	}
	for i, s := range p.steps {
		if s.step == step || step == "encode" && s.step == mainStep && p.at < i {
			return i
		}
	}
	return -1
}

func (p *pace) enter(to int, step string) {
	if p.steps[p.at].step == mainStep {
		p.main = time.Since(p.stepped)
	}
	p.at, p.stepped = to, time.Now()
	p.last.Step, p.last.Done, p.last.Total, p.last.FPS = step, 0, 0, 0
}

// take tells the progress, as far as it goes forward.
func (p *pace) take(said job.Progress) {
	now := p.last
	now.Done, now.Total = max(said.Done, now.Done), max(said.Total, now.Total)
	if now.Total > 0 {
		now.Total = max(now.Total, now.Done)
	}
	part, elapsed := 0.0, time.Since(p.stepped).Seconds()
	if now.Total > 0 {
		part = float64(now.Done) / float64(now.Total)
	}
	if p.framed() && elapsed > 0 {
		now.FPS = float64(now.Done) / elapsed
	}
	whole := p.steps[p.at].part * part
	for _, s := range p.steps[:p.at] {
		whole += s.part
	}
	now.Fraction = math.Min(math.Max(whole, p.last.Fraction), 1)
	now.ETASeconds = p.rest(now.Fraction, part)
	p.last = now
	p.tell(now)
}

// framed tells that the step under way counts frames.
func (p *pace) framed() bool {
	step := p.steps[p.at].step
	return step == mainStep || step == "encode"
}

// rest estimates the seconds that are left: at the pace of the frames as soon as there are
// any, before at that of the attempt so far; -1 where there is none yet.
func (p *pace) rest(fraction, part float64) float64 {
	inStep, of := time.Since(p.stepped).Seconds(), 0.0
	for _, s := range p.steps {
		if s.step == mainStep {
			of = s.part
		}
	}
	switch {
	case p.steps[p.at].step == mainStep && part > 0:
		return (1 - fraction) * inStep / (of * part)
	case p.main > 0:
		// The steps behind count no frames: time passes, and the estimate with it.
		return math.Max(0, (1-fraction)*p.main.Seconds()/of-inStep*(1-part))
	case fraction > 0:
		return (1 - fraction) / fraction * time.Since(p.began).Seconds()
	default:
		return -1
	}
}
