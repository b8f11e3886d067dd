package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
)

func nothingWrong(context.Context) error { return nil }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func get(t *testing.T, h http.Handler, path string) (status int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

// holds looks for whole lines in a page of /metrics.
func holds(t *testing.T, page string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(page, "\n"+line+"\n") {
			t.Errorf("/metrics does not hold %q", line)
		}
	}
	if t.Failed() {
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, prefix) {
				t.Log(strings.TrimSpace(line))
			}
		}
	}
}

func TestPrivatePortServesWhatItShould(t *testing.T) {
	wrong := errors.New("queue: away")
	var found error
	h := New("1.2.3").Handler(func(context.Context) error { return found }, discard())
	for path, want := range map[string]string{
		"/metrics": `motionmill_build_info{go="go`, "/healthz": "ok", "/readyz": "ready",
		"/debug/pprof/": "goroutine", "/debug/pprof/goroutine?debug=1": "goroutine profile",
	} {
		if status, body := get(t, h, path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, want 200 with %q in %.200q", path, status, want, body)
		}
	}
	found = wrong
	if status, body := get(t, h, "/readyz"); status != http.StatusServiceUnavailable || body != "queue: away\n" {
		t.Errorf("/readyz of a process that is not ready: %d %q", status, body)
	}
	if status, _ := get(t, h, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz of a process that is not ready: %d; it is alive", status)
	}
	// The command line may hold a secret.
	for _, path := range []string{"/", "/nothing", "/debug/pprof/cmdline"} {
		if status, body := get(t, h, path); status != http.StatusNotFound {
			t.Errorf("%s: %d %.100q, want 404", path, status, body)
		}
	}
}

func TestReadinessAsksRarelyAndEndsWithTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopping, stop := context.WithCancel(t.Context())
		defer stop()
		asked, state := 0, error(nil)
		r := NewReadiness(stopping, map[string]func(context.Context) error{
			"ledger": func(context.Context) error { asked++; return state },
			"store":  func(context.Context) error { return nil },
		})
		for range 3 {
			if err := r.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if asked != 1 {
			t.Errorf("three questions at once asked the ledger %d times", asked)
		}
		state = errors.New("throttled")
		if err := r.Check(t.Context()); err != nil {
			t.Errorf("within the time of an answer: %v", err)
		}
		time.Sleep(readyFor)
		if err := r.Check(t.Context()); err == nil || err.Error() != "ledger: throttled" {
			t.Errorf("after it: %v", err)
		}
		state = nil
		time.Sleep(unreadyFor)
		if err := r.Check(t.Context()); err != nil {
			t.Errorf("the ledger is back: %v", err)
		}
		stop()
		if err := r.Check(t.Context()); !errors.Is(err, errDraining) {
			t.Errorf("of a process that stops: %v", err)
		}
	})
}

// TestReadinessWaitsForNobody has a part that never answers.
func TestReadinessWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r := NewReadiness(t.Context(), map[string]func(context.Context) error{
			"queue": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		})
		if err := r.Check(t.Context()); err == nil || time.Since(began) != readyWithin {
			t.Errorf("%v after %s, want an error after %s", err, time.Since(began), readyWithin)
		}
	})
}

func TestWorkerIsMeasured(t *testing.T) {
	m := New("1")
	w := m.Worker()
	m.Units(func() int { return 3 }, 8)
	m.Disk(func() (uint64, uint64, error) { return 10, 100, nil }, func(err error) { t.Error(err) })
	_, page := get(t, m.Handler(nothingWrong, discard()), "/metrics")
	holds(t, page, // Before anything happens, so that the first failure is an increase.
		`motionmill_attempts_total{kind="",outcome="succeeded"} 0`, `motionmill_attempts_total{kind="storage",outcome="failed"} 0`,
		`motionmill_attempts_total{kind="corrupt",outcome="dead"} 0`, `motionmill_lease_renewals_total{outcome="late"} 0`, `motionmill_claims_total 0`)
	w.Claimed()
	w.Renewed("late")
	w.Swept("kept")
	w.Settled("failed", job.Storage)
	w.Settled("succeeded", "")
	w.Step("decode", 2*time.Second, 60)
	w.Step("subtitles.vtt", time.Second, 0)
	w.Step("captions.vtt", time.Second, 5)
	w.Ran("movenet", "cuda")
	w.Ran("movenet", "cpu")
	m.Panicked()
	m.Notified("slack", "delivered")
	_, page = get(t, m.Handler(nothingWrong, discard()), "/metrics")
	holds(t, page, `motionmill_attempts_total{kind="storage",outcome="failed"} 1`, `motionmill_attempts_total{kind="",outcome="succeeded"} 1`,
		`motionmill_claims_total 1`, `motionmill_lease_renewals_total{outcome="late"} 1`, `motionmill_sweeps_total{outcome="kept"} 1`,
		`motionmill_frames_total{step="decode"} 60`, `motionmill_frames_total{step="model"} 5`, `motionmill_step_seconds_count{step="model"} 2`,
		`motionmill_step_seconds_sum{step="decode"} 2`, `motionmill_model_info{model="movenet",provider="cpu"} 1`, `motionmill_units_used 3`,
		`motionmill_units_capacity 8`, `motionmill_disk_free_bytes 10`, `motionmill_panics_total 1`,
		`motionmill_notices_total{channel="slack",outcome="delivered"} 1`)
	if strings.Contains(page, `provider="cuda"`) || strings.Contains(page, "captions") {
		t.Error("a provider that was left, or the name of a user's step, is shown")
	}
}

