package main

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/motionmill/motionmill/metrics"
)

// spans is a collector of OTLP over HTTP.
type spans struct {
	mu  sync.Mutex
	all []*tracepb.Span
}

func (s *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var data tracepb.TracesData
	if err == nil {
		err = proto.Unmarshal(body, &data)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range data.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			s.all = append(s.all, scope.Spans...)
		}
	}
}

// named returns the spans of a name.
func (s *spans) named(name string) []*tracepb.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.all), func(span *tracepb.Span) bool { return span.Name != name })
}

// TestAJobIsATrace has a real worker do a job, and looks at what it told a
// collector and its own measures of it.
func TestAJobIsATrace(t *testing.T) {
	collector := &spans{}
	server := httptest.NewServer(collector)
	defer server.Close()
	s := newSite(t)
	s.env = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + server.URL, "OTEL_BSP_SCHEDULE_DELAY=100"}
	id := s.upload("profile=pose/demo.mp4")
	w := s.worker("--listen-private", "127.0.0.1:0")
	w.until("the attempt is told of", func() bool { return len(collector.named("attempt")) > 0 })

	attempt := collector.named("attempt")[0]
	for _, name := range []string{"claim", "fetch", "probe", "decode", "analyse", "store", "commit", "publish"} {
		found := collector.named(name)
		if len(found) != 1 || string(found[0].ParentSpanId) != string(attempt.SpanId) || found[0].EndTimeUnixNano < found[0].StartTimeUnixNano {
			t.Errorf("%s is there %d times, or is no part of the attempt: %v", name, len(found), found)
		}
	}
	root := collector.named("notification")
	if len(root) != 1 {
		t.Fatalf("there are %d notifications", len(root))
	}
	if string(attempt.ParentSpanId) != string(root[0].SpanId) || root[0].StartTimeUnixNano > attempt.StartTimeUnixNano {
		t.Errorf("the attempt does not follow the notification: %v", root)
	}
	for _, span := range []*tracepb.Span{attempt, root[0]} {
		if got, want := hex.EncodeToString(span.TraceId), metrics.TraceID(id); got != want {
			t.Errorf("%s is in the trace %s, want that of the job, %s", span.Name, got, want)
		}
	}
	_, page := get(t, w.private()+"/metrics")
	for _, line := range []string{
		`motionmill_attempts_total{kind="",outcome="succeeded"} 1`, "motionmill_claims_total 1", `motionmill_step_seconds_count{step="analyse"} 1`,
		`motionmill_frames_total{step="decode"} `, "motionmill_units_used 0",
	} {
		if !strings.Contains(page, "\n"+line) {
			t.Errorf("/metrics does not hold %q:\n%s", line, page)
		}
	}
}
