package worker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/motionmill/motionmill/cloudtest"
)

// TestMain runs the tests, or one of their worker processes.
func TestMain(m *testing.M) {
	if path := os.Getenv(planVariable); path != "" {
		os.Exit(workerProcess(path))
	}
	os.Exit(m.Run())
}

const (
	// roundsVariable sets how often the process is killed at each side of each
	// point, defaultRounds when it is not set.
	roundsVariable = "MOTIONMILL_CRASH_ROUNDS"
	defaultRounds  = 20
	// roundsOnServers is few: delays are whole seconds there, and leases long.
	roundsOnServers = 2
	// tableVariable names a file that the table of the matrix is written to.
	tableVariable = "MOTIONMILL_CRASH_TABLE"
	// pointVariable is a pattern of the points that are tried; all when it is not set.
	pointVariable = "MOTIONMILL_CRASH_POINTS"
)

// TestCrashMatrix kills a real worker process before and after each step of
// the protocol, checks the invariant on what it left, has another process
// finish, and checks that nothing was lost or done twice.
func TestCrashMatrix(t *testing.T) {
	trials := kills()
	runTrials(t, nil, defaultRounds, trials)
	keepTable(t, os.O_TRUNC, "# The crash matrix\n\n"+matrixText+"\n"+matrix(trials))
}

// TestStoppedWorker stops a worker process at a step with SIGSTOP, has another
// process finish its jobs, or begin them, and lets it go on: the late write
// must be refused, and what it makes late must not become the result.
func TestStoppedWorker(t *testing.T) {
	trials := stops()
	runTrials(t, nil, defaultRounds, trials)
	keepTable(t, os.O_APPEND, "\n## Stopped and late\n\n"+lateText+"\n"+late(trials))
}

// TestCrashMatrixOnServers makes the trials of TestCrashMatrix and of
// TestStoppedWorker on servers that stand in for AWS: the queues in ElasticMQ,
// and the ledger in dynalite, since moto's conditional writes are not atomic.
func TestCrashMatrixOnServers(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes more than a minute")
	}
	on := &servers{Queues: *cloudtest.ElasticMQ(t).BaseEndpoint, Ledger: *cloudtest.Dynalite(t).BaseEndpoint}
	truth, err := on.openLedger()
	if err == nil {
		err = truth.EnsureTable(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	killed, stopped := kills(), stops()
	runTrials(t, on, roundsOnServers, slices.Concat(killed, stopped))
	keepTable(t, os.O_APPEND, "\n## On servers\n\n"+serversText+"\n"+matrix(killed)+"\n"+late(stopped))
}

// kills lists the trials of the matrix, in pairs.
func kills() (trials []*trial) {
	for _, p := range points() {
		for _, side := range []string{before, after} {
			trials = append(trials, &trial{point: p, side: side, action: byKill, want: p.side(side)})
		}
	}
	return trials
}

// stops lists the trials in which a process is stopped.
func stops() (trials []*trial) {
	for _, p := range points() {
		if p.frozen != nil {
			trials = append(trials, &trial{point: p, side: before, action: byStop, want: *p.frozen})
		}
		if p.contested {
			trials = append(trials, &trial{point: p, side: meanwhile, action: byStop, want: *p.frozen})
		}
	}
	return trials
}

// trial is one side of a point, over all its rounds.
type trial struct {
	point  point
	side   string
	action string
	want   outcome

	mu     sync.Mutex
	rounds int // that went as they must
	wrong  []string
	// starved counts attempts, of workers that lived on, that the machine was too
	// busy to renew within the short leases here. They are charged, as they must
	// be, and say nothing of the crash, as long as they are few.
	starved int
}

// name is that of the trial's subtest.
func (t *trial) name() string {
	if t.action == byStop {
		return t.point.name + "/stopped " + t.side
	}
	return t.point.name + "/" + t.side
}

func (t *trial) fail(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
}

// runTrials runs all rounds of all trials, several processes at a time, on the
// servers, nil for embedded stages, and reports each trial as a subtest.
func runTrials(t *testing.T, on *servers, rounds int, trials []*trial) {
	t.Helper()
	if text := os.Getenv(roundsVariable); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil || rounds < 1 {
			t.Fatalf("%s=%q is not a number of rounds", roundsVariable, text)
		}
	}
	wanted, err := regexp.Compile(os.Getenv(pointVariable))
	if err != nil {
		t.Fatal(err)
	}
	dir := roundsFolder(t)
	limit := make(chan struct{}, on.pace().together)
	var group sync.WaitGroup
	for left := rounds; left > 0; left -= on.pace().lanes {
		for i, one := range trials {
			if !wanted.MatchString(one.point.name) {
				continue
			}
			folder := filepath.Join(dir, fmt.Sprintf("%d-%d", i, left))
			limit <- struct{}{}
			group.Go(func() {
				defer func() { <-limit }()
				if err := one.run(folder, on, min(left, on.pace().lanes)); err != nil {
					one.fail("%v", err)
				}
			})
		}
	}
	group.Wait()
	for _, one := range trials {
		if wanted.MatchString(one.point.name) {
			t.Run(one.name(), func(t *testing.T) {
				for _, wrong := range one.wrong {
					t.Error(wrong)
				}
				if one.starved > 1+rounds/4 {
					t.Errorf("%d attempts of workers that lived on were lost in %d rounds", one.starved, rounds)
				}
				if one.rounds != rounds {
					t.Errorf("%d rounds of %d went as they must", one.rounds, rounds)
				}
			})
		}
	}
}

