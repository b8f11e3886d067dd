package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// wrap has bubblewrap start cmd in a file system that holds the system's programs
// and the view, read-only but for the view's folder.
func (b *Box) wrap(cmd *exec.Cmd, view View) (*wrapped, error) {
	program, err := filter(true)
	if err != nil {
		return nil, err
	}
	w := &wrapped{done: make(chan struct{})}
	if err := w.open(cmd, encode(program)); err != nil {
		w.close()
		return nil, fmt.Errorf("open pipes to bubblewrap: %w", err)
	}
	// Root gets a user namespace too, so that it has no rights inside.
	w.args = append(w.args, "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try",
		"--disable-userns", "--cap-drop", "ALL", "--die-with-parent", "--as-pid-1")
	w.args = append(w.args, b.mounts(view)...)
	if cmd.Dir != "" {
		w.args = append(w.args, "--chdir", cmd.Dir)
	}
	cmd.Args = append([]string{b.means.wrapper, "--args", strconv.Itoa(w.gate), "--", shell, "-c", whenAsked, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = b.means.wrapper
	if b.means.namespaces {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWPID // All in it dies with its first process.
	}
	return w, nil
}

// whenAsked has a shell become the program once we answer on its standard input.
// Bubblewrap's child asks to die with its parent a moment after its start, so
// that it would go on if we were killed before; but when the shell speaks it has
// asked, and if we are gone by then, the answer is missing.
const (
	shell     = "/bin/sh"
	whenAsked = `echo >&0 && read -r go && exec "$0" "$@" </dev/null`
)

// mounts are the options that lay out the child's file system. /tmp is there
// and empty.
func (b *Box) mounts(view View) []string {
	var args []string
	bind := func(how string, paths ...string) {
		for _, path := range paths {
			args = append(args, how, path, path)
		}
	}
	for _, link := range b.system.links {
		if target, err := os.Readlink(link); err == nil { // It was there when we looked.
			args = append(args, "--symlink", target, link)
		}
	}
	args = append(args, "--dir", "/tmp")
	bind("--ro-bind", b.system.folders...)
	bind("--dev-bind", os.DevNull)
	if view.Devices {
		// Root without rights could still write what belongs to root, such as /proc/sys.
		args = append(args, "--proc", "/proc", "--remount-ro", "/proc")
		bind("--ro-bind-try", b.system.drivers...)
		bind("--dev-bind-try", b.system.devices...)
	}
	bind("--ro-bind", b.system.files...)
	if view.Dir != "" {
		bind("--bind", view.Dir)
	}
	bind("--ro-bind", view.Files...)
	return append(args, "--remount-ro", "/")
}

// wrapped is what we and a running bubblewrap tell each other.
type wrapped struct {
	args   []string
	theirs []*os.File
	// options carries args to the child, whose descriptor gate it is; status
	// is what bubblewrap says.
	options, status *os.File
	gate            int
	// shell is our end of the shell's standard input.
	shell *os.File
	// ended tells, once done is closed, that the program ran and ended with code.
	done  chan struct{}
	ended bool
	code  int
}

// open opens the pipes and hands the child's ends to cmd.
func (w *wrapped) open(cmd *exec.Cmd, filter []byte) error {
	give := func(file *os.File) int {
		w.theirs = append(w.theirs, file)
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
		return 2 + len(cmd.ExtraFiles)
	}
	rules, to, err := os.Pipe()
	if err != nil {
		return err
	}
	w.args = append(w.args, "--seccomp", strconv.Itoa(give(rules)))
	_, err = to.Write(filter) // Far less than a pipe holds.
	if err := errors.Join(err, to.Close()); err != nil {
		return err
	}
	from, status, err := os.Pipe()
	if err != nil {
		return err
	}
	w.status = from
	w.args = append(w.args, "--json-status-fd", strconv.Itoa(give(status)))
	options, to, err := os.Pipe()
	if err != nil {
		return err
	}
	w.options, w.gate = to, give(options)
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	stdin := os.NewFile(uintptr(ends[0]), "shell")
	w.theirs = append(w.theirs, stdin)
	cmd.Stdin = stdin
	err = unix.SetNonblock(ends[1], true) // Or a read of it would hold a thread.
	w.shell = os.NewFile(uintptr(ends[1]), "shell")
	return err
}

// release closes our copies of what the child has.
func (w *wrapped) release() {
	for _, file := range w.theirs {
		_ = file.Close()
	}
	w.theirs = nil
}

// close closes everything of a child that could not be started.
func (w *wrapped) close() {
	w.release()
	for _, file := range []*os.File{w.options, w.status, w.shell} {
		if file != nil {
			_ = file.Close() // nobody is at the other end
		}
	}
}

// follow sends the options, for which bubblewrap waits before it does anything,
// answers the shell, and then listens until bubblewrap is gone.
func (w *wrapped) follow() {
	defer close(w.done)
	defer w.status.Close()
	_, err := io.WriteString(w.options, strings.Join(w.args, "\x00")+"\x00")
	_ = w.options.Close() // A child that got no options has no file system and runs nothing.
	if err == nil {
		if _, err := w.shell.Read(make([]byte, 1)); err == nil {
			_, _ = w.shell.WriteString("go\n") // Where nobody reads it, the status says so.
		}
	}
	_ = w.shell.Close() // It has what it needs, or is gone.
	said := json.NewDecoder(w.status)
	var last struct {
		Code *int `json:"exit-code"`
	}
	for last.Code == nil {
		if said.Decode(&last) != nil {
			break // It is gone.
		}
	}
	if last.Code != nil {
		w.ended, w.code = true, *last.Code
	}
}
