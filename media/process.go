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

	"github.com/motionmill/motionmill/media/sandbox"
	"golang.org/x/sys/unix"
)

// maxOutput is the largest file that a child may write, in bytes; failures name it.
const maxOutput = 32 << 30

// maxFiles is how many descriptors a child may have open.
const maxFiles = 256

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
	// memory bounds what the child allocates, in bytes; 0 gives it most of
	// the machine's.
	memory int64
	// encoder, where it is hardware, lets the child use the devices.
	encoder Encoder
}

// view is what the child sees: the input, and the working folder, which is "/"
// for a run that writes no files.
func (c command) view() sandbox.View {
	view := sandbox.View{Devices: c.encoder.Name() != ""}
	if c.input != "" {
		view.Files = []string{c.input}
	}
	if c.dir != "/" {
		view.Dir = c.dir
	}
	return view
}

// use is what the child may use at most. Drivers of GPUs reserve memory far
// beyond what they need.
func (c command) use() sandbox.Use {
	use := sandbox.Use{
		Memory: sandbox.Memory() / 4 * 3,
		CPU:    c.deadline * time.Duration(runtime.NumCPU()), FileBytes: maxOutput, OpenFiles: maxFiles,
	}
	if c.memory > 0 {
		use.Memory = min(use.Memory, c.memory)
	}
	if c.encoder.Name() != "" {
		use.Memory = 0
	}
	return use
}

// process is a running child. Its whole group is killed at the deadline, when
// the context ends or by kill; and by the kernel when this process dies.
type process struct {
	command command
	child   *sandbox.Child
	tail    *tail
	started time.Time
	// done is closed when the child has been reaped; the fields below it
	// may be read then.
	done  chan struct{}
	state *os.ProcessState
	wall  time.Duration

	mu    sync.Mutex
	pid   int  // 0 before the child is started, and once it is about to be reaped
	gone  bool // then
	cause error

	readers readers
}

// start runs a command in the sandbox. The caller must wait.
func (t *Tools) start(ctx context.Context, c command) (*process, error) {
	p, err := t.begin(c)
	if err == nil {
		go p.watch(ctx)
	}
	return p, err
}

// begin runs a command that nobody watches yet.
func (t *Tools) begin(c command) (*process, error) {
	p := &process{
		command: c,
		tail:    newTail(c.input, c.subject),
		started: time.Now(),
		done:    make(chan struct{}),
	}
	cmd := exec.Command(c.path, append(c.encoder.device(), c.args...)...)
	cmd.Dir = c.dir
	cmd.Env = append([]string{"LANG=C", "LC_ALL=C"}, c.encoder.environment()...)
	if c.stdout != nil {
		cmd.Stdout = guardedWriter{c.stdout, p}
	}
	cmd.Stderr = guardedWriter{p.tail, p}
	cmd.ExtraFiles = c.files
	cmd.WaitDelay = 2 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	failed := make(chan error, 1)
	go p.run(t.box, cmd, failed)
	err := <-failed
	for _, file := range c.files {
		_ = file.Close() // our copies; the child has its own
	}
	if err != nil {
		return nil, p.notStarted(err)
	}
	return p, nil
}

// run starts the child and reaps it, on one thread of the system: the death
// signal is tied to the thread that started the child, so that it has to
// stay until the child is gone. It then ends with the goroutine, since the
// sandbox may have confined it too.
func (p *process) run(box *sandbox.Box, cmd *exec.Cmd, failed chan<- error) {
	runtime.LockOSThread()
	child, err := box.Start(cmd, p.command.view(), p.command.use())
	if err != nil {
		failed <- err
		return
	}
	p.mu.Lock()
	p.child, p.pid = child, cmd.Process.Pid
	if p.cause != nil { // What it wrote at once was refused.
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	}
	p.mu.Unlock()
	failed <- nil
	awaitExit(cmd.Process.Pid)
	// The child is a zombie now, so its number cannot have been given to
	// another group yet: end whatever is left of it, then forget it.
	p.mu.Lock()
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	p.pid, p.gone = 0, true
	p.mu.Unlock()
	_ = cmd.Wait() // the state says all that its error would
	p.state = cmd.ProcessState
	p.wall = time.Since(p.started)
	close(p.done)
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
	if p.gone {
		return
	}
	if p.cause == nil {
		p.cause = cause
	}
	if p.pid != 0 { // Else it is starting, and killed then.
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	}
}

// wait returns when the child is gone: what it took, and a typed error
// unless it succeeded.
func (p *process) wait() (Usage, error) {
	<-p.done
	usage := Usage{
		Wall:     p.wall,
		CPU:      p.spent(),
		Warnings: p.tail.lines(),
	}
	return usage, p.failure()
}

// spent is the processor time of a child that is gone.
func (p *process) spent() time.Duration { return p.state.UserTime() + p.state.SystemTime() }
