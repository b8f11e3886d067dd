package inference

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// TestSignalsOutliveALibrary lets a function take SIGTERM and SIGUSR1 away, as
// libraries of CUDA do when they are loaded, in a process of its own.
func TestSignalsOutliveALibrary(t *testing.T) {
	if again(t, "MOTIONMILL_TEST_SIGNALS") == "" {
		return
	}
	got := make(chan os.Signal, 2)
	signal.Notify(got, syscall.SIGTERM, syscall.SIGUSR1)
	broken := errors.New("as it should")
	err := keepSignals(func() error {
		ignore := sigaction{handler: 1} // SIG_IGN
		return errors.Join(broken, actionOf(int(syscall.SIGTERM), &ignore, nil), actionOf(int(syscall.SIGUSR1), &ignore, nil))
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGUSR1} {
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
		if at := <-got; at != s {
			t.Errorf("got %v, sent %v", at, s)
		}
	}
}
