package queue_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/local/database"
	"github.com/motionmill/motionmill/queue"
	"github.com/motionmill/motionmill/queue/queuetest"
)

func openFile(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := database.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func openQueue(t testing.TB, db *sql.DB, cfg queue.EmbeddedConfig) *queue.Embedded {
	t.Helper()
	q, err := queue.NewEmbedded(db, "work", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func newQueue(t testing.TB) *queue.Embedded {
	t.Helper()
	return openQueue(t, openFile(t, filepath.Join(t.TempDir(), "state.db")), queue.EmbeddedConfig{Visibility: queuetest.Visibility})
}

func text(body string) job.Outgoing { return job.Outgoing{Body: []byte(body)} }

// TestEmbeddedConforms runs the suite in fake time.
func TestEmbeddedConforms(t *testing.T) {
	for _, c := range queuetest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.Run(t, newQueue(t)) })
		})
	}
}

// TestEmbeddedConformsInRealTime runs it as it is run against a server.
func TestEmbeddedConformsInRealTime(t *testing.T) {
	if testing.Short() {
		t.Skip("this takes some seconds of real time")
	}
	queuetest.Run(t, func(t *testing.T) queuetest.Queue { return newQueue(t) })
}

// TestLongTimes covers what the suite cannot, for want of hours.
func TestLongTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		// Nobody else writes here, and hours have many polls of 10 ms.
		q := openQueue(t, openFile(t, filepath.Join(t.TempDir(), "state.db")), queue.EmbeddedConfig{Poll: time.Minute})
		if err := q.Send(ctx, text("long"), job.Outgoing{Body: []byte("delayed"), Delay: queue.MaxDelay}); err != nil {
			t.Fatal(err)
		}
		wantDepth(t, q, queue.Depth{Visible: 1, Delayed: 1})
		long := receiveOne(t, q)
		if err := q.Hide(ctx, long.Receipt, 11*time.Hour); err != nil {
			t.Fatal(err)
		}
		wantDepth(t, q, queue.Depth{Hidden: 1, Delayed: 1})
		start := time.Now()
		delayed := waitOne(t, q)
		if took := time.Since(start); took != queue.MaxDelay {
			t.Errorf("the delayed message came after %s, want %s", took, queue.MaxDelay)
		}
		if err := q.Delete(ctx, delayed.Receipt); err != nil {
			t.Fatal(err)
		}
		// A quarter of an hour is gone: 11 h 45 min are left of the twelve.
		if err := q.Hide(ctx, long.Receipt, 11*time.Hour+46*time.Minute); err == nil || !strings.Contains(err.Error(), "12h") {
			t.Errorf("hiding for more than is left gave %v, want an error that names the limit", err)
		}
		if err := q.Hide(ctx, long.Receipt, 11*time.Hour+45*time.Minute); err != nil {
			t.Errorf("hiding for exactly what is left: %v", err)
		}
		again := waitOne(t, q)
		if took := time.Since(start); took != 12*time.Hour || again.Received != 2 {
			t.Errorf("it came after %s for the %dth time, want 12h and 2", took, again.Received)
		}
	})
}

func TestHideWithoutItsMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, q := t.Context(), newQueue(t)
		if err := q.Send(ctx, text("x")); err != nil {
			t.Fatal(err)
		}
		first := receiveOne(t, q)
		second := waitOne(t, q) // after the visibility timeout
		if err := q.Hide(ctx, first.Receipt, time.Hour); !errors.Is(err, queue.ErrNotInFlight) {
			t.Errorf("hiding with the receipt of an earlier receive gave %v", err)
		}
		if err := q.Delete(ctx, first.Receipt); err != nil {
			t.Errorf("deleting with it gave %v", err)
		}
		wantDepth(t, q, queue.Depth{Hidden: 1})
		if err := q.Hide(ctx, second.Receipt, 0); err != nil {
			t.Error(err)
		}
		if err := q.Hide(ctx, second.Receipt, time.Hour); !errors.Is(err, queue.ErrNotInFlight) {
			t.Errorf("hiding a message that is visible gave %v", err)
		}
		if err := q.Delete(ctx, second.Receipt); err != nil {
			t.Error(err)
		}
		if err := q.Hide(ctx, second.Receipt, 0); !errors.Is(err, queue.ErrNotInFlight) {
			t.Errorf("hiding a deleted message gave %v", err)
		}
		wantDepth(t, q, queue.Depth{})
	})
}