// roundsFolder returns a folder for the databases, in memory where the system
// has such a place: a SIGKILL takes nothing back that was written, synced or not.
func roundsFolder(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "motionmill-crash-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// run does as many rounds as there are lanes, with one victim.
func (t *trial) run(dir string, on *servers, lanes int) (err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	p := on.pace()
	ctx, cancel := context.WithTimeout(context.Background(), p.patience)
	defer cancel()
	s, err := openSite(dir, on, stories(p)[t.point.story], lanes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(), os.RemoveAll(dir)) }()
	victim, err := s.start(ctx, t, true)
	if err != nil {
		return err
	}
	if err := victim.awaitHarm(ctx, t.action); err != nil {
		return fmt.Errorf("the victim: %w", err)
	}
	if broken, err := t.uncovered(s); broken || err != nil {
		return err
	}
	clean, err := s.start(ctx, t, false)
	if err != nil {
		return err
	}
	if err := s.await(ctx, "the clean worker has not started", s.cleanStarted); err != nil {
		return s.explain(t, clean, err)
	}
	if t.side == meanwhile {
		if err := s.await(ctx, "the clean worker runs no job", s.contested); err != nil {
			return s.explain(t, clean, err)
		}
	} else if err := s.await(ctx, "the jobs are not finished", s.settled); err != nil {
		return s.explain(t, clean, err)
	}
	if t.action == byStop {
		if err := s.wake(ctx, victim, lanes); err != nil {
			return s.explain(t, victim, err)
		}
		if err := s.mark(letGoFile); err != nil {
			return err
		}
		if err := s.await(ctx, "the jobs are not finished after the late write", s.settled); err != nil {
			return s.explain(t, clean, err)
		}
	}
	if err := clean.stop(ctx); err != nil {
		return fmt.Errorf("the clean worker: %w", err)
	}
	return t.judge(s, clean)
}

// uncovered checks the invariant right after the crash. Where it does not hold
// nothing would ever be finished, so that there is no use in waiting for it.
func (t *trial) uncovered(s *site) (broken bool, err error) {
	for _, l := range s.lanes {
		wrong, err := l.uncovered()
		if err != nil {
			return true, err
		}
		for _, w := range wrong {
			t.fail("%s, right after the crash: %s", l.name, w)
			broken = true
		}
	}
	return broken, nil
}

// judge counts the rounds that went as they must.
func (t *trial) judge(s *site, clean *child) error {
	journal, err := s.journal()
	if err != nil {
		return err
	}
	for _, l := range s.lanes {
		wrong, err := l.judge(journal[l.name], t.want, t.hungry)
		if err != nil {
			return err
		}
		if t.action == byStop && t.point.refused != "" && !slices.ContainsFunc(journal[l.name], t.refusal) {
			wrong = append(wrong, "the late write was not refused")
		}
		if len(wrong) == 0 {
			t.rounded()
		}
		for _, w := range wrong {
			t.fail("%s: %s%s", l.name, w, clean.warnings(l.name))
		}
	}
	return nil
}

// refusal tells whether an entry says that the late write was not made. The
// one of a process that was stopped for long while it was ending may not be tried.
func (t *trial) refusal(e entry) bool {
	return e.what == "refused-"+t.point.refused || e.what == "too-late-"+t.point.refused && t.point.call == "run put queued"
}

func (t *trial) hungry() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.starved++
}

func (t *trial) rounded() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rounds++
}

// child is a worker process.
type child struct {
	cmd    *exec.Cmd
	output bytes.Buffer
	exited chan struct{}
	err    error // of the exit; read it after exited is closed
}

// start starts a worker process on the site: a victim, or a clean one.
func (s *site) start(ctx context.Context, t *trial, victim bool) (*child, error) {
	todo := plan{
		Folder: s.dir, Servers: s.servers, Victim: victim, Script: s.story.script, MaxAttempts: maxAttempts,
		Lease: s.servers.pace().lease * time.Duration(max(s.story.jobs, 1)), Grace: 10 * time.Second,
	}
	todo.Hold = !victim && t.side == meanwhile
	if victim {
		todo.Action, todo.Point, todo.Side = t.action, t.point.name, t.side
		if t.side == meanwhile {
			todo.Side = before
		}
		todo.Grace, todo.StopWhenBusy = 20*time.Millisecond, s.story.stopping
	}
	for _, l := range s.lanes {
		todo.Lanes = append(todo.Lanes, l.name)
	}
	text, err := json.Marshal(todo)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, role(victim)+".json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, err
	}
	c := &child{cmd: exec.CommandContext(ctx, os.Args[0], "-test.run=^$"), exited: make(chan struct{})}
	// The race detector would wait a second before each exit.
	c.cmd.Env = append(os.Environ(), planVariable+"="+path, strings.TrimSpace("GORACE="+os.Getenv("GORACE")+" atexit_sleep_ms=0"))
	c.cmd.Stdout, c.cmd.Stderr = &c.output, &c.output
	if _, err := c.cmd.StdinPipe(); err != nil { // It ends with this process, and the child with it.
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if !victim || t.action == byKill {
		c.reap()
	}
	return c, nil
}

