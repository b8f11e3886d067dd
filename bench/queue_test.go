package bench

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"golang.org/x/sync/errgroup"

	"github.com/motionmill/motionmill/cloudtest"
	"github.com/motionmill/motionmill/doctable"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/queue"
)

const (
	// queueVariable names the document whose table is to be written.
	queueVariable = "MOTIONMILL_QUEUE_TABLE"
	// The table stands between these lines of it.
	queueFirst = "<!-- queue: written by make bench-queue -->\n"
	queueLast  = "<!-- end of queue -->\n"

	// warmUp messages come before the clock starts, of measuredMessages each run.
	warmUp, measuredMessages = 1000, 3000
	// mostMessages is more than any run sends.
	mostMessages = 20000
	// queueRounds is how often each side has its turn; the medians count.
	queueRounds = 5
	// lonely messages are sent one by one for the latency, that of either side
	// in turn, after lonelyFirst that do not count.
	lonely, lonelyFirst = 400, 50
	// unitsOfWorker is more than the jobs that a worker ever has at once.
	unitsOfWorker = 64
)

// consumers is how many poll at once: consumers of the peer, workers of ours.
var consumers = []int{1, 4, 8}

// queueBench is the server and both sides' means to talk to it.
type queueBench struct {
	b        *testing.B
	settings aws.Config
	client   *sqs.Client
	program  string
	made     int
}

// BenchmarkQueue consumes notifications of S3 on ElasticMQ, by turns with
// sqs-consumer, which calls a handler and deletes, and with workers, which also
// keep a ledger in a file and a timer a job.
func BenchmarkQueue(b *testing.B) {
	program := peerProgram(b)
	settings := cloudtest.ElasticMQ(b)
	client, err := queue.NewSQSClient(b.Context(), &settings)
	if err != nil {
		b.Fatal(err)
	}
	q := &queueBench{b: b, settings: settings, client: client, program: program}
	for b.Loop() {
		q.throughput("batch", 8) // The server is warm from here on.
		f := q.measure()
		b.Log("\n" + f.table())
		f.write(b)
		best := slices.Max(f.medians("message"))
		b.ReportMetric(slices.Max(f.medians(oursMode))/best, "jobs/peer's")
	}
}

// figures are what the rounds brought.
type figures struct {
	rates map[string]map[int][]float64       // by mode and consumers
	waits map[string]map[int][]time.Duration // by mode and consumers, sorted
}

// modes are the ways of consuming; the last one is ours.
const oursMode = "ours"

func (q *queueBench) measure() figures {
	f := figures{rates: map[string]map[int][]float64{}, waits: map[string]map[int][]time.Duration{}}
	for _, mode := range []string{"message", "batch", oursMode} {
		f.rates[mode], f.waits[mode] = map[int][]float64{}, map[int][]time.Duration{}
	}
	rounds := queueRounds
	if testing.Short() {
		rounds = 1
	}
	for range rounds {
		for _, n := range consumers {
			for mode := range f.rates {
				f.rates[mode][n] = append(f.rates[mode][n], q.throughput(mode, n))
			}
		}
	}
	for _, n := range consumers {
		f.waits["message"][n], f.waits[oursMode][n] = q.latency(n)
	}
	return f
}

// start starts one side on queues of its own. stop also removes these.
func (q *queueBench) start(mode string, n int, sent int) (work *queue.SQS, s side) {
	q.made++
	name := fmt.Sprintf("bench-%d-", q.made)
	work, url, remove := cloudQueue(q.b, q.client, name+"work")
	q.send(work, sent)
	if mode != oursMode {
		s = startPeer(q.b, q.program, q.settings, url, n, mode)
		stop := s.stop
		s.stop = func() { stop(); remove() }
		return work, s
	}
	timers, _, removeTimers := cloudQueue(q.b, q.client, name+"timers")
	dead, _, removeDead := cloudQueue(q.b, q.client, name+"dead")
	s = startOurs(q.b, work, timers, dead, n, time.Minute)
	stop := s.stop
	s.stop = func() {
		stop()
		if depth, err := work.Depth(context.WithoutCancel(q.b.Context())); err != nil || depth != (queue.Depth{}) {
			q.b.Errorf("the work queue holds %+v after all jobs were announced, error %v", depth, err)
		}
		remove()
		removeTimers()
		removeDead()
	}
	return work, s
}

// send fills a queue with notifications.
func (q *queueBench) send(work *queue.SQS, n int) {
	group, ctx := errgroup.WithContext(q.b.Context())
	group.SetLimit(4)
	for first := 0; first < n; first += 10 {
		var batch []job.Outgoing
		for i := first; i < min(first+10, n); i++ {
			batch = append(batch, notification(fmt.Sprintf("videos/%d.mp4", i)))
		}
		group.Go(func() error { return work.Send(ctx, batch...) })
	}
	if err := group.Wait(); err != nil {
		q.b.Fatal(err)
	}
}

