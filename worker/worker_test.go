package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/queue"
)

func send(t *testing.T, q *fakeQueue, messages ...job.Outgoing) {
	t.Helper()
	if err := q.Send(context.Background(), messages...); err != nil {
		t.Fatal(err)
	}
}

func wantState(t *testing.T, s *stage, key string, state job.State, fence int64, attempt int) job.Record {
	t.Helper()
	rec := s.ledger.get(idOf(key))
	if rec.State != state || rec.Fence != fence || rec.Attempt != attempt {
		t.Errorf("%s is %s, fence %d, attempt %d; want %s, %d, %d", key, rec.State, rec.Fence, rec.Attempt, state, fence, attempt)
	}
	return rec
}

func TestAJobGoesThroughAndLeavesNothingBehind(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		send(t, s.work, event("a"))
		stop := s.start(s.worker(nil))
		after(10 * time.Second)
		rec := wantState(t, s, "a", job.Succeeded, 1, 1)
		if !rec.Announced || rec.Manifest == "" || rec.History[0].Outcome != "succeeded" {
			t.Errorf("record is %+v", rec)
		}
		if n := len(s.work.letters()); n != 0 {
			t.Errorf("%d work messages are left", n)
		}
		after(2 * time.Minute)
		stop()
		if n := len(s.inProgress.letters()); n != 0 {
			t.Errorf("%d timers are left", n)
		}
		if got := s.runner.announced[idOf("a")+"/succeeded"]; got != 1 {
			t.Errorf("announced %d times", got)
		}
	})
}

func TestTheSameEventFiveTimesIsOneJob(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		send(t, s.work, event("a"), event("a"), event("a"))
		stop := s.start(s.worker(func(c *Config) { c.Capacity = 4 }))
		after(10 * time.Second)
		send(t, s.work, event("a"), event("a"))
		after(5 * time.Minute)
		stop()
		wantState(t, s, "a", job.Succeeded, 1, 1)
		if runs := s.runner.ran(); len(runs) != 1 {
			t.Errorf("ran %v", runs)
		}
		if n := len(s.work.letters()) + len(s.inProgress.letters()); n != 0 {
			t.Errorf("%d messages are left", n)
		}
	})
}

func TestSeveralRecordsBecomeSeveralJobs(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		send(t, s.work, job.Outgoing{Body: job.Letter{Type: "many", Job: "r", Fence: 3}.Encode()})
		stop := s.start(s.worker(nil))
		after(time.Minute)
		stop()
		for i := range 3 {
			wantState(t, s, fmt.Sprint("r", i), job.Succeeded, 1, 1)
		}
	})
}

func TestUnreadableAndPoisonedMessagesAreSetAside(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		send(t, s.work, job.Outgoing{Body: []byte("not json")}, event("p"))
		s.work.messages[1].received = poisonReceives - 1
		stop := s.start(s.worker(nil))
		after(10 * time.Second)
		stop()
		letters := s.dead.letters()
		if len(letters) != 2 || letters[0].Body != "not json" || letters[0].Reason == "" || letters[1].Reason == "" {
			t.Errorf("dead letters: %+v", letters)
		}
		if len(s.work.letters()) != 0 {
			t.Error("a work message is left")
		}
	})
}

// TestUnreadableKeyOfAnyLengthIsSetAside has the reason quote the key, which
// would not fit into a message beside the body.
func TestUnreadableKeyOfAnyLengthIsSetAside(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		body := fmt.Sprintf(`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"object":{"key":"%%zz%s"}}}]}`, strings.Repeat("&", 300<<10))
		send(t, s.work, job.Outgoing{Body: []byte(body)})
		stop := s.start(s.worker(func(c *Config) { c.Reader = queue.NewReader(queue.ReaderConfig{}) }))
		after(10 * time.Second)
		stop()
		letters := s.dead.letters()
		if len(letters) != 1 || !strings.Contains(letters[0].Reason, "s3.object.key") {
			t.Fatalf("%d dead letters", len(letters))
		}
		if size := len(letters[0].Encode()); size > queue.MaxBody {
			t.Errorf("the letter has %d bytes, which no queue takes: the message would come again and again", size)
		}
	})
}

