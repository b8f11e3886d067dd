package queue_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/local/database/databasetest"
	"github.com/motionmill/motionmill/queue"
)

func TestMain(m *testing.M) { databasetest.Main(m, play) }

// play is what another process does on the file.
func play(db *sql.DB, role string) error {
	q, err := queue.NewEmbedded(db, "work", queue.EmbeddedConfig{})
	if err != nil {
		return err
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

func TestSendOfAnotherProcessWakes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	q := openQueue(t, openFile(t, path), queue.EmbeddedConfig{})
	var latencies []time.Duration
	for range 3 {
		p := databasetest.Start(t, "send the time", path)
		// Long enough for the poll below to be waiting.
		timer := time.AfterFunc(200*time.Millisecond, func() { p.Begin(t) })
		messages, err := q.Receive(t.Context(), 1, queue.MaxWait)
		timer.Stop()
		if err != nil || len(messages) != 1 {
			t.Fatalf("received %d messages and error %v", len(messages), err)
		}
		sent, err := strconv.ParseInt(string(messages[0].Body), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		latencies = append(latencies, time.Since(time.Unix(0, sent)))
		p.End(t)
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
		p := databasetest.Start(t, "send for ever", path)
		p.Begin(t)
		for _, line := range p.KillAfter(t, 16+round) {
			acknowledged[line] = true
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

// TestProcessesNeverShareAMessage has three processes empty a queue as fast as they can.
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
	received := map[string]int{}
	for _, lines := range databasetest.Together(t, 3, "receive all", path) {
		for _, line := range lines {
			received[line]++
		}
	}
	for i := range n {
		if times := received[fmt.Sprint(i)]; times != 1 {
			t.Errorf("message %d was delivered %d times", i, times)
		}
	}
}