// notification is what S3 sends of an upload.
func notification(key string) job.Outgoing {
	return job.Outgoing{Body: fmt.Appendf(nil, `{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-east-1","eventTime":"2026-01-01T00:00:00.000Z",`+
		`"eventName":"ObjectCreated:Put","s3":{"s3SchemaVersion":"1.0","configurationId":"uploads","bucket":{"name":"uploads","arn":"arn:aws:s3:::uploads"},`+
		`"object":{"key":%q,"size":62914560,"eTag":"d41d8cd98f00b204e9800998ecf8427e","sequencer":"0066A3F1C2D4E5B601"}}}]}`, key)}
}

// throughput returns how many messages a second one side is done with.
func (q *queueBench) throughput(mode string, n int) float64 {
	_, s := q.start(mode, n, warmUp+measuredMessages)
	defer s.stop()
	var gone []time.Time
	for range warmUp + measuredMessages {
		gone = append(gone, q.next(s).gone)
	}
	slices.SortFunc(gone, time.Time.Compare)
	return measuredMessages / gone[len(gone)-1].Sub(gone[warmUp-1]).Seconds()
}

// next waits for the next message that a side is done with.
func (q *queueBench) next(s side) consumed {
	q.b.Helper()
	select {
	case e, more := <-s.events:
		if !more {
			q.b.Fatal("the peer ended")
		}
		return e
	case <-time.After(time.Minute):
		q.b.Fatal("nothing was consumed for a minute")
	}
	panic("unreachable")
}

// latency sends single messages to both sides by turns, which are idle else,
// and returns the times from the beginning of the sending to the beginning of
// the handler, sorted.
func (q *queueBench) latency(n int) (peers, ours []time.Duration) {
	peerWork, peer := q.start("message", n, 1)
	defer peer.stop()
	ourWork, our := q.start(oursMode, n, 1)
	defer our.stop()
	q.next(peer)
	q.next(our) // Both are inside their polls from here on.
	one := func(work *queue.SQS, s side, i int) time.Duration {
		pause := time.NewTimer(10*time.Millisecond + rand.N(10*time.Millisecond)) // Polls return before the next one.
		<-pause.C
		began := time.Now()
		if err := work.Send(q.b.Context(), notification(fmt.Sprintf("lonely/%d.mp4", i))); err != nil {
			q.b.Fatal(err)
		}
		return q.next(s).began.Sub(began)
	}
	for i := range lonelyFirst + lonely {
		p, o := one(peerWork, peer, i), one(ourWork, our, i)
		if i >= lonelyFirst {
			peers, ours = append(peers, p), append(ours, o)
		}
	}
	slices.Sort(peers)
	slices.Sort(ours)
	return peers, ours
}

func (f figures) medians(mode string) (all []float64) {
	for _, n := range consumers {
		all = append(all, median(f.rates[mode][n]))
	}
	return all
}

func median[T cmp.Ordered](values []T) T { return slices.Sorted(slices.Values(values))[len(values)/2] }

// table shows the figures, and ours beside the peer's.
func (f figures) table() string {
	var r rows
	head := []any{fmt.Sprintf("jobs/s, median of %d (lowest to highest)", len(f.rates[oursMode][consumers[0]]))}
	for _, n := range consumers {
		head = append(head, n)
	}
	r.head(head...)
	for _, mode := range []struct{ name, title string }{
		{"message", "sqs-consumer, a handler a message"}, {"batch", "sqs-consumer, a handler a batch"}, {oursMode, "Motionmill, ledger and timers"},
	} {
		cells := []any{mode.title}
		for _, n := range consumers {
			v := f.rates[mode.name][n]
			cells = append(cells, fmt.Sprintf("%.0f (%.0f to %.0f)", median(v), slices.Min(v), slices.Max(v)))
		}
		r.row(cells...)
	}
	best := slices.Max(f.medians("message"))
	cells := []any{"Motionmill ÷ sqs-consumer's best a message"}
	for _, m := range f.medians(oursMode) {
		cells = append(cells, fmt.Sprintf("%.2f", m/best))
	}
	r.row(cells...)
	r.b.WriteString("\n")
	head[0] = "from sending to start, p50 / p99"
	r.head(head...)
	at := func(waits []time.Duration, percent int) float64 {
		return float64(waits[len(waits)*percent/100].Microseconds()) / 1000
	}
	peer, ours, ratio := []any{"sqs-consumer, a handler a message"}, []any{"Motionmill"}, []any{"ratio"}
	for _, n := range consumers {
		p, o := f.waits["message"][n], f.waits[oursMode][n]
		peer = append(peer, fmt.Sprintf("%.1f / %.1f ms", at(p, 50), at(p, 99)))
		ours = append(ours, fmt.Sprintf("%.1f / %.1f ms", at(o, 50), at(o, 99)))
		ratio = append(ratio, fmt.Sprintf("%.2f / %.2f", at(o, 50)/at(p, 50), at(o, 99)/at(p, 99)))
	}
	r.row(peer...)
	r.row(ours...)
	r.row(ratio...)
	return r.b.String()
}

// write puts the table into the document that the environment names.
func (f figures) write(b *testing.B) {
	b.Helper()
	path := os.Getenv(queueVariable)
	if path == "" {
		return
	}
	if err := (doctable.Place{Document: path, First: queueFirst, Last: queueLast}).Write("\n" + f.table() + "\n"); err != nil {
		b.Fatal(err)
	}
}
