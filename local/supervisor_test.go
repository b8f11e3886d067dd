package local

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// handClock is moved by hand: waits of the supervisor end when a test says so.
type handClock struct {
	mu   sync.Mutex
	time time.Time
	// waits and graces take the waits before a new start, and for a child to stop
	// or to get ready; testGrace and testReady tell them apart.
	waits, graces, readies chan handTimer
}

type handTimer struct {
	d time.Duration
	c chan time.Time
}

const (
	testGrace = 2 * time.Hour
	testReady = 3 * time.Hour
)

func newHandClock() *handClock {
	return &handClock{
		time:  time.Unix(0, 0),
		waits: make(chan handTimer, 100), graces: make(chan handTimer, 100), readies: make(chan handTimer, 100),
	}
}

func (h *handClock) after(d time.Duration) <-chan time.Time {
	timer := handTimer{d: d, c: make(chan time.Time, 1)}
	switch d {
	case testGrace:
		h.graces <- timer
	case testReady:
		h.readies <- timer
	default:
		h.waits <- timer
	}
	return timer.c
}

func (h *handClock) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.time
}

func (h *handClock) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.time = h.time.Add(d)
}

// fire waits for a timer and ends it.
func fire(t *testing.T, timers <-chan handTimer) time.Duration {
	t.Helper()
	select {
	case timer := <-timers:
		timer.c <- time.Time{}
		return timer.d
	case <-time.After(time.Minute):
		t.Fatal("nobody waits")
	}
	return 0
}

// running is a supervisor at work in a test.
type running struct {
	t      *testing.T
	clock  *handClock
	drain  context.CancelFunc
	force  chan struct{}
	result chan error
	logs   string
	mu     sync.Mutex
	shown  []string
}

func start(t *testing.T, children ...Child) *running {
	t.Helper()
	r := &running{t: t, clock: newHandClock(), force: make(chan struct{}), result: make(chan error, 1), logs: t.TempDir()}
	for i := range children {
		children[i].Grace = testGrace
	}
	s, err := NewSupervisor(SupervisorConfig{
		Children: children, LogsDir: r.logs, ReadyWithin: testReady,
		Show: func(child, line string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.shown = append(r.shown, child+": "+line)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.clock = clock{now: r.clock.now, after: r.clock.after}
	ctx, cancel := context.WithCancel(context.Background())
	r.drain = cancel
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.result <- s.Run(ctx, r.force)
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-r.force:
		default:
			close(r.force)
		}
		<-ended
	})
	return r
}

// end waits for Run to return.
func (r *running) end() error {
	r.t.Helper()
	select {
	case err := <-r.result:
		return err
	case <-time.After(time.Minute):
		r.t.Fatal("the supervisor does not end")
	}
	return nil
}

func TestChildThatEndsIsStartedAgain(t *testing.T) {
	c := newControl(t)
	r := start(t, c.child("worker"))
	steps := []struct {
		order string
		up    time.Duration
		wait  time.Duration
	}{
		{"exit 1", 0, 100 * time.Millisecond},
		{"exit 2", time.Second, 200 * time.Millisecond}, // No longer its first start.
		{"panic all is lost", 59 * time.Second, 400 * time.Millisecond},
		{"exit 0", time.Minute, 100 * time.Millisecond}, // It was up for a minute.
		{"exit 1", 0, 200 * time.Millisecond},
	}
	pids := map[int]bool{}
	for _, step := range steps {
		child := c.expect("start", "worker")
		if pids[child.pid] {
			t.Fatalf("process %d started twice", child.pid)
		}
		pids[child.pid] = true
		waitReady(t, r)
		r.clock.advance(step.up)
		child.tell(t, step.order)
		c.expect("gone", "worker")
		if got := fire(t, r.clock.waits); got != step.wait {
			t.Errorf("after %q wait %v, want %v", step.order, got, step.wait)
		}
	}
	child := c.expect("start", "worker")
	r.drain()
	c.expect("term", "worker")
	child.tell(t, "exit 0")
	if err := r.end(); err != nil {
		t.Errorf("Run: %v, want nil", err)
	}
}

