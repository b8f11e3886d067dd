package local

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// outputWait bounds how long the end of a child's output is waited for when a
// process that it left behind holds it open.
const outputWait = 2 * time.Second

// process is one running child.
type process struct {
	pid int
	cmd *exec.Cmd
	// ended is closed when the child has ended and its group is killed.
	ended chan struct{}
	// exited then gives how, once, when all output is written.
	exited chan exit

	mu sync.Mutex
	// reaped tells that the system may give the number to another process.
	reaped bool
}

// exit says how a child ended.
type exit struct {
	err error
	// line is what best tells why: the message of a panic, else the last line of stderr.
	line string
	// panicked tells that the Go runtime ended the child.
	panicked bool
}

// status returns the exit status; -1 when a signal ended the child or none began.
func (e exit) status() int {
	var failure *exec.ExitError
	switch {
	case e.err == nil:
		return 0
	case errors.As(e.err, &failure):
		return failure.ExitCode()
	default:
		return -1
	}
}

func (e exit) String() string {
	if e.err == nil {
		return "exit status 0"
	}
	return e.err.Error()
}

// spawner starts processes from one thread of the system that lives as long as
// itself: a parent-death signal is sent when the thread ends that started the
// child, and Go ends threads as it likes.
type spawner struct {
	requests chan func()
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan func())}
	go func() {
		runtime.LockOSThread() // Never unlocked: the thread ends with the goroutine.
		for start := range s.requests {
			start()
		}
	}()
	return s
}

// close ends the thread, and with it every child that is still there.
func (s *spawner) close() { close(s.requests) }

// start starts the child in a group of its own, with its output going to the
// log file at path and its warnings and errors to show.
func (s *spawner) start(executable string, child Child, path string, show func(child, line string)) (*process, error) {
	log, err := openLog(path)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", child.Name, err)
	}
	cmd := exec.Command(executable, child.Args...)
	cmd.Env = child.Env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = outputWait
	view := func(line string) { show(child.Name, line) }
	stdout, stderr := &lineWriter{log: log, show: view}, &lineWriter{log: log, show: view}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := log.begin(func() (int, error) { return s.run(cmd) }); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", child.Name, err), log.close())
	}
	p := &process{pid: cmd.Process.Pid, cmd: cmd, ended: make(chan struct{}), exited: make(chan exit, 1)}
	go p.wait(log, stdout, stderr)
	return p, nil
}

// run starts cmd on the spawner's thread and returns its process id.
func (s *spawner) run(cmd *exec.Cmd) (int, error) {
	result := make(chan error)
	s.requests <- func() { result <- cmd.Start() }
	if err := <-result; err != nil {
		return 0, err
	}
	return cmd.Process.Pid, nil
}

// wait sees the child out.
func (p *process) wait(log *logFile, stdout, stderr *lineWriter) {
	awaitEnd(p.pid)
	// Not reaped yet, so its number still names this group and no other: what
	// the child left behind in it goes now.
	p.kill()
	p.mu.Lock()
	p.reaped = true
	p.mu.Unlock()
	close(p.ended)
	err := p.cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // It ended well; a process that it left behind held its output.
	}
	stdout.flush()
	stderr.flush()
	how := exit{err: err, line: stderr.last, panicked: stderr.panicked}
	if closing := log.close(); closing != nil && how.line == "" {
		how.line = closing.Error()
	}
	p.exited <- how
}

// awaitEnd waits until the process has ended and leaves it to be reaped.
func awaitEnd(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// signal sends sig to the child alone. That it has ended by itself is no error.
func (p *process) signal(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig)
}

// kill kills the child and all others of its group. That none is left is no error.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return
	}
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
}
