package cloudtest_test

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/motionmill/motionmill/cloudtest"
)

// watched is a test that records how it ends.
type watched struct {
	testing.TB
	failed   bool
	skipped  bool
	said     strings.Builder
	cleanups []func()
}

func (w *watched) Helper()          {}
func (w *watched) Failed() bool     { return w.failed }
func (w *watched) Cleanup(f func()) { w.cleanups = append(w.cleanups, f) }

func (w *watched) Logf(format string, args ...any) { fmt.Fprintf(&w.said, format+"\n", args...) }

func (w *watched) Fatalf(format string, args ...any) {
	w.failed = true
	w.Logf(format, args...)
	runtime.Goexit()
}

func (w *watched) Skipf(format string, args ...any) {
	w.skipped = true
	w.Logf(format, args...)
	runtime.Goexit()
}

// watch runs a test to its end, cleanups included.
func watch(t *testing.T, run func(testing.TB)) *watched {
	t.Helper()
	w, done := &watched{TB: t}, make(chan struct{})
	go func() {
		defer close(done)
		run(w)
	}()
	<-done
	for i := range w.cleanups {
		w.cleanups[len(w.cleanups)-1-i]()
	}
	return w
}

func TestAbsentServerIsSkipped(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	w := watch(t, func(t testing.TB) { cloudtest.Dynalite(t) })
	if !w.skipped || !strings.Contains(w.said.String(), "dynalite is not installed; run scripts/setup.sh test") {
		t.Errorf("skipped: %v; said %q", w.skipped, w.said.String())
	}
}

func TestServerThatEndsFailsWithItsLog(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	program := filepath.Join(cache, "motionmill", "testtools", "bin", "dynalite")
	if err := os.MkdirAll(filepath.Dir(program), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"I cannot listen on $4\"\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	w := watch(t, func(t testing.TB) { cloudtest.Dynalite(t) })
	if said := w.said.String(); !w.failed || !strings.Contains(said, "ended before it answered") || !strings.Contains(said, "I cannot listen on ") {
		t.Errorf("failed: %v; said %q", w.failed, said)
	}
}

// TestServerEndsWithItsTest: at its end, and when its process is killed.
func TestServerEndsWithItsTest(t *testing.T) {
	var settings aws.Config
	t.Run("at its end", func(t *testing.T) { settings = cloudtest.Dynalite(t) })
	if settings.BaseEndpoint == nil {
		t.Skip("there is no server to start")
	}
	awaitEnd(t, *settings.BaseEndpoint)

	child := exec.Command(os.Args[0], "-test.run", "^TestChild$", "-test.v")
	child.Env = append(os.Environ(), childVariable+"=1")
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	endpoint := ""
	for lines := bufio.NewScanner(output); endpoint == "" && lines.Scan(); {
		_, endpoint, _ = strings.Cut(lines.Text(), "endpoint=")
	}
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = child.Wait() // It was killed.
	if endpoint == "" {
		t.Fatal("the child started no server")
	}
	awaitEnd(t, endpoint)
}

const childVariable = "CLOUDTEST_CHILD"

// TestChild is what TestServerEndsWithItsTest kills.
func TestChild(t *testing.T) {
	if os.Getenv(childVariable) == "" {
		t.Skip("this is a part of TestServerEndsWithItsTest")
	}
	fmt.Printf("endpoint=%s\n", *cloudtest.Dynalite(t).BaseEndpoint)
	<-t.Context().Done() // It is killed before.
}

// awaitEnd waits until nobody listens any more.
func awaitEnd(t *testing.T, endpoint string) {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-tick.C {
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Errorf("%s still answers", endpoint)
}

func TestEnvironment(t *testing.T) {
	settings := cloudtest.Dynalite(t)
	env := strings.Join(cloudtest.Environment(t, settings), " ")
	for _, want := range []string{"AWS_ENDPOINT_URL=http://127.0.0.1:", "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"} {
		if !strings.Contains(env, want) {
			t.Errorf("%s is not in %s", want, env)
		}
	}
}
