package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/local/database"
)

var stopSignals = map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT}

// ignorable is a message that a worker drops as soon as it has received it.
var ignorable = job.Outgoing{Body: []byte(`{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}`)}

// polls waits until a worker receives messages.
func (s *site) polls(w *running) {
	s.t.Helper()
	if err := s.work.Send(s.t.Context(), ignorable); err != nil {
		s.t.Fatal(err)
	}
	w.until("it receives messages", func() bool {
		depth, err := s.work.Depth(s.t.Context())
		return err == nil && depth.Visible+depth.Hidden+depth.Delayed == 0
	})
}

// TestAnIdleWorkerStopsAtOnce signals a worker in the middle of a long poll.
func TestAnIdleWorkerStopsAtOnce(t *testing.T) {
	s := newSite(t)
	for name, signal := range stopSignals {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.t = t
			w := s.worker()
			s.polls(w)
			w.signal(signal)
			if status, took := w.ends(); status != statusDone || took > 5*time.Second {
				t.Errorf("it ended after %v with status %d; its poll would have taken 20 s\n%s", took, status, w.log.String())
			} else {
				t.Logf("%s: ended after %v", name, took)
			}
		})
	}
}

// TestAWorkerStops signals a worker whose job does not end by itself: it must
// receive nothing a second later, let the job go on for the grace, and then
// give it back, uncharged, without leaving a process.
func TestAWorkerStops(t *testing.T) {
	s := newSite(t)
	const grace = 3 * time.Second
	for name, signal := range stopSignals {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.t = t
			w, id := s.busy("--grace", grace.String())
			before := s.record(id)
			signalled := time.Now()
			w.signal(signal)
			late := 0 // messages sent more than a second after the signal
			more := time.NewTicker(50 * time.Millisecond)
			defer more.Stop()
			for ended := false; !ended; {
				select {
				case <-w.done:
					ended = true
				case <-more.C:
					if time.Since(signalled) > time.Second {
						if err := s.work.Send(t.Context(), ignorable); err != nil {
							t.Fatal(err)
						}
						late++
					}
				}
			}
			if left := ffmpegs(s.stage.Dir); len(left) > 0 {
				t.Errorf("processes %v outlived the worker", left)
			}
			if status, _ := w.ends(); status != statusDone {
				t.Errorf("it ended with status %d\n%s", status, w.log.String())
			}
			if stayed := s.awaitRelease(id, signalled.Add(grace), 5*time.Second); stayed != late {
				t.Errorf("of %d messages that came a second after the signal, %d were left alone", late, stayed)
			}
			rec := s.record(id)
			last := rec.History[len(rec.History)-1]
			if rec.State != job.Queued || rec.Attempt != before.Attempt-1 || last.Outcome != "released" || last.EndedAt.Sub(signalled) < grace {
				t.Errorf("the job is %s, attempt %d; the last one ended %v after the signal: %+v", rec.State, rec.Attempt, last.EndedAt.Sub(signalled), last)
			}
		})
	}
}

// awaitRelease receives until the message of a released job comes, which must
// be within limit of when. It returns how many others came that nobody had
// received before. The message is given back.
func (s *site) awaitRelease(id string, when time.Time, limit time.Duration) (others int) {
	s.t.Helper()
	for {
		messages, err := s.work.Receive(s.t.Context(), 10, max(0, min(time.Until(when.Add(limit)), 20*time.Second)))
		if err != nil || len(messages) == 0 {
			s.t.Fatalf("the job's message is not visible %v after the grace (%v)", limit, err)
		}
		found := false
		for _, m := range messages {
			var letter job.Letter
			if err := json.Unmarshal(m.Body, &letter); err == nil && letter.Job == id {
				found = true
				s.t.Logf("the job's message was visible %v after the grace", time.Since(when).Round(time.Millisecond))
				if err := s.work.Hide(s.t.Context(), m.Receipt, 0); err != nil {
					s.t.Error(err)
				}
				continue
			}
			if m.Received == 1 {
				others++
			}
			if err := s.work.Delete(s.t.Context(), m.Receipt); err != nil {
				s.t.Error(err)
			}
		}
		if depth, err := s.work.Depth(s.t.Context()); found && (err != nil || depth.Visible <= 1) {
			return others
		}
	}
}

// TestAJobMayEndWithinTheGrace signals a worker whose job goes on.
func TestAJobMayEndWithinTheGrace(t *testing.T) {
	s := newSite(t)
	id := s.upload("quick.mp4")
	w := s.worker()
	w.until("an ffmpeg runs", func() bool { return len(ffmpegs(s.stage.Dir)) > 0 && s.record(id).State == job.Running })
	w.signal(syscall.SIGINT)
	if status, _ := w.ends(); status != statusDone {
		t.Errorf("it ended with status %d\n%s", status, w.log.String())
	}
	if rec := s.record(id); rec.State != job.Succeeded || !rec.Announced || rec.Attempt != 1 {
		t.Errorf("the job is %s, attempt %d, announced %t", rec.State, rec.Attempt, rec.Announced)
	}
}

