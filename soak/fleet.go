package soak

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/motionmill/motionmill/job"
)

// End is how a worker process ended.
type End struct {
	Worker string
	// Signal is what it was sent last; 0 when it ended by itself.
	Signal syscall.Signal
	// At is when the signal was sent; Gone is when the process had ended.
	At, Gone time.Time
	// Late tells that it was told to stop, did not in time, and was killed.
	Late bool
	// Err is what its end says: nil for status 0.
	Err error
}

// fleet keeps a number of worker processes running: one that a signal ended is
// followed by another at once.
type fleet struct {
	start func(worker string) *exec.Cmd
	// patience is how long a process may take to end once it was told to stop.
	patience time.Duration

	mu      sync.Mutex
	slots   []*process
	ends    []End
	stopped bool
	keepers sync.WaitGroup
}

// process is a worker that runs.
type process struct {
	worker string
	cmd    *exec.Cmd
	gone   chan struct{}

	mu     sync.Mutex
	signal syscall.Signal
	at     time.Time
	late   bool
}

// run starts the workers of every slot.
func (f *fleet) run(slots int) error {
	f.slots = make([]*process, slots)
	for slot := range slots {
		p, err := f.launch(slot, 1)
		if err != nil {
			return errors.Join(err, f.stop())
		}
		f.keepers.Go(func() { f.keep(slot, p) })
	}
	return nil
}

// launch starts a process; it returns none when the fleet was stopped.
func (f *fleet) launch(slot, life int) (*process, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return nil, nil
	}
	name := fmt.Sprintf("w%d.%d", slot+1, life)
	p := &process{worker: name, cmd: f.start(name), gone: make(chan struct{})}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start worker %s: %w", name, err)
	}
	f.slots[slot] = p
	return p, nil
}

// keep waits for the process of a slot, and follows it by others until the
// fleet is stopped.
func (f *fleet) keep(slot int, p *process) {
	for life := 2; ; life++ {
		err := p.cmd.Wait()
		close(p.gone)
		end := p.end(err)
		f.mu.Lock()
		f.ends = append(f.ends, end)
		f.mu.Unlock()
		if end.Signal == 0 {
			return // The soak ends with that.
		}
		if p, err = f.launch(slot, life); err != nil {
			f.mu.Lock()
			f.ends = append(f.ends, End{Worker: fmt.Sprintf("of slot %d", slot+1), Gone: time.Now(), Err: err})
			f.mu.Unlock()
		}
		if p == nil {
			return
		}
	}
}

func (p *process) end(err error) End {
	p.mu.Lock()
	defer p.mu.Unlock()
	return End{Worker: p.worker, Signal: p.signal, At: p.at, Late: p.late, Gone: time.Now(), Err: err}
}

// send sends a signal, unless the process is gone or was sent a stronger one.
func (p *process) send(signal syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := time.Now()
	if p.signal == syscall.SIGKILL || p.cmd.Process.Signal(signal) != nil {
		return
	}
	p.signal, p.at = signal, at
}

// strike sends a signal to the worker of a slot. One that is told to stop and
// does not in time is killed, which its End then shows.
func (f *fleet) strike(slot int, signal syscall.Signal) {
	f.mu.Lock()
	p := f.slots[slot]
	f.mu.Unlock()
	p.send(signal)
	if signal != syscall.SIGTERM {
		return
	}
	f.keepers.Go(func() { f.hasten(p) })
}

// hasten kills a process that was told to stop and does not.
func (f *fleet) hasten(p *process) {
	timer := time.NewTimer(f.patience)
	defer timer.Stop()
	select {
	case <-p.gone:
	case <-timer.C:
		p.mu.Lock()
		p.late = true
		p.mu.Unlock()
		p.send(syscall.SIGKILL)
	}
}

// stop tells all workers to stop, and returns when they have.
func (f *fleet) stop() error {
	f.mu.Lock()
	f.stopped = true
	slots := f.slots
	f.mu.Unlock()
	for slot, p := range slots {
		if p != nil {
			f.strike(slot, syscall.SIGTERM)
		}
	}
	f.keepers.Wait()
	return f.untoward()
}

// untoward tells of processes that ended by themselves, or that did not stop
// when they were told to.
func (f *fleet) untoward() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, end := range f.ends {
		switch {
		case end.Signal == 0:
			errs = append(errs, fmt.Errorf("worker %s ended by itself: %w", end.Worker, end.Err))
		case end.Late:
			errs = append(errs, fmt.Errorf("worker %s did not stop within %s of SIGTERM", end.Worker, f.patience))
		}
	}
	return errors.Join(errs...)
}

func (f *fleet) log() []End {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]End(nil), f.ends...)
}

// harass strikes a worker after random times until ctx ends: mostly one of
// those that are busy, by name, as a kill of any other tells little.
func (f *fleet) harass(ctx context.Context, cfg Config, targets func() (busy []string, done int)) {
	random := newRandom(cfg.Seed + 1)
	for sent := 0; job.Pause(ctx, cfg.Quiet/2+time.Duration(random.Int64N(int64(cfg.Quiet)))) == nil; {
		busy, done := targets()
		if sent > done/cfg.PerSignal {
			continue
		}
		sent++
		signal := syscall.SIGKILL
		if random.Float64() < cfg.Gentle {
			signal = syscall.SIGTERM
		}
		slot := random.IntN(cfg.Workers)
		if len(busy) > 0 && random.Float64() < 0.8 {
			slot = f.slotOf(busy[random.IntN(len(busy))], slot)
		}
		f.strike(slot, signal)
	}
}

// slotOf returns the slot of a worker that runs, and another one when it does not.
func (f *fleet) slotOf(worker string, another int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for slot, p := range f.slots {
		if p.worker == worker {
			return slot
		}
	}
	return another
}
