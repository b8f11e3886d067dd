package ledger_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
	"github.com/motionmill/motionmill/local/database"
)

// The test binary plays other processes on the same file when these are set.
const (
	roleVariable = "LEDGER_TEST_ROLE"
	fileVariable = "LEDGER_TEST_FILE"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := play(role, os.Getenv(fileVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// play is a process. It says "ready" and begins when it is sent a line.
func play(role, path string) error {
	db, err := database.Open(path)
	if err != nil {
		return err
	}
	defer db.Close()
	l, err := ledger.NewEmbedded(db, ledger.EmbeddedConfig{})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return fmt.Errorf("wait for the start: %w", err)
	}
	switch role {
	case "claim":
		return claimAll(l)
	case "count":
		return count(l)
	case "count for ever":
		for {
			if err := countOnce(l); err != nil {
				return err
			}
			fmt.Println("counted")
		}
	default:
		return fmt.Errorf("there is no role %q", role)
	}
}

const (
	jobs    = 60 // that claimAll claims
	counts  = 40 // that count makes
	counter = "counter"
)

// claimAll claims each job as it was before anyone had, and prints those that
// it won.
func claimAll(l *ledger.Embedded) error {
	for i := range jobs {
		claim := job.Record{ID: fmt.Sprint("job ", i), State: job.Running, Fence: 1, Attempt: 1,
			Owner: fmt.Sprint(os.Getpid()), LeaseUntil: time.Now().Add(time.Minute)}
		err := l.Put(context.Background(), claim, job.Condition{States: []job.State{job.None, job.Queued}})
		switch {
		case err == nil:
			fmt.Println(claim.ID)
		case !errors.Is(err, job.ErrConflict):
			return err
		}
	}
	return nil
}

// count raises the fence of one record, again and again.
func count(l *ledger.Embedded) error {
	for range counts {
		if err := countOnce(l); err != nil {
			return err
		}
	}
	return nil
}

// countOnce reads and writes until nobody was quicker.
func countOnce(l *ledger.Embedded) error {
	for {
		stored, err := l.Get(context.Background(), counter)
		if err != nil {
			return err
		}
		next := stored
		next.Fence++
		err = l.Put(context.Background(), next, job.Condition{Fence: stored.Fence, States: []job.State{job.Queued}})
		if !errors.Is(err, job.ErrConflict) {
			return err
		}
	}
}

// process is another process on the file, up to its "ready".
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
	log   strings.Builder
}

func start(t *testing.T, role, path string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), roleVariable+"="+role, fileVariable+"="+path)
	p.cmd.Stderr = &p.log
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin, p.lines = stdin, bufio.NewScanner(stdout)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() }) // Both fail when it is over, and may.
	if !p.lines.Scan() || p.lines.Text() != "ready" {
		_ = p.cmd.Wait()
		t.Fatalf("the process did not get ready: %q %s", p.lines.Text(), p.log.String())
	}
	return p
}

func (p *process) begin(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(p.stdin, "\n"); err != nil {
		t.Error(err)
	}
}

// together runs processes in a role at once and gives the lines of each.
func together(t *testing.T, n int, role, path string) [][]string {
	t.Helper()
	processes := make([]*process, n)
	for i := range processes {
		processes[i] = start(t, role, path)
	}
	lines := make([][]string, n)
	var wait sync.WaitGroup
	for i, p := range processes {
		wait.Go(func() {
			p.begin(t)
			for p.lines.Scan() {
				lines[i] = append(lines[i], p.lines.Text())
			}
			if err := p.cmd.Wait(); err != nil {
				t.Errorf("a process: %v: %s", err, p.log.String())
			}
		})
	}
	wait.Wait()
	return lines
}

func TestProcessesClaimEachJobOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	l := openLedger(t, openFile(t, path))
	won := map[string]int{}
	for i, ids := range together(t, 3, "claim", path) {
		t.Logf("process %d won %d of %d jobs", i, len(ids), jobs)
		for _, id := range ids {
			won[id]++
		}
	}
	for i := range jobs {
		id := fmt.Sprint("job ", i)
		stored, err := l.Get(t.Context(), id)
		if err != nil || won[id] != 1 || stored.Attempt != 1 {
			t.Errorf("%s was claimed %d times; its record is %+v, error %v", id, won[id], stored, err)
		}
	}
}

func TestProcessesLoseNoUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	l := openLedger(t, openFile(t, path))
	newCounter(t, l)
	const processes = 3
	together(t, processes, "count", path)
	stored, err := l.Get(t.Context(), counter)
	if err != nil || stored.Fence != processes*counts {
		t.Errorf("after %d updates the fence is %d, error %v", processes*counts, stored.Fence, err)
	}
}

// TestKilledWriter kills a process in the middle of writes: each write that it
// had acknowledged is there, and at most one more.
func TestKilledWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	l := openLedger(t, openFile(t, path))
	newCounter(t, l)
	acknowledged := int64(0)
	for range 3 {
		p := start(t, "count for ever", path)
		p.begin(t)
		for n := 0; p.lines.Scan(); n++ {
			acknowledged++
			if n == 20 {
				if err := p.cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := p.cmd.Wait(); err == nil {
			t.Fatal("the process ended by itself")
		}
		stored, err := l.Get(t.Context(), counter)
		if err != nil || stored.Fence < acknowledged || stored.Fence > acknowledged+1 {
			t.Fatalf("after %d acknowledged updates the fence is %d, error %v", acknowledged, stored.Fence, err)
		}
		acknowledged = stored.Fence
	}
}

func newCounter(t *testing.T, l *ledger.Embedded) {
	t.Helper()
	if err := l.Put(t.Context(), job.Record{ID: counter, State: job.Queued}, job.Condition{States: []job.State{job.None}}); err != nil {
		t.Fatal(err)
	}
}