// TestASecondSignalEndsTheGrace stops a worker of an endless grace twice: the
// job is given back at once.
func TestASecondSignalEndsTheGrace(t *testing.T) {
	s := newSite(t)
	for name, signal := range stopSignals {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.t = t
			w, id := s.busy("--grace", "1h")
			before := s.record(id)
			w.stopTwice(signal)
			if status, took := w.ends(); status != statusInterrupted || took > releaseWithin+2*time.Second {
				t.Errorf("it ended after %v with status %d\n%s", took, status, w.log.String())
			}
			if left := ffmpegs(s.stage.Dir); len(left) > 0 {
				t.Errorf("processes %v outlived the worker", left)
			}
			s.awaitRelease(id, time.Now(), 5*time.Second)
			if rec := s.record(id); rec.State != job.Queued || rec.Attempt != before.Attempt-1 {
				t.Errorf("the job is %s, attempt %d", rec.State, rec.Attempt)
			}
		})
	}
}

// stopTwice sends the second signal once the first one has had its effect.
func (r *running) stopTwice(signal syscall.Signal) {
	r.t.Helper()
	r.signal(signal)
	r.until("it stops", func() bool { return strings.Contains(r.log.String(), "worker stopping") })
	r.signal(signal)
}

// TestASecondSignalWaitsForNothing stops a worker twice whose ledger does not
// answer: it ends all the same, and leaves the job to its timer.
func TestASecondSignalWaitsForNothing(t *testing.T) {
	s := newSite(t)
	w, id := s.busy("--grace", "1h")
	db, err := database.Open(filepath.Join(s.stage.Dir, "stage.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	held, err := db.BeginTx(t.Context(), nil) // Nobody else can write meanwhile.
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Rollback() }()
	w.stopTwice(syscall.SIGTERM)
	if status, took := w.ends(); status != statusInterrupted || took > releaseWithin+2*time.Second {
		t.Errorf("it ended after %v with status %d\n%s", took, status, w.log.String())
	}
	if !poll(5*time.Second, func() bool { return len(ffmpegs(s.stage.Dir)) == 0 }) {
		t.Errorf("processes %v outlived the worker", ffmpegs(s.stage.Dir))
	}
	if rec := s.record(id); rec.State != job.Running || rec.Attempt != 1 {
		t.Errorf("the job is %s, attempt %d; nothing could be written", rec.State, rec.Attempt)
	}
}

// TestNothingOutlivesAKilledWorker kills a worker as the kernel would.
func TestNothingOutlivesAKilledWorker(t *testing.T) {
	s := newSite(t)
	w, _ := s.busy()
	w.signal(syscall.SIGKILL)
	<-w.done
	if !poll(5*time.Second, func() bool { return len(ffmpegs(s.stage.Dir)) == 0 }) {
		t.Errorf("processes %v outlived the worker", ffmpegs(s.stage.Dir))
	}
}

// TestNothingOutlivesAKilledStage kills the supervisor in the middle of a job:
// its children end with it, and their ffmpegs with them.
func TestNothingOutlivesAKilledStage(t *testing.T) {
	needParts(t)
	dir := t.TempDir()
	s := startLocal(t, dir)
	s.freeze(s.upload(demoFile(t)))
	if n := len(processesOf(dir)); n < 5 {
		t.Fatalf("the stage has %d processes; a supervisor, three children and an ffmpeg are 5", n)
	}
	s.stop(os.Kill)
	if !poll(10*time.Second, func() bool { return len(processesOf(dir)) == 0 }) {
		t.Errorf("these outlived the supervisor: %v", processesOf(dir))
	}
}

// TestRunIsInterrupted stops `motionmill run` in the middle of a file.
func TestRunIsInterrupted(t *testing.T) {
	needParts(t)
	out := filepath.Join(t.TempDir(), "out")
	r := startProcess(t, program(context.WithoutCancel(t.Context()), "run", demoFile(t), "--out", out))
	r.until("an ffmpeg runs", func() bool { return len(ffmpegs(out)) > 0 })
	r.signal(syscall.SIGINT)
	if status, took := r.ends(); status != statusInterrupted || took > 5*time.Second {
		t.Errorf("it ended after %v with status %d\n%s", took, status, r.log.String())
	}
	if left := ffmpegs(out); len(left) > 0 {
		t.Errorf("processes %v outlived it", left)
	}
	if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it left the folder that it had made (%v)", err)
	}
}
