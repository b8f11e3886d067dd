package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"sync"
	"time"

	"github.com/motionmill/motionmill/job"
)

// Config says what a soak does. Zero fields take the defaults given.
type Config struct {
	Seed uint64
	// Jobs is how many objects are uploaded; default 50. Every twentieth
	// replaces an earlier one.
	Jobs int
	// Workers is the number of worker processes; default 4.
	Workers int
	// Abreast is how many jobs may be under way at once; default 16. Waiting is
	// how many of them may wait for a worker before no more are uploaded; default
	// the number of workers. More would only measure how long a queue is.
	Abreast, Waiting int
	// Quiet is the mean time between two signals to workers; default 3 s. On a
	// machine so slow that fewer than PerSignal jobs are done in it, default 3, the
	// signals wait for those.
	Quiet     time.Duration
	PerSignal int
	// Gentle is the share of the signals that are SIGTERM, 0 to 1; the others
	// are SIGKILL. Default 0.3.
	Gentle float64
	// Patience is how long a worker may take to end after SIGTERM; default 30 s.
	Patience time.Duration
	// Twice is the share of notifications that are delivered twice, and Late the
	// share that are held back, so that others overtake them; 0 to 1, default 0.2.
	Twice, Late float64
	// Longest is how long notifications are held back at most; default 5 s.
	Longest time.Duration
	// Limit bounds the whole; default 15 min.
	Limit time.Duration
	// Limits are for the verdict.
	Limits Limits
	// Progress takes a line every few seconds; default io.Discard.
	Progress io.Writer
}

func (c Config) withDefaults() Config {
	count := func(n *int, def int) {
		if *n <= 0 {
			*n = def
		}
	}
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	share := func(p *float64, def float64) {
		if *p <= 0 {
			*p = def
		}
	}
	count(&c.Jobs, 50)
	count(&c.Workers, 4)
	count(&c.Abreast, 16)
	count(&c.Waiting, c.Workers)
	count(&c.PerSignal, 3)
	set(&c.Quiet, 3*time.Second)
	set(&c.Patience, 30*time.Second)
	set(&c.Longest, 5*time.Second)
	set(&c.Limit, 15*time.Minute)
	share(&c.Gentle, 0.3)
	share(&c.Twice, 0.2)
	share(&c.Late, 0.2)
	if c.Progress == nil {
		c.Progress = io.Discard
	}
	return c
}

// Stage is the stage under fire: how workers are started on it, and how the
// soak itself reaches its parts, past all faults.
type Stage struct {
	// Worker returns the command of a worker process, which is to call itself by
	// the name given. Its traffic goes over the bad network.
	Worker func(name string) *exec.Cmd
	// Upload puts the n-th object into the uploads bucket. Objects of different
	// numbers have different contents.
	Upload func(ctx context.Context, key string, n int) error
	// Notices is the queue that the object store announces uploads in; the soak
	// carries them on to Work, the queue that the workers receive from.
	Notices, Work Queue
	// Read tells what a notification asks for.
	Read func(body []byte) (job.Notice, error)
	// Count counts all messages, hidden and delayed ones too, of each queue that
	// is to be empty at the end.
	Count func(ctx context.Context) (map[string]int, error)
	// Record reads a job's record.
	Record func(ctx context.Context, id string) (job.Record, error)
	// Outputs reads the outputs bucket.
	Outputs Outputs
	// Faults returns how often each fault was injected so far.
	Faults func() map[Fault]int
}

// Outputs is the bucket of results.
type Outputs interface {
	// List calls visit with every key.
	List(ctx context.Context, visit func(key string) error) error
	// Get returns an object's body.
	Get(ctx context.Context, key string) ([]byte, error)
}

// Report is how a soak went.
type Report struct {
	Verdict
	Config Config
	// Took is the time from the first upload until nothing was left to do.
	Took time.Duration
	// Kills and Stops count SIGKILLs and SIGTERMs to workers.
	Kills, Stops int
	// Repeated and Delayed count notifications that were delivered twice and held back.
	Repeated, Delayed int
	// Faults counts what was injected.
	Faults map[Fault]int
}

