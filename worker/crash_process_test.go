package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/motionmill/motionmill/queue"
	"github.com/motionmill/motionmill/worker"
)

// planVariable names the file with the plan of a worker process.
const planVariable = "MOTIONMILL_CRASH_PLAN"

// What becomes of a process whose lanes all stand at their crash point.
const (
	byKill = "kill" // SIGKILL
	byStop = "stop" // SIGSTOP, until the file resumeFile is there and SIGCONT comes
)

const (
	resumeFile = "resume"
	letGoFile  = "let-go"
	started    = "started" // what a process notes of itself
)

// plan is what a worker process is to do. Every lane is a stage of its own,
// with its own database, or its own queues on the servers, and one real worker;
// they share the process.
type plan struct {
	Folder  string
	Servers *servers // nil for embedded stages
	Lanes   []string
	// Victim is set in processes that come to harm; the jobs of a script behave
	// badly there and well in a clean process.
	Victim       bool
	Script       string
	Action       string
	Point, Side  string
	MaxAttempts  int
	Lease, Grace time.Duration
	// Hold has every job run on until the file letGoFile is there.
	Hold         bool
	StopWhenBusy bool // SIGTERM to itself once a job runs on every lane.
}

// process is a worker process: the barrier that its lanes meet at.
type process struct {
	plan
	call    string // the call of the crash point
	nth     int
	journal *os.File

	gate sync.RWMutex // held for reading by every call to the database, when it may be stopped

	mu      sync.Mutex
	arrived int
	busy    int
	resumed chan struct{}
}

// workerProcess is main of a worker process; it returns its exit status.
func workerProcess(path string) int {
	if err := runProcess(path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func runProcess(path string) error {
	p := &process{resumed: make(chan struct{}), nth: 1}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &p.plan); err != nil {
		return err
	}
	if p.Point != "" {
		at, err := pointNamed(p.Point)
		if err != nil {
			return err
		}
		p.call, p.nth = at.call, max(at.nth, 1)
	}
	p.journal, err = os.OpenFile(filepath.Join(p.Folder, "journal"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	go func() { // Nothing is ever written: it ends when the test does, whose processes must not outlive it.
		_, err := io.Copy(io.Discard, os.Stdin)
		fmt.Fprintln(os.Stderr, "the test is gone", err)
		os.Exit(1)
	}()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	p.note(role(p.Victim), started, "-", 0) // From now on SIGTERM is a request.
	var group sync.WaitGroup
	failures := make(chan error, len(p.Lanes))
	for _, name := range p.Lanes {
		w, err := p.open(name)
		if err != nil {
			return err
		}
		group.Go(func() { failures <- w.Run(ctx) })
	}
	group.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}

// open makes the worker of a lane. Its parts are open until the process ends.
func (p *process) open(name string) (*worker.Worker, error) {
	l := &lane{process: p, name: name, deleted: make(chan struct{}), passed: make(chan struct{})}
	has, err := p.Servers.open(p.Folder, name)
	if err != nil {
		return nil, err
	}
	cfg := worker.Config{
		Name: role(p.Victim) + "-" + name, Capacity: 4, ClaimSchedule: "* * * * * *", SweepSchedule: "* * * * * *",
		Lease: p.Lease, MaxAttempts: p.MaxAttempts, Grace: p.Grace, BackoffBase: 20 * time.Millisecond, BackoffLimit: 100 * time.Millisecond,
		PollWait: 5 * time.Second, Ledger: &tracedLedger{l, has.ledger}, Reader: queue.NewReader(queue.ReaderConfig{Bucket: uploads}),
		Runner: &tracedRunner{l, &fileRunner{lane: l, ledger: has.ledger, dir: filepath.Join(p.Folder, name)}},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)).With("lane", name),
	}
	for what, to := range map[string]*worker.Queue{workQueue: &cfg.Work, timerQueue: &cfg.InProgress, deadQueue: &cfg.DeadLetter} {
		*to = &tracedQueue{l, what, has.queues[what]}
	}
	return worker.New(cfg)
}

func role(victim bool) string {
	if victim {
		return "victim"
	}
	return "clean"
}

// note appends a line to the journal, which outlives the process.
func (p *process) note(lane, what, id string, fence int64) {
	if _, err := fmt.Fprintf(p.journal, "%s %s %s %d\n", lane, what, id, fence); err != nil {
		panic(err)
	}
}

// begun counts the lanes on which a job has begun to run.
func (p *process) begun() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy++
	if p.StopWhenBusy && p.busy == len(p.Lanes) {
		harm(syscall.SIGTERM)
	}
}

