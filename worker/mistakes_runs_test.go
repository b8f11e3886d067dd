package worker

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

// The other half of the older service's mistakes in what a worker does.

// A job that killed its worker came back for ever; there was no dead-letter queue.
func TestMistake08AJobThatKillsItsWorkersIsDeadAfterThree(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		var mu sync.Mutex
		var current *line
		s.runner.do = func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
			mu.Lock()
			current.cut.Store(true)
			mu.Unlock()
			<-ctx.Done()
			return "", ctx.Err()
		}
		send(t, s.work, event("a"))
		var stops []func()
		for i := range 6 {
			mu.Lock()
			l, stop := s.mortal(fmt.Sprint("w", i))
			current = l
			mu.Unlock()
			stops = append(stops, stop)
			after(5 * time.Minute)
		}
		for _, stop := range stops {
			stop()
		}
		rec := wantState(t, s, "a", job.Dead, 3, 3)
		if runs := s.runner.ran(); len(runs) != 3 || len(rec.History) != 3 || rec.Error == nil || rec.Error.Kind != job.Crashed {
			t.Errorf("ran %v, error %+v, history %+v", runs, rec.Error, rec.History)
		}
		if dead := s.dead.letters(); len(dead) != 1 || dead[0].Type != job.RetryLetter || dead[0].Job != rec.ID || dead[0].Reason == "" {
			t.Errorf("dead letters: %+v", dead)
		}
	})
}

// The test event failed every 30 s for four days.
func TestMistake09TheTestEventIsDroppedAtItsFirstReceive(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		send(t, s.work, job.Outgoing{Body: []byte(`{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"uploads","RequestId":"1"}`)})
		stop := s.start(s.worker(realReader))
		after(6 * time.Second)
		stop()
		if works, dead := s.work.letters(), s.dead.letters(); len(works) != 0 || len(dead) != 0 || len(s.ledger.records) != 0 {
			t.Errorf("left: %d work messages, dead letters %+v, records %v", len(works), dead, s.ledger.records)
		}
	})
}

// Only the first record of a notification was read.
func TestMistake10EveryRecordOfANotificationBecomesAJob(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		send(t, s.work, notification("one", "outputs/j/1/video.mp4", "two", "three"))
		stop := s.start(s.worker(realReader))
		after(time.Minute)
		stop()
		for _, key := range []string{"one", "two", "three"} {
			wantState(t, s, key, job.Succeeded, 1, 1)
		}
		if n := len(s.ledger.records); n != 3 {
			t.Errorf("%d jobs: our own result is none", n)
		}
	})
}

// The message was visible again after 30 s of a download, and doubled the job.
func TestMistake12ASlowDownloadIsNotDoubled(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = func(ctx context.Context, rec job.Record, hooks job.Hooks) (string, error) {
			hooks.Report(job.Progress{Step: "fetch", Done: 1, Total: 100})
			return fmt.Sprint("m", rec.Fence), job.Pause(ctx, 10*time.Minute)
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(nil))
		stop2 := s.start(s.worker(func(c *Config) { c.Name = "w2" }))
		for range 20 {
			after(30 * time.Second)
			send(t, s.work, event("a")) // As if it had never been deleted.
			if rec := s.ledger.get(idOf("a")); rec.State == job.Running && time.Until(rec.LeaseUntil) < 20*time.Second {
				t.Errorf("the lease ends in %v: it is not renewed", time.Until(rec.LeaseUntil))
			}
		}
		after(2 * time.Minute)
		stop()
		stop2()
		wantState(t, s, "a", job.Succeeded, 1, 1)
		if runs := s.runner.ran(); len(runs) != 1 {
			t.Errorf("ran %v", runs)
		}
	})
}

// A blocking run stopped the ticks, so that the semaphore bounded nothing.
func TestMistake13ARunBlocksNeitherClaimsNorSweeps(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		g := newGauge(map[string]load{"long": {1, 20 * time.Minute}})
		s.runner.do = g.run // Every other takes 30 s.
		w := s.worker(nil)
		lost := record(job.Running, 1, func(r *job.Record) {
			r.ID, r.Source, r.LeaseUntil = idOf("lost"), source("lost"), time.Now().Add(2*time.Minute)
		})
		put(s, lost) // Of a worker that is gone.
		send(t, s.inProgress, w.timer(lost, 1))
		send(t, s.work, event("long"))
		stop := s.start(w)
		after(time.Minute)
		for i := range 6 {
			send(t, s.work, event(fmt.Sprint(i)))
		}
		after(6 * time.Minute)
		wantState(t, s, "long", job.Running, 1, 1)
		wantState(t, s, "lost", job.Succeeded, 2, 2) // Swept and run beside it.
		for i := range 6 {
			wantState(t, s, fmt.Sprint(i), job.Succeeded, 1, 1)
		}
		after(20 * time.Minute)
		stop()
		g.check(t, w)
		if g.peak != 2 {
			t.Errorf("%d jobs ran at once, on two units", g.peak)
		}
	})
}

// Success was that a key exists: a new upload under the key was taken for done.
func TestMistake15AnotherVersionOfAKeyIsAnotherJob(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		stop := s.start(s.worker(func(c *Config) { c.Capacity = 1 }))
		var ids []string
		for i, etag := range []string{"A", "B", "A"} { // The third has the content of the first.
			version := source("key")
			version.ETag, version.Sequencer = etag, fmt.Sprint("1", i)
			body := job.Letter{Type: job.RequeueLetter, Source: &version, Profile: "trainer"}.Encode()
			send(t, s.work, job.Outgoing{Body: body}, job.Outgoing{Body: body})
			ids = append(ids, job.ID(version, "trainer"))
			after(time.Minute)
		}
		after(3 * time.Minute)
		stop()
		manifests := map[string]bool{}
		for i, id := range ids {
			rec := s.ledger.get(id)
			if rec.State != job.Succeeded {
				t.Errorf("version %d is %q", i, rec.State)
			}
			manifests[rec.Manifest] = true
		}
		if runs := s.runner.ran(); len(runs) != 3 || len(manifests) != 3 {
			t.Errorf("three uploads gave %d runs and %d results", len(runs), len(manifests))
		}
	})
}

// A source that was missing vanished without a record.
func TestMistake19AMissingSourceLeavesADeadJobWithItsReason(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = func(_ context.Context, rec job.Record, _ job.Hooks) (string, error) {
			return "", job.Fail(job.SourceGone, "download", rec.Source.URI(), "the object is not there", "Upload it again.", nil)
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(nil))
		after(6 * time.Second)
		stop()
		rec := wantState(t, s, "a", job.Dead, 1, 1)
		if rec.Error == nil || rec.Error.Kind != job.SourceGone || rec.History[0].Error == nil || !rec.Announced {
			t.Errorf("the record says %+v, history %+v", rec.Error, rec.History)
		}
		if dead := s.dead.letters(); len(dead) != 1 || dead[0].Job != rec.ID || dead[0].Reason == "" {
			t.Errorf("dead letters: %+v", dead)
		}
	})
}