// waitReady waits until the running child counts as ready, which its timer shows.
func waitReady(t *testing.T, r *running) {
	t.Helper()
	select {
	case <-r.clock.readies:
	case <-time.After(time.Minute):
		t.Fatal("the child is not watched")
	}
}

func TestNextWait(t *testing.T) {
	want := []time.Duration{100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000}
	var wait time.Duration
	for i, w := range want {
		if wait = nextWait(wait, time.Second); wait != w*time.Millisecond {
			t.Errorf("wait %d is %v, want %v", i, wait, w*time.Millisecond)
		}
	}
	if wait = nextWait(wait, time.Minute); wait != firstWait {
		t.Errorf("wait after a minute up is %v, want %v", wait, firstWait)
	}
}

func TestStartAfterReady(t *testing.T) {
	c := newControl(t)
	store, api := c.child("store"), c.child("api")
	var asked atomic.Int32
	often, allowed := make(chan struct{}), make(chan struct{})
	store.Ready = func(context.Context) error {
		if asked.Add(1) == 3 {
			close(often)
		}
		select {
		case <-allowed:
			return nil
		default:
			return errors.New("not yet")
		}
	}
	api.After = []string{"store"}
	start(t, store, api)
	c.expect("start", "store")
	<-often
	c.quiet()
	close(allowed)
	c.expect("start", "api")
}

func TestChildThatIsNeverReadyIsKilled(t *testing.T) {
	c := newControl(t)
	child := c.child("store")
	child.Ready = func(context.Context) error { return errors.New("never") }
	r := start(t, child)
	first := c.expect("start", "store")
	fire(t, r.clock.readies)
	c.expect("gone", "store")
	fire(t, r.clock.waits)
	if second := c.expect("start", "store"); second.pid == first.pid {
		t.Errorf("process %d again, want another", first.pid)
	}
}

func TestDrainStopsTheLastChildFirst(t *testing.T) {
	c := newControl(t)
	r := start(t, c.child("store"), c.child("api"), c.child("worker"))
	children := c.expectAll("start store", "start api", "start worker")
	r.drain()
	c.expect("term", "worker")
	c.quiet()
	children["start worker"].tell(t, "exit 0")
	c.expectAll("gone worker", "term api")
	c.quiet()
	children["start api"].tell(t, "exit 0")
	c.expectAll("gone api", "term store")
	children["start store"].tell(t, "exit 0")
	c.expect("gone", "store")
	if err := r.end(); err != nil {
		t.Errorf("Run: %v, want nil", err)
	}
}

func TestChildIsKilledAfterItsGrace(t *testing.T) {
	c := newControl(t)
	r := start(t, c.child("worker"))
	c.expect("start", "worker")
	r.drain()
	c.expect("term", "worker") // And it goes on.
	fire(t, r.clock.graces)
	c.expect("gone", "worker")
	if err := r.end(); err != nil {
		t.Errorf("Run: %v, want nil", err)
	}
}

func TestForceKillsWholeGroups(t *testing.T) {
	for _, draining := range []bool{false, true} {
		c := newControl(t)
		r := start(t, c.child("store"), c.child("worker", "with=helper"))
		c.expectAll("start store", "start worker", "start helper")
		if draining {
			r.drain()
			c.expect("term", "worker")
		}
		close(r.force)
		c.expectAll("gone store", "gone worker", "gone helper")
		if err := r.end(); !errors.Is(err, ErrForced) {
			t.Errorf("draining=%v: Run: %v, want %v", draining, err, ErrForced)
		}
	}
}

func TestWhatAChildLeavesBehindIsKilled(t *testing.T) {
	c := newControl(t)
	r := start(t, c.child("worker", "with=helper"))
	children := c.expectAll("start worker", "start helper")
	children["start worker"].tell(t, "exit 1")
	c.expectAll("gone worker", "gone helper")
	fire(t, r.clock.waits)
	c.expectAll("start worker", "start helper")
}