// TestSendAndHideWakeWithoutAPoll has no poll for an hour: what wakes the
// receiver is the send, or the giving back, itself.
func TestSendAndHideWakeWithoutAPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		q := openQueue(t, openFile(t, filepath.Join(t.TempDir(), "state.db")), queue.EmbeddedConfig{Poll: time.Hour})
		var held job.Message
		for what, act := range map[string]func() error{
			"a send":        func() error { return q.Send(ctx, text("x")) },
			"a giving back": func() error { return q.Hide(ctx, held.Receipt, 0) },
		} {
			if what == "a giving back" {
				if err := q.Send(ctx, text("held")); err != nil {
					t.Fatal(err)
				}
				held = receiveOne(t, q)
			}
			start := time.Now()
			time.AfterFunc(time.Second, func() {
				if err := act(); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			})
			m := waitOne(t, q)
			if took := time.Since(start); took != time.Second {
				t.Errorf("%s after a second was received after %s", what, took)
			}
			if err := q.Delete(ctx, m.Receipt); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestCancelReturnsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(1234567*time.Microsecond, cancel) // between two polls
		start := time.Now()
		if _, err := q.Receive(ctx, 1, queue.MaxWait); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled itself", err)
		}
		if took := time.Since(start); took != 1234567*time.Microsecond {
			t.Errorf("it returned after %s", took)
		}
	})
}

// TestCancelHidesNothing ends receives while a message comes in. It is then
// either delivered or visible, at whatever moment the end comes.
func TestCancelHidesNothing(t *testing.T) {
	q := newQueue(t)
	delivered := 0
	for i := range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		sent := make(chan error, 1)
		go func() { sent <- q.Send(t.Context(), text("x")) }()
		time.AfterFunc(time.Duration(i)*40*time.Microsecond, cancel) // a little later each time
		messages, err := q.Receive(ctx, 1, queue.MaxWait)
		cancel()
		if sendErr := <-sent; sendErr != nil {
			t.Fatal(sendErr)
		}
		switch {
		case err == nil && len(messages) == 1:
			delivered++
		case errors.Is(err, context.Canceled) && len(messages) == 0:
			wantDepth(t, q, queue.Depth{Visible: 1})
			messages = []job.Message{receiveOne(t, q)}
		default:
			t.Fatalf("got %d messages and error %v", len(messages), err)
		}
		if err := q.Delete(t.Context(), messages[0].Receipt); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of 100 receives were quicker than their end", delivered)
}

// TestWaitingHoldsNoSnapshot lets a receive wait while much is written: the
// write-ahead log would grow without end if the wait were a reader of it.
func TestWaitingHoldsNoSnapshot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	waiting := openQueue(t, openFile(t, path), queue.EmbeddedConfig{})
	other, err := queue.NewEmbedded(openFile(t, path), "other", queue.EmbeddedConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := waiting.Receive(ctx, 1, queue.MaxWait)
		done <- err
	}()
	body := job.Outgoing{Body: []byte(strings.Repeat("x", 200_000))}
	for range 150 { // 30 MB in all, and the log is emptied every 4 MB
		if err := other.Send(t.Context(), body); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("the wait ended with %v before it was cancelled", err)
	}
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 15<<20 {
		t.Errorf("the write-ahead log has grown to %d bytes", info.Size())
	}
}

