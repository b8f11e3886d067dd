package metrics

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// prefix is what the name of every measure of ours begins with.
const prefix = "motionmill_"

// Metrics is what one process counts and measures. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	panics   prometheus.Counter
	notices  *prometheus.CounterVec
}

// New returns the measures that every process of ours has: those of the Go
// runtime and of the process itself, its version, panics and notices.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: prefix + "panics_total", Help: "Panics that were caught.",
		}),
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "notices_total", Help: "Tries to deliver a webhook or a notice, by channel and outcome.",
		}, []string{"channel", "outcome"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: prefix + "build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		build, m.panics, m.notices)
	// What may come is there as 0: the first webhook that is given up is then an increase.
	for channel, outcomes := range map[string][]string{"webhook": {"delivered", "failed", "dead"}, "slack": {"delivered", "failed"}} {
		for _, outcome := range outcomes {
			m.notices.WithLabelValues(channel, outcome)
		}
	}
	return m
}

// Panicked counts a panic that was caught.
func (m *Metrics) Panicked() { m.panics.Inc() }

// Notified counts a try to deliver a webhook or a notice: by its channel, such
// as "webhook" or "slack", and what came of it, such as "delivered". Both are of
// a fixed set of words.
func (m *Metrics) Notified(channel, outcome string) {
	m.notices.WithLabelValues(channel, outcome).Inc()
}