func TestChildThatCannotWorkEndsTheStage(t *testing.T) {
	for status, name := range map[int]string{2: "usage", 3: "missing"} {
		t.Run(name, func(t *testing.T) {
			c := newControl(t)
			worker := c.child("worker")
			worker.Ready = func(context.Context) error { return errors.New("not yet") }
			r := start(t, c.child("store"), worker)
			children := c.expectAll("start store", "start worker")
			children["start worker"].tell(t, "say find ffmpeg: it is not installed")
			children["start worker"].tell(t, "exit "+string(rune('0'+status)))
			c.expectAll("gone worker", "term store")
			children["start store"].tell(t, "exit 0")
			var failure *ChildError
			if err := r.end(); !errors.As(err, &failure) {
				t.Fatalf("Run: %v, want a ChildError", err)
			}
			if failure.ExitStatus() != status || failure.Name != "worker" || failure.Line != "find ffmpeg: it is not installed" {
				t.Errorf("got %+v, want status %d and the child's line", failure, status)
			}
		})
	}
}

func TestChildThatCrashesAtItsFirstStartIsStartedAgain(t *testing.T) {
	c := newControl(t)
	worker := c.child("worker")
	worker.Ready = func(context.Context) error { return errors.New("not yet") }
	r := start(t, worker)
	for _, order := range []string{"exit 1", "panic all is lost"} { // A panic has status 2.
		child := c.expect("start", "worker")
		child.tell(t, order)
		c.expect("gone", "worker")
		fire(t, r.clock.waits)
	}
	c.expect("start", "worker")
}

func TestOutput(t *testing.T) {
	c := newControl(t)
	r := start(t, c.child("worker"))
	child := c.expect("start", "worker")
	for _, line := range []string{
		"time=1 level=INFO msg=hello", "time=2 level=WARN msg=careful",
		`{"level":"ERROR","msg":"bad"}`, "a library speaks",
	} {
		child.tell(t, "say "+line)
	}
	child.tell(t, "exit 0")
	c.expect("gone", "worker")
	fire(t, r.clock.waits) // All output of the first process is written by now.
	want := "worker: time=2 level=WARN msg=careful\nworker: {\"level\":\"ERROR\",\"msg\":\"bad\"}"
	r.mu.Lock()
	defer r.mu.Unlock()
	if got := strings.Join(r.shown, "\n"); got != want {
		t.Errorf("shown:\n%s\nwant:\n%s", got, want)
	}
	content, err := os.ReadFile(filepath.Join(r.logs, "worker.log"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[3], "[") || !strings.HasSuffix(lines[3], "] a library speaks") {
		t.Errorf("log:\n%s\nwant four lines with the process id in front", content)
	}
}

func TestKilledSupervisorLeavesNoChild(t *testing.T) {
	c := newControl(t)
	supervisor := exec.Command(os.Args[0], "supervisor")
	supervisor.Env = []string{stageVariable + "=" + c.address, "TMPDIR=" + t.TempDir()}
	if err := supervisor.Start(); err != nil {
		t.Fatal(err)
	}
	c.expect("start", "supervisor")
	c.expect("start", "orphan")
	if err := supervisor.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.expectAll("gone supervisor", "gone orphan")
	if err := supervisor.Wait(); err == nil {
		t.Error("the supervisor ended well, want by a signal")
	}
}

func TestNewSupervisorRefuses(t *testing.T) {
	tests := map[string][]Child{
		"no name":       {{}},
		"same name":     {{Name: "a"}, {Name: "a"}},
		"after itself":  {{Name: "a", After: []string{"a"}}},
		"after a later": {{Name: "a", After: []string{"b"}}, {Name: "b"}},
	}
	for name, children := range tests {
		if _, err := NewSupervisor(SupervisorConfig{Children: children}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
