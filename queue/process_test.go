package queue_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/local/database"
	"github.com/motionmill/motionmill/queue"
)

// The test binary plays other processes on the same file when these are set.
const (
	roleVariable = "QUEUE_TEST_ROLE"
	fileVariable = "QUEUE_TEST_FILE"
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
	q, err := queue.NewEmbedded(db, "work", queue.EmbeddedConfig{})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return fmt.Errorf("wait for the start: %w", err)
	}
	switch role {
	case "send the time":
		return q.Send(context.Background(), text(strconv.FormatInt(time.Now().UnixNano(), 10)))
	case "send for ever":
		return sendForEver(q)
	case "receive all":
		return receiveAll(q)
	default:
		return fmt.Errorf("there is no role %q", role)
	}
}

// batch is the number of messages of one send of sendForEver.
const batch = 3

// sendForEver sends batches and prints the number of each that was acknowledged.
func sendForEver(q *queue.Embedded) error {
	for n := 0; ; n++ {
		var messages []job.Outgoing
		for i := range batch {
			messages = append(messages, text(fmt.Sprintf("%d %d %d", os.Getpid(), n, i)))
		}
		if err := q.Send(context.Background(), messages...); err != nil {
			return err
		}
		fmt.Println(os.Getpid(), n)
	}
}

// receiveAll prints what it receives, until nothing is left. It deletes every
// second message and keeps the others hidden.
func receiveAll(q *queue.Embedded) error {
	for n := 0; ; {
		messages, err := q.Receive(context.Background(), 2, 0)
		if err != nil {
			return err
		}
		if len(messages) == 0 {
			return nil
		}
		for _, m := range messages {
			fmt.Println(string(m.Body))
			if n++; n%2 == 0 {
				if err := q.Delete(context.Background(), m.Receipt); err != nil {
					return err
				}
			}
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

func (p *process) begin() error {
	_, err := io.WriteString(p.stdin, "\n")
	return err
}

func TestSendOfAnotherProcessWakes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	q := openQueue(t, openFile(t, path), queue.EmbeddedConfig{})
	var latencies []time.Duration
	for range 3 {
		p := start(t, "send the time", path)
		// Long enough for the poll below to be waiting.
		timer := time.AfterFunc(200*time.Millisecond, func() {
			if err := p.begin(); err != nil {
				t.Error(err)
			}
		})
		messages, err := q.Receive(t.Context(), 1, queue.MaxWait)
		timer.Stop()
		if err != nil || len(messages) != 1 {
			t.Fatalf("received %d messages and error %v: %s", len(messages), err, p.log.String())
		}
		sent, err := strconv.ParseInt(string(messages[0].Body), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		latencies = append(latencies, time.Since(time.Unix(0, sent)))
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("the sender: %v: %s", err, p.log.String())
		}
	}
	t.Logf("long polls returned %v after another process began to send", latencies)
	for _, latency := range latencies {
		if latency > 3*time.Second {
			t.Errorf("a long poll took %s to wake", latency)
		}
	}
}

// TestKilledSenders kills processes in the middle of sends. What they had
// acknowledged is there, once; of a batch that they had not, all or nothing.
func TestKilledSenders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	q := openQueue(t, openFile(t, path), queue.EmbeddedConfig{})
	acknowledged := map[string]bool{}
	for round := range 4 {
		p := start(t, "send for ever", path)
		if err := p.begin(); err != nil {
			t.Fatal(err)
		}
		for n := 0; p.lines.Scan(); n++ {
			acknowledged[p.lines.Text()] = true
			if n == 15+round {
				if err := p.cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := p.cmd.Wait(); err == nil {
			t.Fatal("the process ended by itself")
		}
	}
	found := map[string]int{} // messages by batch
	seen := map[string]bool{}
	for {
		messages, err := q.Receive(t.Context(), queue.MaxReceive, 0)
		if err != nil {
			t.Fatalf("receive after the kills: %v", err)
		}
		if len(messages) == 0 {
			break
		}
		for _, m := range messages {
			body := string(m.Body)
			if seen[body] {
				t.Errorf("message %q is there twice", body)
			}
			seen[body] = true
			found[body[:strings.LastIndex(body, " ")]]++
		}
	}
	for name := range acknowledged {
		if found[name] == 0 {
			t.Errorf("batch %q was acknowledged and is lost", name)
		}
	}
	for name, n := range found {
		if n != batch {
			t.Errorf("%d of the %d messages of batch %q are there", n, batch, name)
		}
	}
	t.Logf("%d batches acknowledged, %d found", len(acknowledged), len(found))
}

// TestProcessesNeverShareAMessage has three processes, and this one, empty a
// queue as fast as they can.
func TestProcessesNeverShareAMessage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	q := openQueue(t, openFile(t, path), queue.EmbeddedConfig{})
	const n = 240
	var messages []job.Outgoing
	for i := range n {
		messages = append(messages, text(fmt.Sprint(i)))
	}
	if err := q.Send(t.Context(), messages...); err != nil {
		t.Fatal(err)
	}
	var processes []*process
	for range 3 {
		processes = append(processes, start(t, "receive all", path))
	}
	var (
		mu       sync.Mutex
		received = map[string]int{}
		wait     sync.WaitGroup
	)
	for _, p := range processes {
		wait.Go(func() {
			if err := p.begin(); err != nil {
				t.Error(err)
			}
			for p.lines.Scan() {
				mu.Lock()
				received[p.lines.Text()]++
				mu.Unlock()
			}
			if err := p.cmd.Wait(); err != nil {
				t.Errorf("a receiver: %v: %s", err, p.log.String())
			}
		})
	}
	wait.Wait()
	for i := range n {
		if times := received[fmt.Sprint(i)]; times != 1 {
			t.Errorf("message %d was delivered %d times", i, times)
		}
	}
}
