package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/motionmill/motionmill/cloudtest"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
	"github.com/motionmill/motionmill/local/database"
	"github.com/motionmill/motionmill/queue"
	"github.com/motionmill/motionmill/worker"
)

// consumed tells what became of one message: when its handler began, and when
// nothing was left to do for it.
type consumed struct {
	key         string
	began, gone time.Time
}

// side consumes a queue until it is stopped.
type side struct {
	events <-chan consumed
	stop   func()
}

// cloudQueue makes a queue of its own on the server, which stop removes.
func cloudQueue(b *testing.B, client *sqs.Client, name string) (q *queue.SQS, url string, remove func()) {
	b.Helper()
	made, err := client.CreateQueue(b.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"VisibilityTimeout": "60"}})
	if err != nil {
		b.Fatal(err)
	}
	q, err = queue.NewSQS(queue.SQSConfig{Client: client, URL: aws.ToString(made.QueueUrl)})
	if err != nil {
		b.Fatal(err)
	}
	return q, aws.ToString(made.QueueUrl), func() {
		if _, err := client.DeleteQueue(context.WithoutCancel(b.Context()), &sqs.DeleteQueueInput{QueueUrl: made.QueueUrl}); err != nil {
			b.Error(err)
		}
	}
}

// peerProgram returns the path of the peer's script, with the runtime that it
// needs, as scripts/setup.sh bench installs them.
func peerProgram(b *testing.B) string {
	b.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		b.Skip(err)
	}
	path := filepath.Join(cache, "motionmill", "testtools", "bin", "sqs-consumer")
	if _, err := os.Stat(path); err != nil {
		b.Skipf("sqs-consumer is not installed; run scripts/setup.sh bench (%v)", err)
	}
	return path
}

// startPeer consumes a queue by sqs-consumer, in a process of its own.
func startPeer(b *testing.B, program string, settings aws.Config, url string, consumers int, mode string) side {
	b.Helper()
	command := exec.Command(program, url, strconv.Itoa(consumers), mode)
	command.Env = append(os.Environ(), cloudtest.Environment(b, settings)...)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	events := make(chan consumed, mostMessages)
	read := make(chan error, 1)
	go func() {
		defer close(events)
		read <- readPeer(stdout, events)
	}()
	return side{events: events, stop: sync.OnceFunc(func() {
		if err := stdin.Close(); err != nil { // It ends with its standard input.
			b.Error(err)
		}
		if err := <-read; err != nil {
			b.Error(err)
		}
		if err := command.Wait(); err != nil {
			b.Errorf("sqs-consumer: %v", err)
		}
	})}
}

// readPeer reads the lines of the peer: key, milliseconds, milliseconds.
func readPeer(from io.Reader, events chan<- consumed) error {
	at := func(ms float64) time.Time { return time.UnixMicro(int64(ms * 1000)) }
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		var key string
		var began, gone float64
		if _, err := fmt.Sscan(lines.Text(), &key, &began, &gone); err != nil {
			return fmt.Errorf("read the peer's line %q: %w", lines.Text(), err)
		}
		events <- consumed{key: key, began: at(began), gone: at(gone)}
	}
	return lines.Err()
}

// startOurs consumes a queue by so many workers of one process, with timers on
// a second queue and records in a ledger in a file.
func startOurs(b *testing.B, work, timers, dead *queue.SQS, workers int, lease time.Duration) side {
	b.Helper()
	db, err := database.Open(filepath.Join(b.TempDir(), "stage.db"))
	if err != nil {
		b.Fatal(err)
	}
	records, err := ledger.NewEmbedded(db, ledger.EmbeddedConfig{})
	if err != nil {
		b.Fatal(err)
	}
	o := &observer{Ledger: records, events: make(chan consumed, mostMessages), began: map[string]time.Time{}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.Context()))
	var running sync.WaitGroup
	for i := range workers {
		w, err := worker.New(worker.Config{
			Name: "bench-" + strconv.Itoa(i), Capacity: unitsOfWorker, Lease: lease, ClaimSchedule: "* * * * * *",
			Work: work, InProgress: timers, DeadLetter: dead, Ledger: o, Runner: o,
			Reader: queue.NewReader(queue.ReaderConfig{DefaultProfile: "trainer"}), Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		})
		if err != nil {
			b.Fatal(err)
		}
		running.Go(func() {
			if err := w.Run(ctx); err != nil {
				b.Error(err)
			}
		})
	}
	return side{events: o.events, stop: sync.OnceFunc(func() {
		cancel()
		running.Wait()
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})}
}

// observer is a runner whose jobs take no time, and a ledger that tells when a
// record was marked announced, which is the last thing that a job needs.
type observer struct {
	worker.Ledger
	events chan consumed

	mu    sync.Mutex
	began map[string]time.Time // by job
}

func (o *observer) Run(_ context.Context, rec job.Record, _ job.Hooks) (string, error) {
	o.mu.Lock()
	o.began[rec.ID] = time.Now()
	o.mu.Unlock()
	return "outputs/" + rec.ID + "/1/manifest.json", nil
}

func (o *observer) Announce(context.Context, job.Record) error { return nil }

func (o *observer) Put(ctx context.Context, next job.Record, when job.Condition) error {
	err := o.Ledger.Put(ctx, next, when)
	if err == nil && next.Announced {
		o.mu.Lock()
		began := o.began[next.ID]
		o.mu.Unlock()
		o.events <- consumed{key: next.Source.Key, began: began, gone: time.Now()}
	}
	return err
}