func TestADiskThatCannotBeReadIsNoDiskThatIsFull(t *testing.T) {
	m := New("1")
	told := 0
	m.Disk(func() (uint64, uint64, error) { return 0, 0, errors.New("gone") }, func(error) { told++ })
	_, page := get(t, m.Handler(nothingWrong, discard()), "/metrics")
	holds(t, page, `motionmill_disk_free_bytes NaN`)
	if told == 0 {
		t.Error("nobody was told")
	}
}

// TestRequestsAreFewSeries has a client make up methods.
func TestRequestsAreFewSeries(t *testing.T) {
	m := New("1")
	a := m.API()
	for _, method := range []string{http.MethodGet, "BREW", "PROPFIND", "X"} {
		a.Answered("/v1/jobs/{id}", method, http.StatusOK, 20*time.Millisecond)
	}
	_, page := get(t, m.Handler(nothingWrong, discard()), "/metrics")
	holds(t, page, `motionmill_http_requests_total{method="GET",route="/v1/jobs/{id}",status="200"} 1`,
		`motionmill_http_requests_total{method="other",route="/v1/jobs/{id}",status="200"} 3`,
		`motionmill_http_request_seconds_bucket{route="/v1/jobs/{id}",le="0.025"} 4`)
}

func TestQueuesAreReadRarelyAndEachForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New("1")
		reads := 0
		var log strings.Builder
		m.Queues(map[string]func(context.Context) (QueueDepth, error){
			"work": func(context.Context) (QueueDepth, error) {
				reads++
				return QueueDepth{Visible: reads, Hidden: 2, Delayed: 3, Oldest: time.Minute}, nil
			},
			"cloud":       func(context.Context) (QueueDepth, error) { return QueueDepth{Visible: 5, Oldest: -1}, nil },
			"dead_letter": func(context.Context) (QueueDepth, error) { return QueueDepth{}, errors.New("no leave") },
		})
		h := m.Handler(nothingWrong, slog.New(slog.NewTextHandler(&log, nil)))
		for range 2 {
			status, page := get(t, h, "/metrics")
			if status != http.StatusOK {
				t.Errorf("a queue that cannot be read makes the answer %d", status)
			}
			holds(t, page, `motionmill_queue_messages{queue="work",state="visible"} 1`, `motionmill_queue_messages{queue="work",state="delayed"} 3`,
				`motionmill_queue_oldest_seconds{queue="work"} 60`, `motionmill_queue_messages{queue="cloud",state="visible"} 5`)
			if strings.Contains(page, `queue="dead_letter"`) || strings.Contains(page, `oldest_seconds{queue="cloud"}`) {
				t.Error("what is not known is shown as a number")
			}
		}
		if !strings.Contains(log.String(), "dead_letter: no leave") {
			t.Errorf("the log does not tell of the queue: %s", log.String())
		}
		time.Sleep(depthFor)
		_, page := get(t, h, "/metrics")
		holds(t, page, `motionmill_queue_messages{queue="work",state="visible"} 2`, `promhttp_metric_handler_errors_total{cause="gathering"} 2`)
	})
}

// TestAttemptsThatMayComeAreThere settles one attempt of each way that a worker
// has, and finds that none is new: else the first one is no increase.
func TestAttemptsThatMayComeAreThere(t *testing.T) {
	m := New("1.2.3")
	w := m.Worker()
	series := func() int {
		_, page := get(t, m.Handler(nothingWrong, discard()), "/metrics")
		return strings.Count(page, "\nmotionmill_attempts_total{")
	}
	before := series()
	for _, outcome := range []string{"succeeded", "cancelled", "released", "lost"} {
		w.Settled(outcome, "")
	}
	w.Settled("superseded", job.SourceReplaced) // As worker.failureOf has it.
	w.Settled("dead", job.Corrupt)
	w.Settled("failed", job.Crashed)
	if after := series(); after != before || before == 0 {
		t.Errorf("%d of %d series were not there before", after-before, after)
	}
}

// TestNoticesThatMayComeAreThere is the same for webhooks and notices: the alert
// on one that was given up did not see the first.
func TestNoticesThatMayComeAreThere(t *testing.T) {
	_, page := get(t, New("1.2.3").Handler(nothingWrong, discard()), "/metrics")
	holds(t, page, `motionmill_notices_total{channel="webhook",outcome="dead"} 0`, `motionmill_notices_total{channel="webhook",outcome="failed"} 0`,
		`motionmill_notices_total{channel="webhook",outcome="delivered"} 0`, `motionmill_notices_total{channel="slack",outcome="failed"} 0`)
}
