package media

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxOutput is the largest file that a child may write, in bytes.
const maxOutput = 32 << 30

// errDeadline is the reason of a kill at the deadline.
var errDeadline = errors.New("the deadline passed")

// Usage is what a finished process took.
type Usage struct {
	// Wall is the time from its start to its end, CPU the user and system
	// time of all its threads.
	Wall, CPU time.Duration
	// Frames counts the frames of the source that it worked on.
	Frames int64
	// Warnings are the last lines that it wrote to stderr although it
	// succeeded, oldest first: complaints about damaged parts of the input.
	Warnings []string
}

// command is one run of ffmpeg or ffprobe.
type command struct {
	path string
	args []string
	// dir is the working folder.
	dir string
	// stdout receives standard output; nil discards it.
	stdout io.Writer
	// files become descriptors 3, 4, … of the child; they are closed here
	// once it has them, and also when it cannot be started.
	files []*os.File
	// deadline bounds the run; it must be positive.
	deadline time.Duration
	// op and subject name the work in errors; input is the path that
	// stderr lines are freed of.
	op, subject, input string
}

// process is a running child. Its whole group is killed at the deadline, when
// the context ends or by kill; and by the kernel when this process dies.
type process struct {
	command command
	tail    *tail
	started time.Time
	// done is closed when the child has been reaped; the fields below it
	// may be read then.
	done  chan struct{}
	state *os.ProcessState
	wall  time.Duration

	mu    sync.Mutex
	pid   int // 0 once the child is about to be reaped
	cause error
}

// start runs a command. The caller must wait.
func start(ctx context.Context, c command) (*process, error) {
	p := &process{
		command: c,
		tail:    newTail(c.input, c.subject),
		started: time.Now(),
		done:    make(chan struct{}),
	}
	cmd := exec.Command(c.path, c.args...)
	cmd.Dir = c.dir
	cmd.Env = []string{"LANG=C", "LC_ALL=C"}
	cmd.Stdout = c.stdout
	cmd.Stderr = p.tail
	cmd.ExtraFiles = c.files
	cmd.WaitDelay = 2 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	failed := make(chan error, 1)
	go p.run(cmd, failed)
	err := <-failed
	for _, file := range c.files {
		_ = file.Close() // our copies; the child has its own
	}
	if err != nil {
		return nil, p.notStarted(err)
	}
	go p.watch(ctx)
	return p, nil
}

// run starts the child and reaps it, on one thread of the system: the death
// signal is tied to the thread that started the child, so that it has to
// stay until the child is gone.
func (p *process) run(cmd *exec.Cmd, failed chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		failed <- err
		return
	}
	p.pid = cmd.Process.Pid
	confine(p.pid)
	failed <- nil
	awaitExit(cmd.Process.Pid)
	// The child is a zombie now, so its number cannot have been given to
	// another group yet: end whatever is left of it, then forget it.
	p.mu.Lock()
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	p.pid = 0
	p.mu.Unlock()
	_ = cmd.Wait() // the state says all that its error would
	p.state = cmd.ProcessState
	p.wall = time.Since(p.started)
	close(p.done)
}

// confine sets the child's resource limits. They are a second fence behind
// the limits on the command line, so a kernel that refuses them is no error.
func confine(pid int) {
	for resource, most := range map[int]uint64{
		unix.RLIMIT_CORE:   0,
		unix.RLIMIT_FSIZE:  maxOutput,
		unix.RLIMIT_NOFILE: 256,
	} {
		_ = unix.Prlimit(pid, resource, &unix.Rlimit{Cur: most, Max: most}, nil)
	}
}

// awaitExit returns when the child has ended, without reaping it.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// watch kills the group at the deadline or when the context ends.
func (p *process) watch(ctx context.Context) {
	timer := time.NewTimer(p.command.deadline)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-ctx.Done():
		p.kill(ended(ctx))
	case <-timer.C:
		p.kill(errDeadline)
	}
}

// kill ends the group at once, for the reason given. The first reason stays.
// There is nothing in the child worth saving, so it is not asked first.
func (p *process) kill(cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid == 0 {
		return
	}
	if p.cause == nil {
		p.cause = cause
	}
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
}

// wait returns when the child is gone: what it took, and a typed error
// unless it succeeded.
func (p *process) wait() (Usage, error) {
	<-p.done
	usage := Usage{
		Wall:     p.wall,
		CPU:      p.state.UserTime() + p.state.SystemTime(),
		Warnings: p.tail.lines(),
	}
	return usage, p.failure()
}
