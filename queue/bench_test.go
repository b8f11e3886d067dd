package queue_test

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/motionmill/motionmill/queue"
)

// BenchmarkIdle measures what a waiting Receive costs: each operation is one
// second of waiting. cpu-ms/s is the processor time of the whole process.
func BenchmarkIdle(b *testing.B) {
	q := openQueue(b, openFile(b, filepath.Join(b.TempDir(), "state.db")), queue.EmbeddedConfig{})
	before := processorTime(b)
	start := time.Now()
	for b.Loop() {
		if messages, err := q.Receive(b.Context(), 1, time.Second); err != nil || len(messages) > 0 {
			b.Fatalf("got %d messages, error %v", len(messages), err)
		}
	}
	used := processorTime(b) - before
	b.ReportMetric(float64(used.Microseconds())/1000/time.Since(start).Seconds(), "cpu-ms/s")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkWake measures the time from the beginning of a Send to the return
// of a Receive that was waiting, in one process and, by way of a second
// handle on the file, as between two.
func BenchmarkWake(b *testing.B) {
	for _, c := range []struct {
		name  string
		apart bool
	}{{"one process", false}, {"two handles", true}} {
		b.Run(c.name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "state.db")
			receiver := openQueue(b, openFile(b, path), queue.EmbeddedConfig{})
			sender := receiver
			if c.apart {
				sender = openQueue(b, openFile(b, path), queue.EmbeddedConfig{})
			}
			var total time.Duration
			for b.Loop() {
				sent := make(chan time.Time, 1)
				time.AfterFunc(5*time.Millisecond, func() {
					sent <- time.Now()
					if err := sender.Send(b.Context(), text("wake")); err != nil {
						b.Error(err)
					}
				})
				messages, err := receiver.Receive(b.Context(), 1, queue.MaxWait)
				if err != nil || len(messages) != 1 {
					b.Fatalf("got %d messages, error %v", len(messages), err)
				}
				total += time.Since(<-sent)
				if err := receiver.Delete(b.Context(), messages[0].Receipt); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(total.Microseconds())/1000/float64(b.N), "ms-wake/op")
		})
	}
}

// BenchmarkRoundTrip measures one message: sent, received and deleted, each
// synced to the disk.
func BenchmarkRoundTrip(b *testing.B) {
	q := openQueue(b, openFile(b, filepath.Join(b.TempDir(), "state.db")), queue.EmbeddedConfig{})
	for b.Loop() {
		if err := q.Send(b.Context(), text("message")); err != nil {
			b.Fatal(err)
		}
		messages, err := q.Receive(b.Context(), 1, 0)
		if err != nil || len(messages) != 1 {
			b.Fatalf("got %d messages, error %v", len(messages), err)
		}
		if err := q.Delete(b.Context(), messages[0].Receipt); err != nil {
			b.Fatal(err)
		}
	}
}
