package bench

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
	"github.com/motionmill/motionmill/local/database"
	"github.com/motionmill/motionmill/queue"
	"github.com/motionmill/motionmill/worker"
)

// noop is a runner whose jobs take no time.
type noop struct {
	mu      sync.Mutex
	started map[string]time.Time
	settled chan string
}

func (n *noop) Run(_ context.Context, rec job.Record, _ job.Hooks) (string, error) {
	n.mu.Lock()
	n.started[rec.Source.Key] = time.Now()
	n.mu.Unlock()
	return "outputs/" + rec.ID + "/1/manifest.json", nil
}

func (n *noop) Announce(_ context.Context, rec job.Record) error {
	n.settled <- rec.Source.Key
	return nil
}

// newStage runs one worker of the embedded stage with no-op jobs.
func newStage(b *testing.B, capacity int) (*queue.Embedded, *noop) {
	b.Helper()
	db, err := database.Open(filepath.Join(b.TempDir(), "stage.db"))
	if err != nil {
		b.Fatal(err)
	}
	var queues []*queue.Embedded
	for _, name := range []string{"work", "in-progress", "dead-letter"} {
		q, err := queue.NewEmbedded(db, name, queue.EmbeddedConfig{})
		if err != nil {
			b.Fatal(err)
		}
		queues = append(queues, q)
	}
	records, err := ledger.NewEmbedded(db, ledger.EmbeddedConfig{})
	if err != nil {
		b.Fatal(err)
	}
	runner := &noop{started: map[string]time.Time{}, settled: make(chan string, 10000)}
	w, err := worker.New(worker.Config{
		Name: "bench", Capacity: capacity, ClaimSchedule: "* * * * * *", Work: queues[0], InProgress: queues[1], DeadLetter: queues[2],
		Ledger: records, Runner: runner, Reader: queue.NewReader(queue.ReaderConfig{DefaultProfile: "trainer"}),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	return queues[0], runner
}

func order(key string) job.Outgoing {
	s := job.Source{Bucket: "uploads", Key: key, ETag: "e", Sequencer: "01"}
	return job.Outgoing{Body: job.Letter{Type: job.RequeueLetter, Job: job.ID(s, "trainer"), Source: &s, Profile: "trainer"}.Encode()}
}

// BenchmarkNoopJobs measures whole jobs a second: claim, timer, run, commit,
// announcement, each written and synced to the disk.
func BenchmarkNoopJobs(b *testing.B) {
	const jobs = 500
	work, runner := newStage(b, 8)
	run := 0
	for b.Loop() {
		run++
		var batch []job.Outgoing
		for i := range jobs {
			batch = append(batch, order(fmt.Sprintf("%d/%d.mp4", run, i)))
		}
		began := time.Now()
		if err := work.Send(b.Context(), batch...); err != nil {
			b.Fatal(err)
		}
		for range jobs {
			<-runner.settled
		}
		b.ReportMetric(jobs/time.Since(began).Seconds(), "jobs/s")
	}
}

// BenchmarkIdleLatency measures how long an idle worker takes to start a job
// whose message was just sent.
func BenchmarkIdleLatency(b *testing.B) {
	const jobs = 100
	work, runner := newStage(b, 2)
	if err := work.Send(b.Context(), order("first.mp4")); err != nil {
		b.Fatal(err)
	}
	<-runner.settled // The worker has had its first tick and is inside a poll from here on.
	run := 0
	for b.Loop() {
		run++
		var waits []time.Duration
		for i := range jobs {
			key := fmt.Sprintf("%d/%d.mp4", run, i)
			sent := time.Now()
			if err := work.Send(b.Context(), order(key)); err != nil {
				b.Fatal(err)
			}
			<-runner.settled
			runner.mu.Lock()
			waits = append(waits, runner.started[key].Sub(sent))
			runner.mu.Unlock()
		}
		slices.Sort(waits)
		b.ReportMetric(float64(waits[jobs/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(waits[jobs*99/100].Microseconds())/1000, "p99-ms")
	}
}