func TestFailureIsTriedAgainAndThenDead(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = func(context.Context, job.Record, job.Hooks) (string, error) {
			return "", job.Fail(job.Crashed, "decode", "a", "ffmpeg was killed", "", nil)
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(nil))
		after(30 * time.Minute)
		rec := wantState(t, s, "a", job.Dead, 3, 3)
		if len(rec.History) != 3 || rec.Error == nil || rec.Error.Kind != job.Crashed || !rec.Announced {
			t.Errorf("record is %+v", rec)
		}
		dead := s.dead.letters()
		if len(dead) != 1 || dead[0].Type != job.RetryLetter || dead[0].Job != rec.ID || dead[0].Fence != 3 {
			t.Fatalf("dead letters: %+v", dead)
		}
		// The body of the dead letter is what redrives it.
		s.runner.mu.Lock()
		s.runner.do = nil
		s.runner.mu.Unlock()
		send(t, s.work, job.Outgoing{Body: dead[0].Encode()}, job.Outgoing{Body: dead[0].Encode()})
		after(10 * time.Minute)
		stop()
		wantState(t, s, "a", job.Succeeded, 5, 1) // Reviving takes a fence, claiming another.
	})
}

func TestPermanentKindsAreDeadAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = func(context.Context, job.Record, job.Hooks) (string, error) {
			return "", job.Fail(job.NotAVideo, "probe", "a", "it is a text", "", nil)
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(nil))
		after(6 * time.Second)
		wantState(t, s, "a", job.Dead, 1, 1)
		stop()
		if len(s.dead.letters()) != 1 {
			t.Errorf("dead letters: %v", s.dead.letters())
		}
	})
}

func TestAPanicIsAFailureOfTheJobAlone(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = func(_ context.Context, rec job.Record, _ job.Hooks) (string, error) {
			if rec.Attempt == 1 {
				panic("index out of range")
			}
			return "m", nil
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(nil))
		after(10 * time.Minute)
		stop()
		rec := wantState(t, s, "a", job.Succeeded, 2, 2)
		if f := rec.History[0].Error; f == nil || f.Kind != job.Internal || f.Stack == "" {
			t.Errorf("the panic left %+v", f)
		}
	})
}

func TestALongJobKeepsItsLeaseAndShowsProgress(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = func(ctx context.Context, _ job.Record, hooks job.Hooks) (string, error) {
			hooks.Report(job.Progress{Step: "analyse", Done: 5, Total: 10})
			return "m", job.Pause(ctx, 10*time.Minute)
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(nil))
		after(5 * time.Minute)
		if rec := wantState(t, s, "a", job.Running, 1, 1); rec.Progress.Done != 5 {
			t.Errorf("progress is %+v", rec.Progress)
		}
		after(7 * time.Minute)
		stop()
		wantState(t, s, "a", job.Succeeded, 1, 1)
	})
}

func TestStoppingReleasesUnchargedAfterTheGrace(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
			return "m", job.Pause(ctx, time.Hour)
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(nil))
		after(30 * time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("stopping took %v; the grace is 10 s", took)
		}
		rec := wantState(t, s, "a", job.Queued, 1, 0)
		if rec.History[0].Outcome != outcomeReleased {
			t.Errorf("history is %+v", rec.History)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if got, err := s.work.Receive(ctx, 1, 5*time.Second); err != nil || len(got) != 1 {
			t.Errorf("within 5 s of the grace's end the work queue gave %d messages (%v)", len(got), err)
		}
	})
}

func TestStoppingWithinTheGraceCommits(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.runner.do = func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
			return "m", job.Pause(ctx, 15*time.Second)
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(nil))
		after(12 * time.Second)
		stop()
		wantState(t, s, "a", job.Succeeded, 1, 1)
	})
}

func TestALostWorkerIsReplacedWithinALeaseAndASweep(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		// A worker that died in its first job: claimed, timer sent, never renewed.
		w := s.worker(nil)
		rec := claimed(job.Record{ID: idOf("a"), Source: source("a"), Profile: "trainer"}, "gone", "w0", time.Now(), w.Lease)
		send(t, s.inProgress, w.timer(rec, 1))
		if err := s.ledger.Put(context.Background(), rec, job.Condition{States: []job.State{job.None}}); err != nil {
			t.Fatal(err)
		}
		stop := s.start(w)
		after(w.Lease + w.Margin + 7*time.Second)
		stop()
		got := wantState(t, s, "a", job.Succeeded, 2, 2)
		if got.History[0].Outcome != outcomeLost || got.History[0].Error.Kind != job.Crashed {
			t.Errorf("history is %+v", got.History)
		}
	})
}

func TestALateWriterIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		late := make(chan struct{})
		s.runner.do = func(ctx context.Context, rec job.Record, _ job.Hooks) (string, error) {
			if rec.Fence == 1 {
				<-late // A process that was stopped and does not even notice its context.
			}
			return fmt.Sprint("m", rec.Fence), nil
		}
		down := errors.New("the ledger cannot be reached from this worker")
		var cut atomic.Bool
		s.ledger.before = func(next job.Record) error {
			if cut.Load() && next.Fence == 1 && next.State == job.Running {
				return down
			}
			return nil
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(func(c *Config) { c.Capacity = 1 }))
		after(10 * time.Second)
		cut.Store(true)
		stop2 := s.start(s.worker(func(c *Config) { c.Name = "w2" }))
		after(3 * time.Minute)
		wantState(t, s, "a", job.Succeeded, 2, 2)
		close(late)
		after(time.Minute)
		if rec := wantState(t, s, "a", job.Succeeded, 2, 2); rec.Manifest != "m2" {
			t.Errorf("the manifest is %q", rec.Manifest)
		}
		stop()
		stop2()
	})
}

func TestCancelStopsTheWorkWithinABeat(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		var ended time.Time
		s.runner.do = func(ctx context.Context, _ job.Record, _ job.Hooks) (string, error) {
			<-ctx.Done()
			ended = time.Now()
			return "", ctx.Err()
		}
		send(t, s.work, event("a"))
		w := s.worker(nil)
		stop := s.start(w)
		after(30 * time.Second)
		rec := s.ledger.get(idOf("a"))
		cancelled := ended0(rec)
		began := time.Now()
		if err := s.ledger.Put(context.Background(), cancelled, job.Condition{Fence: 1, States: []job.State{job.Running}}); err != nil {
			t.Fatal(err)
		}
		after(2 * time.Minute)
		stop()
		if took := ended.Sub(began); took <= 0 || took > w.Lease/3 {
			t.Errorf("the work ended %v after the cancellation", took)
		}
		wantState(t, s, "a", job.Cancelled, 1, 1)
	})
}

func ended0(rec job.Record) job.Record {
	rec.State = job.Cancelled
	return rec
}

func TestTenJobsOnFourUnits(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		var mu sync.Mutex
		var starts []time.Time
		s.runner.do = func(ctx context.Context, _ job.Record, hooks job.Hooks) (string, error) {
			mu.Lock()
			starts = append(starts, time.Now())
			mu.Unlock()
			return "m", job.Pause(ctx, 90*time.Second)
		}
		for i := range 10 {
			send(t, s.work, event(fmt.Sprint(i)))
		}
		w := s.worker(func(c *Config) { c.Capacity = 4 })
		stop := s.start(w)
		after(10 * time.Minute)
		stop()
		for i := range 10 {
			wantState(t, s, fmt.Sprint(i), job.Succeeded, 1, 1)
		}
		now, peak := w.Units().Used()
		if now != 0 || peak != 4 {
			t.Errorf("units used: %d now, %d at most", now, peak)
		}
		slices.SortFunc(starts, time.Time.Compare)
		for i := 4; i < 10; i++ {
			if late := starts[i].Sub(starts[i-4].Add(90 * time.Second)); late > time.Second {
				t.Errorf("job %d started %v after there was room", i, late)
			}
		}
	})
}

func TestAHeavyJobIsNotStarvedAndOnlyOneWaits(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		weights := map[string]int{"h1": 4, "h2": 4}
		s.runner.do = func(ctx context.Context, rec job.Record, hooks job.Hooks) (string, error) {
			if err := hooks.Weigh(max(weights[rec.Source.Key], 1)); err != nil {
				return "", err
			}
			return "m", job.Pause(ctx, 30*time.Second)
		}
		send(t, s.work, event("l1"), event("h1"), event("h2"))
		for i := range 40 {
			send(t, s.work, event(fmt.Sprint("s", i)))
		}
		w := s.worker(func(c *Config) { c.Capacity = 4 })
		stop := s.start(w)
		after(2 * time.Minute)
		h1, h2 := s.ledger.get(idOf("h1")), s.ledger.get(idOf("h2"))
		if (h1.State == job.Succeeded) == (h2.State == job.Succeeded) {
			t.Errorf("after two minutes h1 is %s and h2 %s: one of them waits and runs, the other is given back", h1.State, h2.State)
		}
		after(20 * time.Minute)
		stop()
		for _, key := range []string{"h1", "h2"} {
			if rec := s.ledger.get(idOf(key)); rec.State != job.Succeeded || rec.Attempt != 1 {
				t.Errorf("%s is %s, attempt %d", key, rec.State, rec.Attempt)
			}
		}
		if _, peak := w.Units().Used(); peak > 4 {
			t.Errorf("%d units were used", peak)
		}
	})
}

