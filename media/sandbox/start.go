package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrNotBegun is why a child ended that never became the program: the box could
// not be made around it.
var ErrNotBegun = errors.New("the sandbox could not be set up")

// Child is a started child.
type Child struct {
	wrapped *wrapped
}

// Start starts cmd in the box, with the view, in the limits. What cmd inherits
// (its ExtraFiles too) stays as it is. The calling goroutine must be locked to
// its thread and must end without unlocking it: what confines the child may
// confine the thread for good.
func (b *Box) Start(cmd *exec.Cmd, view View, use Use) (*Child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	if b.means.level == Bubblewrap {
		w, err := b.wrap(cmd, view)
		if err != nil {
			return nil, err
		}
		if err := b.fork(cmd); err != nil {
			w.close()
			return nil, err
		}
		w.release()
		limit(cmd.Process.Pid, use) // Before it goes on: the program inherits them.
		go w.follow()
		return &Child{w}, nil
	}
	if err := b.confineThread(view); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotBegun, err)
	}
	if b.means.namespaces {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS
	}
	if err := b.fork(cmd); err != nil {
		return nil, err
	}
	limit(cmd.Process.Pid, use)
	return &Child{}, nil
}

// fork starts cmd. The kernel says ENOSPC when it makes no more namespaces,
// which must not pass for a full disk.
func (b *Box) fork(cmd *exec.Cmd) error {
	err := cmd.Start()
	if b.means.namespaces && errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("%w: the system makes no more namespaces (sysctl user.max_user_namespaces)", ErrNotBegun)
	}
	return err
}

// confineThread puts the calling thread into the box as far as that is what
// confines the child.
func (b *Box) confineThread(view View) error {
	if b.means.level == Landlock {
		if err := landlockThread(b.system, view); err != nil {
			return err
		}
	}
	if b.means.level == Landlock || b.means.level == Seccomp {
		return errors.Join(dropRights(), filterThread())
	}
	return nil
}

// End says how the program ended, once what was started has been reaped with the
// state given: with a code, or by a signal, which is 0 otherwise.
func (c *Child) End(state *os.ProcessState) (code int, signal syscall.Signal, err error) {
	status, _ := state.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return -1, status.Signal(), nil
	}
	if c.wrapped == nil {
		return state.ExitCode(), 0, nil
	}
	<-c.wrapped.done
	switch {
	case !c.wrapped.ended, c.wrapped.code == 126, c.wrapped.code == 127: // The shell could not run it.
		return state.ExitCode(), 0, ErrNotBegun
	case c.wrapped.code > 128 && c.wrapped.code < 128+65:
		return -1, syscall.Signal(c.wrapped.code - 128), nil // As shells have it.
	default:
		return c.wrapped.code, 0, nil
	}
}
