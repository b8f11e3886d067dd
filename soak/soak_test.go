package soak_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/soak"
)

// toy is a stage in memory. Its worker processes only wait for signals; a job
// is done as soon as its notification is delivered.
type toy struct {
	mu        sync.Mutex
	notices   []job.Message
	announced map[string]job.Record
	delivered map[string]int
	delayed   int
	// loses is the number of an upload whose job nobody ever does.
	loses int
}

func (s *toy) stage(script string) soak.Stage {
	s.announced, s.delivered = map[string]job.Record{}, map[string]int{}
	return soak.Stage{
		Worker: func(string) *exec.Cmd { return exec.Command("sh", "-c", script) },
		Upload: s.upload, Notices: &toyNotices{toy: s}, Work: &toyWork{toy: s}, Read: readToy, Outputs: s,
		Count:  func(context.Context) (map[string]int, error) { return map[string]int{}, nil },
		Record: s.record,
		Faults: func() map[soak.Fault]int { return nil },
	}
}

func (s *toy) upload(_ context.Context, key string, n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	source := job.Source{Bucket: "u", Key: key, ETag: fmt.Sprint(n), Sequencer: fmt.Sprintf("%08x", n+1)}
	body, err := json.Marshal(source)
	s.notices = append(s.notices, job.Message{ID: fmt.Sprint(n), Body: body, Receipt: fmt.Sprint(n)})
	return err
}

func readToy(body []byte) (job.Notice, error) {
	var source job.Source
	err := json.Unmarshal(body, &source)
	return job.Notice{Orders: []job.Order{{Source: source, Profile: "p"}}}, err
}

func (s *toy) record(_ context.Context, id string) (job.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.announced[id], nil
}

func (s *toy) List(_ context.Context, visit func(string) error) error {
	for id := range s.announced {
		for _, key := range []string{"manifest.json", "1/manifest.json", "1/video.mp4"} {
			if err := visit("outputs/" + id + "/" + key); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *toy) Get(_ context.Context, key string) ([]byte, error) {
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if strings.HasSuffix(key, ".mp4") {
		return nil, nil
	}
	return fmt.Appendf(nil, `{"job":%q,"fence":1,"outputs":[{"path":"video.mp4","sha256":%q}]}`, strings.Split(key, "/")[1], empty), nil
}

type toyNotices struct {
	soak.Queue
	*toy
}

func (q *toyNotices) Receive(context.Context, int, time.Duration) ([]job.Message, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	got := q.notices
	q.notices = nil
	return got, nil
}

func (q *toyNotices) Delete(context.Context, ...string) error { return nil }

type toyWork struct {
	soak.Queue
	*toy
}

func (q *toyWork) Send(_ context.Context, messages ...job.Outgoing) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if messages[0].Delay > 0 {
		q.delayed++
	}
	for _, m := range messages {
		notice, err := readToy(m.Body)
		if err != nil {
			return err
		}
		o := notice.Orders[0]
		q.delivered[o.ID()]++
		if o.Source.ETag != fmt.Sprint(q.loses) {
			q.announced[o.ID()] = job.Record{
				ID: o.ID(), State: job.Succeeded, Announced: true, Fence: 1, Attempt: 1, Manifest: "outputs/" + o.ID() + "/1/manifest.json",
				History: []job.Attempt{{Fence: 1, Worker: "w1.1", Outcome: "succeeded"}},
			}
		}
	}
	return nil
}

// The scripts of workers: one that stops when it is told to, and others.
const (
	obedient = `exec sleep 60`
	deaf     = `trap '' TERM; exec sleep 60`
)

func TestASoakOfAToy(t *testing.T) {
	s := &toy{loses: -1}
	cfg := soak.Config{Seed: 1, Jobs: 100, Abreast: 5, Quiet: 100 * time.Millisecond, Limits: soak.Limits{Recovery: time.Second}}
	report, err := soak.Run(t.Context(), s.stage(obedient), cfg)
	if wrong := report.Wrong(cfg.Limits); err != nil || len(wrong) > 0 {
		t.Fatalf("%v, %q", err, wrong)
	}
	if len(s.delivered) != 100 || report.Jobs != 100 {
		t.Errorf("%d jobs were delivered, %d judged", len(s.delivered), report.Jobs)
	}
	twice := 0
	for _, n := range s.delivered {
		if n > 1 {
			twice++
		}
	}
	if twice != report.Repeated || twice < 8 || twice > 35 || report.Delayed < 8 || report.Delayed > 35 || s.delayed > report.Delayed {
		t.Errorf("%d were delivered twice (reported %d), %d late (reported %d)", twice, report.Repeated, s.delayed, report.Delayed)
	}
	if report.Kills < 3 || report.Stops < 1 {
		t.Errorf("%d kills, %d stops in %s", report.Kills, report.Stops, report.Took)
	}
	if table := report.Table(); !strings.Contains(table, "| seed | 1 |") || !strings.Contains(table, "| **lost** | 0 |") {
		t.Errorf("the table is\n%s", table)
	}
}

func TestASoakThatDoesNotEnd(t *testing.T) {
	s := &toy{loses: 3}
	report, err := soak.Run(t.Context(), s.stage(obedient), soak.Config{Seed: 1, Jobs: 10, Limit: 2 * time.Second})
	if err == nil || !strings.Contains(err.Error(), "1 of 10 jobs were not done") {
		t.Errorf("it ends with %v", err)
	}
	if len(report.Lost) != 1 || !strings.Contains(report.Lost[0], "the ledger has no record") {
		t.Errorf("lost are %q", report.Lost)
	}
}

func TestWorkersThatMisbehave(t *testing.T) {
	for script, want := range map[string]string{
		deaf:     "did not stop within 100ms of SIGTERM",
		"exit 7": "ended by itself: exit status 7",
	} {
		s := &toy{loses: -1}
		cfg := soak.Config{Seed: 1, Jobs: 30, Abreast: 2, Workers: 2, Quiet: 100 * time.Millisecond, Patience: 100 * time.Millisecond, Limit: time.Minute}
		_, err := soak.Run(t.Context(), s.stage(script), cfg)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: it ends with %v, want %q", script, err, want)
		}
	}
}
