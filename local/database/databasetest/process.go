// Package databasetest lets a test binary play further processes that have one
// database file open.
package databasetest

import (
	"bufio"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/motionmill/motionmill/local/database"
)

// The test binary is such a process when these are set.
const (
	roleVariable = "DATABASE_TEST_ROLE"
	fileVariable = "DATABASE_TEST_FILE"
)

// ready is what a process says when it waits for Begin.
const ready = "ready"

// Play is what a process does in a role; it prints lines.
type Play func(db *sql.DB, role string) error

// Main is for TestMain: it runs the tests, or plays where another process of
// theirs was started in a role.
func Main(m *testing.M, play Play) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := open(os.Getenv(fileVariable), role, play); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func open(path, role string, play Play) error {
	db, err := database.Open(path)
	if err != nil {
		return err
	}
	defer db.Close()
	fmt.Println(ready)
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return fmt.Errorf("wait for the start: %w", err)
	}
	return play(db, role)
}

// Process is another process on a file.
type Process struct {
	lines *bufio.Scanner // that it prints
	cmd   *exec.Cmd
	stdin io.WriteCloser
	log   strings.Builder
}

// Start starts a process that has the file open, and waits for Begin. It is killed at
// the test's end.
func Start(t *testing.T, role, path string) *Process {
	t.Helper()
	p := &Process{cmd: exec.Command(os.Args[0])}
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
	if !p.lines.Scan() || p.lines.Text() != ready {
		_ = p.cmd.Wait()
		t.Fatalf("the process did not get ready: %q %s", p.lines.Text(), p.log.String())
	}
	return p
}

// Begin lets it play. It may be called from any goroutine.
func (p *Process) Begin(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(p.stdin, "\n"); err != nil {
		t.Error(err)
	}
}

// End wants the process to end by itself, and well.
func (p *Process) End(t *testing.T) {
	t.Helper()
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("a process: %v: %s", err, p.log.String())
	}
}

// KillAfter reads lines and kills the process (SIGKILL) after so many of them. It returns
// all that it has printed till then.
func (p *Process) KillAfter(t *testing.T, count int) (lines []string) {
	t.Helper()
	for p.lines.Scan() {
		if lines = append(lines, p.lines.Text()); len(lines) == count {
			if err := p.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := p.cmd.Wait(); err == nil {
		t.Fatal("the process ended by itself")
	}
	return lines
}

// Together runs n processes in a role at once, to their ends, and gives the lines of each.
func Together(t *testing.T, n int, role, path string) [][]string {
	t.Helper()
	processes := make([]*Process, n)
	for i := range processes {
		processes[i] = Start(t, role, path)
	}
	lines := make([][]string, n)
	var wait sync.WaitGroup
	for i, p := range processes {
		wait.Go(func() {
			p.Begin(t)
			for p.lines.Scan() {
				lines[i] = append(lines[i], p.lines.Text())
			}
			p.End(t)
		})
	}
	wait.Wait()
	return lines
}