func TestQueuesOfOneFileAreApart(t *testing.T) {
	db := openFile(t, filepath.Join(t.TempDir(), "state.db"))
	work := openQueue(t, db, queue.EmbeddedConfig{})
	timers, err := queue.NewEmbedded(db, "in-progress", queue.EmbeddedConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := work.Send(t.Context(), text("work")); err != nil {
		t.Fatal(err)
	}
	wantDepth(t, timers, queue.Depth{})
	m := receiveOne(t, work)
	if err := timers.Delete(t.Context(), m.Receipt); err != nil {
		t.Error(err)
	}
	wantDepth(t, work, queue.Depth{Hidden: 1})
}

func TestSendIsAllOrNothing(t *testing.T) {
	q := newQueue(t)
	for what, bad := range map[string]job.Outgoing{
		"too long":   text(strings.Repeat("x", queue.MaxBody+1)),
		"not UTF-8":  text("a\xff"),
		"a NUL":      text("a\x00"),
		"negative":   {Body: []byte("x"), Delay: -1},
		"over-delay": {Body: []byte("x"), Delay: queue.MaxDelay + 1},
	} {
		err := q.Send(t.Context(), text("good"), bad)
		var typed *job.Error
		if !errors.As(err, &typed) || !strings.Contains(err.Error(), "message 2 of 2") {
			t.Errorf("%s: %v does not name the message", what, err)
		}
	}
	wantDepth(t, q, queue.Depth{})
}

func TestOrderIsByVisibility(t *testing.T) {
	q := newQueue(t)
	var want []string
	for i := range 8 {
		want = append(want, fmt.Sprint(i))
		if err := q.Send(t.Context(), text(want[i])); err != nil {
			t.Fatal(err)
		}
	}
	messages, err := q.Receive(t.Context(), 8, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range messages {
		got = append(got, string(m.Body))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("received %v, want %v", got, want)
	}
}

func TestFullDisk(t *testing.T) {
	db := openFile(t, filepath.Join(t.TempDir(), "state.db"))
	q := openQueue(t, db, queue.EmbeddedConfig{})
	db.SetMaxOpenConns(1) // The limit below is one connection's.
	if _, err := db.Exec("PRAGMA max_page_count = 20"); err != nil {
		t.Fatal(err)
	}
	if err := q.Send(t.Context(), text("small")); err != nil {
		t.Fatal(err)
	}
	err := q.Send(t.Context(), text(strings.Repeat("x", 500_000)))
	var typed *job.Error
	if !errors.As(err, &typed) || typed.Kind != job.OutOfDisk || typed.Remedy == "" {
		t.Errorf("sending to a full disk gave %v, want kind %s with a remedy", err, job.OutOfDisk)
	}
	if m := receiveOne(t, q); string(m.Body) != "small" {
		t.Errorf("the queue gives %q after a failed send", m.Body)
	}
}

func TestNewEmbeddedRefuses(t *testing.T) {
	db := openFile(t, filepath.Join(t.TempDir(), "state.db"))
	for what, err := range map[string]error{
		"no name":             errorOf(queue.NewEmbedded(db, "", queue.EmbeddedConfig{})),
		"negative visibility": errorOf(queue.NewEmbedded(db, "q", queue.EmbeddedConfig{Visibility: -1})),
		"huge visibility":     errorOf(queue.NewEmbedded(db, "q", queue.EmbeddedConfig{Visibility: 13 * time.Hour})),
		"negative poll":       errorOf(queue.NewEmbedded(db, "q", queue.EmbeddedConfig{Poll: -1})),
	} {
		var typed *job.Error
		if !errors.As(err, &typed) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

func errorOf(_ *queue.Embedded, err error) error { return err }

func receiveOne(t *testing.T, q *queue.Embedded) job.Message {
	t.Helper()
	messages, err := q.Receive(t.Context(), 1, 0)
	if err != nil || len(messages) != 1 {
		t.Fatalf("received %d messages and error %v, want one", len(messages), err)
	}
	return messages[0]
}

// waitOne polls, however long it takes.
func waitOne(t *testing.T, q *queue.Embedded) job.Message {
	t.Helper()
	for {
		messages, err := q.Receive(t.Context(), 1, queue.MaxWait)
		if err != nil {
			t.Fatal(err)
		}
		if len(messages) > 0 {
			return messages[0]
		}
	}
}

func wantDepth(t *testing.T, q *queue.Embedded, want queue.Depth) {
	t.Helper()
	got, err := q.Depth(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("the queue holds %+v, want %+v", got, want)
	}
}
