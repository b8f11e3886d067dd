package cloudtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

const (
	host = "127.0.0.1"
	// patience is how long a server may take to answer, on a machine that is
	// busy with everything else.
	patience = 2 * time.Minute
	// tries is how often a server is started before its end is believed: another
	// process may have taken the port.
	tries = 3
	// shown is how much of the end of a server's log is shown, in bytes.
	shown = 16 << 10
)

// server says how to run a program that is a server.
type server struct {
	program string
	args    func(port string) []string
	// ready makes one request that only a server that is up can answer.
	ready func(context.Context, aws.Config) error
}

// start starts the server and returns the settings that reach it.
func (s server) start(t testing.TB) aws.Config {
	t.Helper()
	path := Program(t, s.program)
	for try := 1; ; try++ {
		settings, err := s.try(t, path)
		if err == nil {
			return settings
		}
		if try == tries || !errors.Is(err, errEnded) {
			t.Fatalf("start %s: %v", s.program, err)
		}
	}
}

// Program returns the path of a program that tests need: the pinned one that
// scripts/setup.sh installed, or any. The test is skipped where there is none.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := find(name)
	if err != nil {
		t.Skipf("%v; run scripts/setup.sh test", err)
	}
	return path
}

// FreeAddress returns an address of 127.0.0.1, with its port, that nobody
// listens on now.
func FreeAddress(t testing.TB) string {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(host, port)
}

// find returns the path of an installed program: the pinned one that
// scripts/setup.sh installed, or any.
func find(program string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("look for %s: %w", program, err)
	}
	if path, err := exec.LookPath(filepath.Join(cache, "motionmill", "testtools", "bin", program)); err == nil {
		return path, nil
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%s is not installed", program)
	}
	return path, nil
}

var errEnded = errors.New("it ended before it answered")

// try starts the server on a port that is free now, and waits for its answer.
func (s server) try(t testing.TB, path string) (aws.Config, error) {
	t.Helper()
	port, err := freePort()
	if err != nil {
		return aws.Config{}, err
	}
	ended, err := run(t, path, s.args(port))
	if err != nil {
		return aws.Config{}, err
	}
	settings := aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + net.JoinHostPort(host, port)),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	return settings, s.await(t.Context(), settings, ended)
}

// await polls until the server answers. Its end is told apart, since another
// server may answer on a port that was taken in between.
func (s server) await(ctx context.Context, settings aws.Config, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	asked := settings.Copy()
	asked.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.ready(ctx, asked)
		select {
		case <-ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("it did not answer within %s: %w", patience, err)
		case <-tick.C:
		}
		if err == nil {
			return nil
		}
	}
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", fmt.Errorf("look for a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return strconv.Itoa(port), listener.Close()
}

// run starts a program in a process group of its own, which is killed at the
// end of the test. The channel is closed when the program has ended.
func run(t testing.TB, path string, args []string) (<-chan struct{}, error) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		return nil, err
	}
	command := exec.Command(path, args...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error), make(chan struct{})
	go func() {
		// The signal comes at the end of the thread that started the program, so
		// that thread stays.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait() // It is killed, or its log tells why it ended.
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		return nil, errors.Join(err, log.Close())
	}
	t.Cleanup(func() {
		// Without an end of its own the group has its number still.
		select {
		case <-ended:
		default:
			_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // It may end now.
			<-ended
		}
		show(t, log)
	})
	return ended, nil
}

// show closes the log of a server and, when the test failed, prints its end.
func show(t testing.TB, log *os.File) {
	t.Helper()
	defer log.Close()
	if !t.Failed() {
		return
	}
	info, err := log.Stat()
	if err != nil {
		t.Logf("no log of the server: %v", err)
		return
	}
	text := make([]byte, min(info.Size(), shown))
	if _, err := log.ReadAt(text, info.Size()-int64(len(text))); err != nil {
		t.Logf("no log of the server: %v", err)
		return
	}
	t.Logf("the end of the server's log:\n%s", text)
}
