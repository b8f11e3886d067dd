package metrics

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/motionmill/motionmill/job"
)

// QueueDepth is how many messages a queue holds.
type QueueDepth struct {
	// Visible can be received now, Hidden were received and are not visible again
	// yet, Delayed were never received and are not visible yet.
	Visible, Hidden, Delayed int
	// Oldest is for how long the message that waits longest has been visible;
	// negative where the queue cannot tell.
	Oldest time.Duration
}

const (
	// depthFor is for how long a depth that was read is shown, because every
	// read of a queue in SQS is a request that costs.
	depthFor = 5 * time.Second
	// depthWithin bounds one read.
	depthWithin = 5 * time.Second
)

// queues reads the depths of queues when somebody asks for them.
type queues struct {
	messages, oldest *prometheus.Desc
	read             map[string]func(context.Context) (QueueDepth, error)

	mu    sync.Mutex
	known map[string]known
}

// known is a depth that was read, or why it could not be.
type known struct {
	depth QueueDepth
	err   error
	at    time.Time
}

// Queues adds the depths of queues by their names. They are read when the
// metrics are, at most every five seconds. A queue that cannot be read is left
// out of the answer, and the failure goes to the log of the port.
func (m *Metrics) Queues(read map[string]func(context.Context) (QueueDepth, error)) {
	m.registry.MustRegister(&queues{
		messages: prometheus.NewDesc(prefix+"queue_messages",
			"Messages in a queue that are visible, hidden (received) or delayed; of SQS about.", []string{"queue", "state"}, nil),
		oldest: prometheus.NewDesc(prefix+"queue_oldest_seconds",
			"For how long the message that waits longest has been visible; left out where the queue cannot tell.", []string{"queue"}, nil),
		read: read, known: map[string]known{},
	})
}

// Describe tells which measures there are.
func (q *queues) Describe(to chan<- *prometheus.Desc) {
	to <- q.messages
	to <- q.oldest
}

// Collect reads the queues, all at once.
func (q *queues) Collect(to chan<- prometheus.Metric) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refresh()
	for _, name := range slices.Sorted(maps.Keys(q.known)) {
		k := q.known[name]
		if k.err != nil {
			to <- prometheus.NewInvalidMetric(q.messages, fmt.Errorf("read the depth of queue %s: %w", name, k.err))
			continue
		}
		gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
		}
		gauge(q.messages, float64(k.depth.Visible), name, "visible")
		gauge(q.messages, float64(k.depth.Hidden), name, "hidden")
		gauge(q.messages, float64(k.depth.Delayed), name, "delayed")
		if k.depth.Oldest >= 0 {
			gauge(q.oldest, k.depth.Oldest.Seconds(), name)
		}
	}
}

// refresh reads what is not known any more.
func (q *queues) refresh() {
	ctx, cancel := context.WithTimeout(context.Background(), depthWithin)
	defer cancel()
	var reads sync.WaitGroup
	var mu sync.Mutex
	fresh := map[string]known{}
	for name, read := range q.read {
		if k, ok := q.known[name]; ok && time.Since(k.at) < depthFor {
			continue
		}
		reads.Go(func() {
			var depth QueueDepth
			err := job.Guarded("measure a queue", func() (err error) {
				depth, err = read(ctx)
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			fresh[name] = known{depth, err, time.Now()}
		})
	}
	reads.Wait()
	maps.Copy(q.known, fresh)
}