func TestClaimIsTriedAgainWithTheSameTimer(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		refused := 0
		s.ledger.before = func(next job.Record) error {
			if next.State == job.Running && refused < 5 {
				refused++
				return errors.New("throttled")
			}
			return nil
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(nil))
		synctest.Wait()
		after(30 * time.Second)
		if timers := s.inProgress.letters(); len(timers) != 1 {
			t.Errorf("timers: %+v", timers)
		}
		wantState(t, s, "a", job.Succeeded, 1, 1)
		after(2 * time.Minute)
		stop()
	})
}

func TestLostRepliesAreSuccesses(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		lost := map[string]bool{}
		s.ledger.after = func(next job.Record) error {
			key := fmt.Sprint(next.State, next.Announced)
			if !lost[key] {
				lost[key] = true
				return errors.New("connection reset")
			}
			return nil
		}
		send(t, s.work, event("a"))
		stop := s.start(s.worker(nil))
		after(5 * time.Minute)
		stop()
		wantState(t, s, "a", job.Succeeded, 1, 1)
		if runs := s.runner.ran(); len(runs) != 1 {
			t.Errorf("ran %v", runs)
		}
	})
}

func TestAnOlderVersionIsSuperseded(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		newer, older := source("a"), source("a")
		newer.Sequencer, newer.ETag = "20", "new"
		order := func(s job.Source) job.Outgoing {
			return job.Outgoing{Body: job.Letter{Type: job.RequeueLetter, Source: &s, Profile: "trainer"}.Encode()}
		}
		stop := s.start(s.worker(nil))
		send(t, s.work, order(newer))
		after(10 * time.Second)
		send(t, s.work, order(older))
		after(3 * time.Minute)
		stop()
		wantState(t, s, "a", job.Superseded, 1, 1)
		if rec := s.ledger.get(job.ID(newer, "trainer")); rec.State != job.Succeeded {
			t.Errorf("the newer one is %s", rec.State)
		}
	})
}

func TestASourceReplacedWhileRunning(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		gone := job.Fail(job.SourceReplaced, "fetch", "a", "412", "", nil)
		s.runner.do = func(_ context.Context, rec job.Record, _ job.Hooks) (string, error) {
			if rec.Source.Key == "b" { // The event of the newer version came meanwhile.
				s.ledger.mu.Lock()
				s.ledger.marks["uploads/b"] = job.HighWater{Sequencer: "99"}
				s.ledger.mu.Unlock()
			}
			return "", gone
		}
		send(t, s.work, event("a"), event("b"))
		stop := s.start(s.worker(nil))
		after(10 * time.Second)
		stop()
		wantState(t, s, "a", job.Dead, 1, 1)
		wantState(t, s, "b", job.Superseded, 1, 1)
	})
}

// A store that tells no sequencer is no reason not to find the job of a key,
// and nothing is superseded by a guess.
func TestAVersionWithoutASequencerIsNoted(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		first, second := source("a"), source("a")
		first.Sequencer, second.Sequencer, second.ETag = "", "", "other"
		stop := s.start(s.worker(nil))
		for _, version := range []job.Source{first, second} {
			send(t, s.work, job.Outgoing{Body: job.Letter{Type: job.RequeueLetter, Source: &version, Profile: "trainer"}.Encode()})
			after(time.Minute)
		}
		stop()
		for _, version := range []job.Source{first, second} {
			if rec := s.ledger.get(job.ID(version, "trainer")); rec.State != job.Succeeded {
				t.Errorf("version %s is %s", version.ETag, rec.State)
			}
		}
		if mark := s.ledger.marks["uploads/a"]; mark.Job != job.ID(first, "trainer") {
			t.Errorf("the key's mark is %+v", mark)
		}
	})
}