func (c *child) reap() {
	go func() {
		defer close(c.exited)
		c.err = c.cmd.Wait()
	}()
}

// awaitHarm waits until the process has done to itself what the plan says.
func (c *child) awaitHarm(ctx context.Context, action string) error {
	if action == byKill {
		<-c.exited
		status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
		if ctx.Err() == nil && ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
			return nil
		}
		return fmt.Errorf("the point was not reached on every lane: %w\n%s", errors.Join(c.err, ctx.Err()), c.tail())
	}
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(c.cmd.Process.Pid, &status, syscall.WUNTRACED|syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return err
		case pid != 0 && status.Stopped():
			c.reap()
			return nil
		case pid != 0:
			return fmt.Errorf("it ended before it was stopped: %v", status)
		}
		select {
		case <-ctx.Done():
			c.reap() // The context has had it killed.
			return ctx.Err()
		case <-poll.C:
		}
	}
}

// wake lets a stopped process go on, and ends it in peace once every lane has
// made its late step.
func (s *site) wake(ctx context.Context, victim *child, lanes int) error {
	if err := s.mark(resumeFile); err != nil {
		return err
	}
	if err := victim.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	err := s.await(ctx, "the late steps were not made", func() (bool, error) {
		journal, err := s.journal()
		past := 0
		for _, entries := range journal {
			if slices.ContainsFunc(entries, func(e entry) bool { return e.what == "past" }) {
				past++
			}
		}
		return past == lanes, err
	})
	return errors.Join(err, victim.stop(ctx))
}

// mark makes a file that processes wait for.
func (s *site) mark(name string) error {
	return os.WriteFile(filepath.Join(s.dir, name), nil, 0o600)
}

// contested tells whether on every lane a job runs that the process which is
// stopped holds too, in fence 1.
func (s *site) contested() (bool, error) {
	journal, err := s.journal()
	for _, l := range s.lanes {
		if !slices.Contains(fences(journal[l.name], "run", l.id(0)), 2) {
			return false, err
		}
	}
	return true, err
}

func (s *site) cleanStarted() (bool, error) {
	journal, err := s.journal()
	return len(journal[role(false)]) > 0, err
}

// stop ends a process by SIGTERM and expects it to end well.
func (c *child) stop(ctx context.Context) error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-c.exited // The context bounds the life of the process.
	if c.err != nil {
		return fmt.Errorf("it ended with %w\n%s", errors.Join(c.err, ctx.Err()), c.tail())
	}
	return nil
}

// tail returns the end of what the process wrote; it has exited.
func (c *child) tail() string {
	lines := strings.Split(strings.TrimSpace(c.output.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// warnings returns what the process, which has exited, complained of on a lane.
func (c *child) warnings(lane string) (text string) {
	for line := range strings.Lines(c.output.String()) {
		if strings.Contains(line, " lane="+lane+" ") && !strings.Contains(line, "level=INFO") {
			text += "\n" + strings.TrimSpace(line)
		}
	}
	return text
}

// await polls the stages until done says so.
func (s *site) await(ctx context.Context, what string, done func() (bool, error)) error {
	poll := time.NewTicker(s.servers.pace().look)
	defer poll.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case <-poll.C:
		}
	}
}

// explain adds to an error what the lanes look like.
func (s *site) explain(t *trial, c *child, err error) error {
	text := ""
	for _, l := range s.lanes {
		for n := range l.sources {
			rec, reading := l.ledger.Get(context.Background(), l.id(n))
			if reading == nil && !(rec.State.Final() && rec.Announced) {
				text += fmt.Sprintf("\n%s job %d: %q in fence %d, charged %d, announced %t", l.name, n, rec.State, rec.Fence, rec.Attempt, rec.Announced)
			}
		}
		for _, what := range []string{workQueue, timerQueue} {
			left, reading := l.left(what)
			for _, one := range left {
				text += fmt.Sprintf("\n%s %s: %s", l.name, what, one)
			}
			err = errors.Join(err, reading)
		}
	}
	_ = c.cmd.Process.Kill() // It may have ended already.
	<-c.exited
	return fmt.Errorf("%s %s: %w%s\n%s", t.point.name, t.side, err, text, c.tail())
}