func harm(s syscall.Signal) {
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		panic(err)
	}
}

// arrive holds a lane at its point. When the last one has come, the process is
// killed; or it is stopped, and all go on when it is resumed.
func (p *process) arrive(l *lane) {
	p.note(l.name, "at", "-", 0)
	p.mu.Lock()
	p.arrived++
	last := p.arrived == len(p.Lanes)
	p.mu.Unlock()
	switch {
	case !last:
		<-p.resumed
	case p.Action == byKill:
		harm(syscall.SIGKILL)
		select {}
	default:
		p.gate.Lock() // No lock of the database is held while the process is stopped.
		harm(syscall.SIGSTOP)
		p.awaitFile(context.Background(), resumeFile)
		p.gate.Unlock()
		close(p.resumed)
	}
}

// awaitFile returns when the test has made a file, or ctx ends.
func (p *process) awaitFile(ctx context.Context, name string) {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for ctx.Err() == nil {
		if _, err := os.Stat(filepath.Join(p.Folder, name)); err == nil {
			return
		} else if !errors.Is(err, os.ErrNotExist) {
			panic(err)
		}
		<-poll.C
	}
}

// lane is one stage in a process. Once it stands at the crash point, none of
// its goroutines makes another call, so that the crash happens exactly there.
type lane struct {
	*process
	name string

	mu     sync.Mutex
	seen   int
	spent  bool
	frozen chan struct{} // not nil while frozen

	turn    sync.Mutex // held by the claim that is being written
	ran     sync.Once
	once    sync.Once
	deleted chan struct{} // closed when a work message was deleted
	passed  chan struct{} // closed when the crash point was passed
}

// awaitSweep has a victim that is to die in the sweep claim nothing before, so
// that what the sweep sends back is still there when it dies.
func (l *lane) awaitSweep(ctx context.Context) {
	if l.Victim && l.Script == succeeds && strings.HasPrefix(l.call, "sweep ") {
		select {
		case <-l.passed:
		case <-ctx.Done():
		}
	}
}

// awaitDelete has an attempt of a victim begin when its work message is gone,
// so that nothing but the timer is left to find the job by.
func (l *lane) awaitDelete(ctx context.Context) {
	if l.Victim {
		select {
		case <-l.deleted:
		case <-ctx.Done():
		}
	}
}

func (l *lane) hasDeleted(queue string) {
	if queue == workQueue {
		l.once.Do(func() { close(l.deleted) })
	}
}

// wait returns when the lane is not frozen.
func (l *lane) wait() {
	for {
		l.mu.Lock()
		frozen := l.frozen
		l.mu.Unlock()
		if frozen == nil {
			return
		}
		<-frozen
	}
}

// arm reports whether this call is the one of the crash point, and freezes
// every other one: at once, or, behind a call that waits for something or is
// made of steps itself, when it is over.
func (l *lane) arm(call string, waits bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.spent || l.call != call || l.Action == "" {
		return false
	}
	if l.seen++; l.seen < l.nth {
		return false
	}
	l.spent = true
	if !waits || l.Side == before {
		l.frozen = make(chan struct{})
	}
	return true
}

// disarm takes an arm back: the call did not do what the point is about.
func (l *lane) disarm() {
	l.mu.Lock()
	l.spent = false
	l.seen--
	l.mu.Unlock()
	l.thaw()
}

func (l *lane) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen == nil {
		l.frozen = make(chan struct{})
	}
}

func (l *lane) thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen != nil {
		close(l.frozen)
		l.frozen = nil
	}
}

// step makes one call of a worker's port. do reports whether what the call is
// for has happened.
func (l *lane) step(call string, waits bool, do func() bool) {
	l.wait()
	armed := l.arm(call, waits)
	if armed && l.Side == before {
		l.arrive(l)
		l.thaw()
	}
	happened := do()
	switch {
	case armed && l.Side == after && happened:
		l.freeze()
		l.arrive(l)
		l.thaw()
	case armed && l.Side == after:
		l.disarm()
		return
	default:
		l.wait()
	}
	if armed {
		l.note(l.name, "past", "-", 0)
		close(l.passed)
	}
}
