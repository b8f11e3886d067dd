package local

import (
	"context"
	"log/slog"
	"path/filepath"
	"syscall"
	"time"
)

const (
	firstWait   = 100 * time.Millisecond
	longestWait = 10 * time.Second
	steadyAfter = time.Minute
)

// nextWait returns how long to wait before a child is started again, which was
// up for so long; last is what it returned the time before, 0 at first.
func nextWait(last, up time.Duration) time.Duration {
	if last == 0 || up >= steadyAfter {
		return firstWait
	}
	return min(2*last, longestWait)
}

// keeper keeps one child running until it is told to stop.
type keeper struct {
	child   Child
	config  *SupervisorConfig
	clock   clock
	spawner *spawner
	log     *slog.Logger
	// after holds the ready channels of the children that go first.
	after []<-chan struct{}
	// failed takes the one error that ends the stage.
	failed chan<- error
	// kill is closed when every process is to be killed at once.
	kill <-chan struct{}
	// ready is closed when the child has been ready for the first time.
	ready chan struct{}
	// stop is closed when the child is to end.
	stop chan struct{}
	// done is closed when no process of the child is left and none will come.
	done chan struct{}
}

// run is the life of a child: start, watch, wait, start again.
func (k *keeper) run() {
	defer close(k.done)
	for _, ready := range k.after {
		if !k.await(ready) {
			return
		}
	}
	for wait := time.Duration(0); ; {
		started := k.clock.now()
		exit, again := k.once()
		if !again {
			return
		}
		wait = nextWait(wait, k.clock.now().Sub(started))
		k.log.Error("child ended; it is started again", "how", exit.String(), "last_line", exit.line, "log", k.logPath(), "wait", wait)
		if !awaitTime(k, k.clock.after(wait)) {
			return
		}
	}
}

// await waits for c to be closed and tells whether that came before the end.
func (k *keeper) await(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-k.stop:
	case <-k.kill:
	}
	return false
}

// awaitTime waits for t and tells whether that came before the end.
func awaitTime(k *keeper, t <-chan time.Time) bool {
	select {
	case <-t:
		return true
	case <-k.stop:
	case <-k.kill:
	}
	return false
}

// once runs the child a single time. It tells how that ended and whether the
// child is to be started again.
func (k *keeper) once() (exit, bool) {
	p, err := k.spawner.start(k.config.Executable, k.child, k.logPath(), k.config.Show)
	if err != nil {
		return exit{err: err, line: err.Error()}, true
	}
	k.log.Info("child started", "pid", p.pid)
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan struct{})
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		k.poll(ctx, ready)
	}()
	again := k.attend(p, ready)
	cancel()
	<-polled
	how := <-p.exited
	if again && k.fatal(how) {
		k.failed <- &ChildError{Name: k.child.Name, Status: how.status(), Line: how.line, Log: k.logPath()}
		again = false
	}
	return how, again
}

// attend watches a running child until it is about to end. It tells whether that
// was the child's own doing, which asks for another start.
func (k *keeper) attend(p *process, ready <-chan struct{}) bool {
	late := k.clock.after(k.config.ReadyWithin)
	for {
		select {
		case <-p.ended:
			return true
		case <-ready:
			k.log.Info("child is ready", "pid", p.pid)
			if !isClosed(k.ready) {
				close(k.ready)
			}
			ready, late = nil, nil
		case <-late:
			k.log.Error("child is killed: it did not become ready", "pid", p.pid, "within", k.config.ReadyWithin)
			p.kill()
			return true
		case <-k.stop:
			k.terminate(p)
			return false
		case <-k.kill:
			p.kill()
			return false
		}
	}
}

// terminate asks the child to end and kills it when its grace is over.
func (k *keeper) terminate(p *process) {
	k.log.Info("child is asked to stop", "pid", p.pid, "grace", k.child.Grace)
	p.signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return
	case <-k.clock.after(k.child.Grace):
		k.log.Warn("child is killed: it did not stop within its grace", "pid", p.pid, "grace", k.child.Grace)
	case <-k.kill:
	}
	p.kill()
}

// poll asks the child's Ready until it says yes, and then closes ready.
func (k *keeper) poll(ctx context.Context, ready chan<- struct{}) {
	if k.child.Ready != nil {
		tick := time.NewTicker(readyPause)
		defer tick.Stop()
		for k.tryReady(ctx) != nil {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}
	close(ready)
}

// tryReady asks once, and not for ever.
func (k *keeper) tryReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTry)
	defer cancel()
	return k.child.Ready(ctx)
}

// fatal tells whether a child's end says that starting it again is of no use.
// A Go panic also exits with status 2, and is a crash like any other.
func (k *keeper) fatal(how exit) bool {
	status := how.status()
	return !isClosed(k.ready) && !how.panicked && (status == statusUsage || status == statusMissing)
}

func (k *keeper) logPath() string { return filepath.Join(k.config.LogsDir, k.child.Name+".log") }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
