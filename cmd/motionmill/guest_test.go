package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

// instance is the metadata service of a spot instance in no group.
type instance struct {
	mu     sync.Mutex
	notice string
}

func (i *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
		fmt.Fprint(w, "token")
	case r.Header.Get("X-Aws-Ec2-Metadata-Token") != "token":
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/latest/meta-data/instance-id":
		fmt.Fprint(w, "i-0abc")
	case r.URL.Path == "/latest/meta-data/spot/instance-action" && i.notice != "":
		fmt.Fprint(w, i.notice)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// interrupt says when the instance will be taken.
func (i *instance) interrupt(at time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.notice = fmt.Sprintf(`{"action":"terminate","time":%q}`, at.UTC().Format(time.RFC3339))
}

// TestASpotNoticeGivesJobsBack has a job that does not end by itself, and a
// grace that is longer than the instance has.
func TestASpotNoticeGivesJobsBack(t *testing.T) {
	s := newSite(t)
	var spot instance
	server := httptest.NewServer(&spot)
	defer server.Close()
	s.env = []string{"AWS_EC2_METADATA_DISABLED=false", "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + server.URL}
	w, id := s.busy("--grace", "1h")
	before := s.record(id)
	if name := before.History[0].Worker; !strings.HasPrefix(name, "i-0abc-") {
		t.Errorf("the history names the worker %s", name)
	}
	const reserve = 15 * time.Second
	taken := time.Now().Add(reserve + 6*time.Second)
	spot.interrupt(taken)
	status, _ := w.ends()
	rec := s.record(id)
	last := rec.History[len(rec.History)-1]
	if status != statusDone || rec.State != job.Queued || rec.Attempt != before.Attempt-1 || last.Outcome != "released" {
		t.Errorf("it ended with status %d and the job %s, attempt %d: %+v\n%s", status, rec.State, rec.Attempt, last, w.log.String())
	}
	if left := taken.Sub(last.EndedAt); left < 10*time.Second || left > reserve+2*time.Second {
		t.Errorf("the job was given back %s before the end of the instance", left)
	}
	if left := ffmpegs(s.stage.Dir); len(left) > 0 {
		t.Errorf("processes %v outlived the worker", left)
	}
}
