package metrics

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/motionmill/motionmill/job"
)

// Steps of a job by the names that the manifest has. The files that models of a
// profile make are steps as well, each of its own name; they count as one.
const modelStep = "model"

func knownSteps() []string {
	return []string{"fetch", "probe", "loudness", "sample", "decode", "analyse", "composite", "package", "store"}
}

// stepBuckets are seconds: from the probe of a clip to an hour of video.
func stepBuckets() []float64 {
	return []float64{.1, .3, 1, 3, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200}
}

// Worker is what a worker counts and measures.
type Worker struct {
	claims                             prometheus.Counter
	renewals, sweeps, attempts, frames *prometheus.CounterVec
	steps                              *prometheus.HistogramVec
	provider                           *prometheus.GaugeVec
	known                              []string

	mu   sync.Mutex
	runs map[string]string // by model: the provider that it was last seen on
}

// Worker adds the measures of a worker. It may be called once.
func (m *Metrics) Worker() *Worker {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, labels)
	}
	w := &Worker{
		claims:   prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + "claims_total", Help: "Jobs that this worker claimed."}),
		renewals: counter("lease_renewals_total", "Tries to renew a lease: in_time, late (more than half of it had passed) or failed.", "outcome"),
		sweeps:   counter("sweeps_total", "Timers that were looked at: kept, done, or failed.", "outcome"),
		attempts: counter("attempts_total", "Attempts that ended here, by what they led to and the kind of the error.", "outcome", "kind"),
		frames:   counter("frames_total", "Frames that steps have been through.", "step"),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "step_seconds", Help: "How long the steps of jobs took, in seconds.", Buckets: stepBuckets(),
		}, []string{"step"}),
		provider: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "model_info", Help: "Always 1; the labels say which model last ran on which provider.",
		}, []string{"model", "provider"}),
		known: knownSteps(), runs: map[string]string{},
	}
	m.registry.MustRegister(w.claims, w.renewals, w.sweeps, w.attempts, w.frames, w.steps, w.provider)
	w.begin()
	return w
}

// begin shows what may come as 0, so that the first one is seen as an increase.
func (w *Worker) begin() {
	for _, outcome := range []string{"in_time", "late", "failed"} {
		w.renewals.WithLabelValues(outcome)
	}
	for _, outcome := range []string{"kept", "done", "failed"} {
		w.sweeps.WithLabelValues(outcome)
	}
	for _, outcome := range []string{string(job.Succeeded), string(job.Cancelled), "released", "lost"} {
		w.attempts.WithLabelValues(outcome, "")
	}
	w.attempts.WithLabelValues(string(job.Superseded), string(job.SourceReplaced))
	for _, kind := range []job.Kind{job.NotAVideo, job.Corrupt, job.Unsupported, job.OverLimit, job.SourceGone, job.SourceReplaced} {
		w.attempts.WithLabelValues(string(job.Dead), string(kind))
	}
	for _, kind := range []job.Kind{
		job.ModelMissing, job.GPUUnavailable, job.OutOfMemory, job.OutOfDisk, job.Timeout, job.Crashed, job.Storage, job.Internal,
	} {
		w.attempts.WithLabelValues(string(job.Failed), string(kind))
	}
}

// Claimed counts a job that was claimed.
func (w *Worker) Claimed() { w.claims.Inc() }

// Renewed counts a try to renew a lease: "in_time", "late" or "failed".
func (w *Worker) Renewed(outcome string) { w.renewals.WithLabelValues(outcome).Inc() }

// Swept counts a timer that was looked at: "kept", "done" or "failed".
func (w *Worker) Swept(outcome string) { w.sweeps.WithLabelValues(outcome).Inc() }

// Settled counts an attempt that ended: what it led to, as its entry in the
// history says, and the kind of its error, empty for none.
func (w *Worker) Settled(outcome string, kind job.Kind) {
	w.attempts.WithLabelValues(outcome, string(kind)).Inc()
}

// Step measures a step of a job that ended well: how long it took and how many
// frames went through it, 0 where it knows none.
func (w *Worker) Step(name string, took time.Duration, frames int64) {
	if !slices.Contains(w.known, name) {
		name = modelStep
	}
	w.steps.WithLabelValues(name).Observe(took.Seconds())
	if frames > 0 {
		w.frames.WithLabelValues(name).Add(float64(frames))
	}
}

// Ran notes on which provider a model ran: cpu, cuda or tensorrt.
func (w *Worker) Ran(model, provider string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last, ok := w.runs[model]; ok && last != provider {
		w.provider.DeleteLabelValues(model, last)
	}
	w.runs[model] = provider
	w.provider.WithLabelValues(model, provider).Set(1)
}

// Units adds the capacity of a worker, which used reads at every scrape: the
// units that are held and those that there are.
func (m *Metrics) Units(used func() int, capacity int) {
	m.gauge("units_used", "Units of work that jobs hold now.", func() float64 { return float64(used()) })
	m.gauge("units_capacity", "Units of work that there are.", func() float64 { return float64(capacity) })
}

// Disk adds the file system that jobs work on, which room reads at every
// scrape: the bytes that are free and those that there are. What cannot be read
// is NaN, and reported.
func (m *Metrics) Disk(room func() (free, size uint64, err error), report func(error)) {
	read := func(pick func(free, size uint64) uint64) func() float64 {
		return func() float64 {
			free, size, err := room()
			if err != nil {
				report(err)
				return math.NaN()
			}
			return float64(pick(free, size))
		}
	}
	m.gauge("disk_free_bytes", "What is free where files of running jobs lie, in bytes.", read(func(free, _ uint64) uint64 { return free }))
	m.gauge("disk_size_bytes", "What that file system holds, in bytes.", read(func(_, size uint64) uint64 { return size }))
}

func (m *Metrics) gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: prefix + name, Help: help}, read))
}
