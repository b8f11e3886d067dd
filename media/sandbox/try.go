package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// tryWithin bounds one run of a try.
const tryWithin = 10 * time.Second

// ErrUnconfined is why Find found no box although one was demanded.
var ErrUnconfined = errors.New("nothing that works here keeps files and network from ffmpeg")

// Find tries the levels in their order and takes the first whose promises were
// seen to hold: ffprobe runs in it, cannot read a file that it was not given,
// and does not reach a listener of ours. That takes about as long as running
// ffprobe twice. With Strict it fails with ErrUnconfined and what was found.
func Find(ctx context.Context, config Config) (*Box, error) {
	if config.Mode == "" {
		config.Mode = Auto
	}
	if config.Levels == nil {
		config.Levels = Levels()
	}
	b := &Box{mode: config.Mode, means: means{level: Limits}}
	if config.Mode == Off {
		return b, nil
	}
	b.system = look(ctx, config.FFmpeg, config.FFprobe)
	for _, level := range config.Levels {
		for _, means := range ways(level) {
			b.means = means
			err := b.try(ctx, config.FFprobe)
			if ctx.Err() != nil {
				return nil, fmt.Errorf("try the sandbox: %w", context.Cause(ctx))
			}
			if err != nil {
				b.refused = append(b.refused, fmt.Sprintf("%s: %v", level, err))
				continue
			}
			if config.Mode == Strict && !b.Report().Confined() {
				return nil, fmt.Errorf("%w (%s)", ErrUnconfined, strings.Join(b.refused, "; "))
			}
			return b, nil
		}
	}
	return nil, fmt.Errorf("%w (%s)", ErrUnconfined, strings.Join(b.refused, "; "))
}

// ways are the means of a level, best first.
func ways(level Level) []means {
	switch level {
	case Bubblewrap:
		wrapper, err := exec.LookPath("bwrap")
		if err == nil {
			wrapper, err = filepath.Abs(wrapper)
		}
		if err != nil {
			wrapper = ""
		}
		return alone(means{level: level, wrapper: wrapper})
	case Limits:
		return []means{{level: level}}
	default:
		return alone(means{level: level})
	}
}

// alone adds the means with namespaces before those without, for root.
func alone(m means) []means {
	if os.Geteuid() != 0 {
		return []means{m}
	}
	first := m
	first.namespaces = true
	return []means{first, m}
}

// try sees whether the box holds what its report says.
func (b *Box) try(ctx context.Context, ffprobe string) error {
	if b.means.level == Limits {
		return nil // It promises nothing.
	}
	if b.means.level == Bubblewrap && b.means.wrapper == "" {
		return errors.New("bwrap is not installed")
	}
	ctx, cancel := context.WithTimeout(ctx, tryWithin)
	defer cancel()
	var both errgroup.Group
	if b.Report().Filesystem {
		both.Go(func() error { return b.tryFile(ctx, ffprobe) })
	}
	both.Go(func() error { return b.tryNetwork(ctx, ffprobe) })
	return both.Wait()
}

// tryFile has ffprobe open a file that it was not given.
func (b *Box) tryFile(ctx context.Context, ffprobe string) error {
	dir, err := os.MkdirTemp("", "motionmill-sandbox-")
	if err != nil {
		return fmt.Errorf("plant a file: %w", err)
	}
	defer os.RemoveAll(dir)
	planted := filepath.Join(dir, "planted")
	if err := os.WriteFile(planted, []byte("not for ffmpeg"), 0o600); err != nil {
		return fmt.Errorf("plant a file: %w", err)
	}
	said, err := b.run(ctx, ffprobe, "-v", "error", "-i", "file:"+planted)
	if err != nil {
		return err
	}
	for _, refusal := range []syscall.Errno{syscall.ENOENT, syscall.EACCES, syscall.EPERM} {
		if strings.Contains(strings.ToLower(said), strings.ToLower(planted+": "+refusal.Error())) {
			return nil
		}
	}
	if strings.Contains(said, planted) {
		return errors.New("ffprobe could open a file that it was not given")
	}
	return fmt.Errorf("ffprobe does not run in it: %s", lastLine(said))
}

// tryNetwork has ffprobe connect to a listener on loopback.
func (b *Box) tryNetwork(ctx context.Context, ffprobe string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil //nolint:nilerr // There is no network to be kept from.
	}
	defer listener.Close()
	reached := make(chan bool, 1)
	go func() {
		connection, err := listener.Accept()
		if err == nil {
			_ = connection.Close() // It was made; that is all we want to know.
		}
		reached <- err == nil
	}()
	address := "tcp://" + listener.Addr().String()
	said, err := b.run(ctx, ffprobe, "-v", "error", "-i", address)
	if err != nil {
		return err
	}
	// It waits for an answer, so that a connection which was made has been accepted by now.
	_ = listener.Close()
	if <-reached {
		return errors.New("ffprobe could open a connection")
	}
	if !strings.Contains(said, address) {
		return fmt.Errorf("ffprobe does not run in it: %s", lastLine(said))
	}
	return nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return last
	}
	return "it says nothing"
}

// run runs a program in the box until it ends, and returns what it wrote.
func (b *Box) run(ctx context.Context, path string, args ...string) (string, error) {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = "/", []string{"LC_ALL=C"}, &said, &said
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // Never unlocked: see Start.
		child, err := b.Start(cmd, View{}, Use{})
		if err != nil {
			ended <- err
			return
		}
		_ = cmd.Wait() // What it said tells more than how it ended.
		_, _, err = child.End(cmd.ProcessState)
		ended <- err
	}()
	err := <-ended
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil && said.Len() > 0 {
		err = fmt.Errorf("%w: %s", err, lastLine(said.String()))
	}
	return said.String(), err
}
