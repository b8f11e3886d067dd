package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/motionmill/motionmill/job"
)

// Config sets up a Worker. Zero fields take the defaults given.
type Config struct {
	// Name names the worker in histories and logs. Required.
	Name string
	// Capacity is the number of units; default 1.
	Capacity int
	// ClaimSchedule and SweepSchedule are cron expressions with seconds;
	// defaults "*/5 * * * * *" and "*/7 * * * * *".
	ClaimSchedule, SweepSchedule string
	// Lease is how long a claim is good without a renewal; default 60 s.
	Lease time.Duration
	// Beat is how often the lease is renewed, with the progress; at most a third
	// of the lease. Default 8 s: what people see of the progress is then no older than
	// ten. A shorter one shows it sooner, for more ledger writes.
	Beat time.Duration
	// Look is how often the record of a running job is read between renewals, so
	// that a cancellation or a lost fence ends the work soon; default 4 s. A read
	// is no write, and cheap.
	Look time.Duration
	// Margin is added to the end of a lease before it counts as over; default
	// 2 s, at most a quarter of the lease.
	Margin time.Duration
	// MaxAttempts is how many charged attempts a job has; default 3.
	MaxAttempts int
	// Grace is how long running jobs may go on once stopping began; 0 is none.
	Grace time.Duration
	// BackoffBase and BackoffLimit bound the full jitter before another attempt;
	// defaults 5 s and 10 min.
	BackoffBase, BackoffLimit time.Duration
	// PollWait is the longest a poll of a queue waits; default and most 20 s.
	PollWait time.Duration

	Work, InProgress, DeadLetter Queue
	Ledger                       Ledger
	Runner                       Runner
	Reader                       Reader
	Logger                       *slog.Logger
	// Report, when set, is told of every failure that was written to the ledger
	// and of every panic that was caught. It must not wait.
	Report func(job.Report)
	// Meter and Tracer are told of what the worker does; default nobody.
	Meter  Meter
	Tracer Tracer
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&c.Lease, time.Minute)
	set(&c.Beat, 8*time.Second)
	c.Beat = min(c.Beat, c.Lease/3)
	set(&c.Look, 4*time.Second)
	set(&c.Margin, min(2*time.Second, c.Lease/4))
	set(&c.BackoffBase, 5*time.Second)
	set(&c.BackoffLimit, 10*time.Minute)
	set(&c.PollWait, 20*time.Second)
	c.Grace = max(c.Grace, 0)
	if c.ClaimSchedule == "" {
		c.ClaimSchedule = "*/5 * * * * *"
	}
	if c.SweepSchedule == "" {
		c.SweepSchedule = "*/7 * * * * *"
	}
	if c.MaxAttempts <= 0 {
		c.MaxAttempts = 3
	}
	c.Margin = min(c.Margin, c.Lease/4)
	c.PollWait = min(c.PollWait, 20*time.Second)
	if c.Meter == nil {
		c.Meter = unseen{}
	}
	if c.Tracer == nil {
		c.Tracer = unseen{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Keys of the log.
const (
	keyJob    = "job"
	keyFence  = "fence"
	keyState  = "state"
	keyError  = "error"
	keyReason = "reason"
	keyAsked  = "asked" // the id of the request that cancelled or retried the job
)

// errStopping ends attempts that are still running when the grace is over.
var errStopping = errors.New("the worker is stopping")

// Worker claims jobs and runs them, and sweeps timers.
type Worker struct {
	Config
	units *Units
	clock ledgerClock

	// work is the context of attempts; it outlives the polls by the grace.
	work     context.Context
	stopWork context.CancelCauseFunc
	attempts sync.WaitGroup

	mu        sync.Mutex
	running   map[string]*attempt // by job
	claimedAt time.Time           // the last claim, at first the start
}

// New checks the configuration and returns a worker that does not run yet.
func New(cfg Config) (*Worker, error) {
	cfg = cfg.withDefaults()
	for _, schedule := range []string{cfg.ClaimSchedule, cfg.SweepSchedule} {
		if _, err := scheduleParser.Parse(schedule); err != nil {
			return nil, fmt.Errorf("read schedule %q (six cron fields, seconds first): %w", schedule, err)
		}
	}
	w := &Worker{Config: cfg, units: NewUnits(cfg.Capacity), running: map[string]*attempt{}, claimedAt: time.Now()}
	w.work, w.stopWork = context.WithCancelCause(context.Background())
	w.guardParts()
	return w, nil
}

// Units returns the worker's capacity and its accounting.
func (w *Worker) Units() *Units { return w.units }

var scheduleParser = cron.NewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// Run works until ctx ends, then stops: polls are aborted at once, messages
// not yet claimed are given back, running jobs get the grace and are then
// released. It returns when every job is settled. A worker runs once.
func (w *Worker) Run(ctx context.Context) error {
	defer w.stopWork(nil)

	ticks := cron.New(cron.WithParser(scheduleParser), cron.WithLocation(time.UTC),
		cron.WithChain(cron.SkipIfStillRunning(cron.DiscardLogger)))
	for _, tick := range []struct {
		name, schedule string
		round          func(context.Context)
	}{{"claim round", w.ClaimSchedule, w.claimRound}, {"sweep round", w.SweepSchedule, w.sweepRound}} {
		if _, err := ticks.AddFunc(tick.schedule, func() { w.guarded(tick.name, func() { tick.round(ctx) }) }); err != nil {
			return fmt.Errorf("schedule %q: %w", tick.schedule, err)
		}
	}
	w.Logger.Info("worker started", "worker", w.Name, "capacity", w.units.Capacity(), "lease", w.Lease)
	ticks.Start()
	<-ctx.Done()
	grace := time.AfterFunc(w.Grace, w.Hurry) // It counts from the signal on.
	defer grace.Stop()
	rounds := ticks.Stop()
	<-rounds.Done()
	w.drain()
	return nil
}

// Hurry ends the grace of a worker that is stopping: running jobs are released
// at once.
func (w *Worker) Hurry() { w.stopWork(errStopping) }

// drain waits for running jobs; the end of the grace has them released.
func (w *Worker) drain() {
	w.Logger.Info("worker stopping", "worker", w.Name, "running", w.runningCount(), "grace", w.Grace)
	w.attempts.Wait()
	w.Logger.Info("worker stopped", "worker", w.Name)
}

func (w *Worker) runningCount() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.running)
}

// read reads the ledger and learns its clock.
func (w *Worker) read(ctx context.Context, id string) (job.Record, error) {
	asked := time.Now()
	rec, err := w.Ledger.Get(ctx, id)
	if err != nil {
		return rec, fmt.Errorf("read job %s: %w", id, err)
	}
	// A reply that lay about, as while the process was stopped, tells no time.
	if time.Since(asked) <= w.Margin {
		w.clock.observe(rec.ReadAt)
	}
	return rec, nil
}

// newToken returns what a claim writes as its owner, so that a claim whose
// reply was lost knows itself again.
func (w *Worker) newToken() string { return w.Name + "/" + rand.Text() }

// ledgerClock tells the time by the ledger's clock, between its replies by
// this process's monotonic one. The zero value tells the local time.
type ledgerClock struct {
	mu     sync.Mutex
	remote time.Time
	local  time.Time
}

func (c *ledgerClock) observe(remote time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remote, c.local = remote, time.Now()
}

func (c *ledgerClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.remote.IsZero() {
		return time.Now().UTC()
	}
	return c.remote.Add(time.Since(c.local)).UTC()
}