// run is a soak under way.
type run struct {
	cfg   Config
	stage Stage
	fleet *fleet
	// random decides about uploads and notices.
	random *rand.Rand
	began  time.Time

	uploaded int
	orders   []job.Order
	// known holds the jobs of orders; a server may announce an object twice.
	known map[string]bool
	// open holds the jobs that are announced and not done yet.
	open              map[string]bool
	repeated, delayed int

	// waiting counts the open jobs that no worker has, when last looked.
	waiting int

	mu       sync.Mutex
	busy     []string // the workers that held a job when last looked
	finished int      // the jobs that were done then
}

// Run soaks a stage and judges what is left. An error means that the soak
// itself could not be carried out, or did not end in time; what was found wrong
// with the stage is in the report.
func Run(ctx context.Context, stage Stage, cfg Config) (Report, error) {
	cfg = cfg.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, cfg.Limit)
	defer cancel()
	r := &run{
		cfg: cfg, stage: stage, random: newRandom(cfg.Seed), began: time.Now(), open: map[string]bool{}, known: map[string]bool{},
		fleet: &fleet{start: stage.Worker, patience: cfg.Patience},
	}
	if err := r.fleet.run(cfg.Workers); err != nil {
		return Report{}, err
	}
	err := r.work(ctx)
	took := time.Since(r.began)
	if stopping := r.fleet.stop(); err == nil {
		err = stopping
	}
	report, judging := r.judge(context.WithoutCancel(ctx), took)
	return report, errors.Join(err, judging)
}

// work uploads and carries notices until all jobs are done, and then until the
// queues are empty. There are no signals any more once fewer jobs are left than
// workers: they would only ever hit the same ones.
func (r *run) work(ctx context.Context) error {
	fire, cease := context.WithCancel(ctx)
	ceased := make(chan struct{})
	go func() {
		defer close(ceased)
		r.fleet.harass(fire, r.cfg, r.targets)
	}()
	err := r.until(ctx, func(ctx context.Context) (bool, error) {
		if r.cfg.Jobs-r.done() < r.cfg.Workers {
			cease()
		}
		if err := r.fleet.untoward(); err != nil {
			return false, err
		}
		return r.step(ctx)
	})
	cease()
	<-ceased
	if err != nil {
		return fmt.Errorf("soak: %d of %d jobs were not done after %s: %w", r.cfg.Jobs-r.done(), r.cfg.Jobs, time.Since(r.began).Round(time.Second), err)
	}
	var left map[string]int
	err = r.until(ctx, func(ctx context.Context) (empty bool, err error) {
		left, err = r.stage.Count(ctx)
		return total(left) == 0, err
	})
	if err != nil {
		return fmt.Errorf("soak: all jobs were done, but messages were left (%v) after %s: %w", left, time.Since(r.began).Round(time.Second), err)
	}
	return nil
}

// targets tells whom a signal may meet, and how many jobs are done.
func (r *run) targets() (busy []string, done int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.busy, r.finished
}

func (r *run) done() int { return len(r.orders) - len(r.open) }

func total(counts map[string]int) int {
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
}

// until takes steps until one says that it is enough, with a line of progress
// every few seconds.
func (r *run) until(ctx context.Context, step func(context.Context) (bool, error)) error {
	const beat, line = 100 * time.Millisecond, 5 * time.Second
	told := time.Now()
	for {
		if enough, err := step(ctx); enough || err != nil {
			return err
		}
		if time.Since(told) >= line {
			told = time.Now()
			r.tell(ctx)
		}
		if err := job.Pause(ctx, beat); err != nil {
			return err
		}
	}
}

// tell prints how far it is.
func (r *run) tell(ctx context.Context) {
	counts, err := r.stage.Count(ctx)
	if err != nil {
		fmt.Fprintln(r.cfg.Progress, "soak: count messages:", err)
	}
	kills, stops := strikes(r.fleet.log())
	faults := 0
	for _, n := range r.stage.Faults() {
		faults += n
	}
	fmt.Fprintf(r.cfg.Progress, "soak %4.0fs: %d of %d done, %d under way; %d killed, %d stopped, %d faults; messages %v\n",
		time.Since(r.began).Seconds(), r.done(), r.cfg.Jobs, len(r.open), kills, stops, faults, counts)
}

func strikes(ends []End) (kills, stops int) {
	for _, end := range ends {
		if end.Signal == 0 {
			continue
		}
		if end.Signal == kill {
			kills++
		} else {
			stops++
		}
	}
	return kills, stops
}
