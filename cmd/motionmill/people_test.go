package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/motionmill/motionmill/api/client"
	"github.com/motionmill/motionmill/job"
)

// freeze waits until an ffmpeg works for a job, and stops it.
func (s *live) freeze(id string) {
	s.t.Helper()
	if !poll(time.Minute, func() bool { return len(freeze(id)) > 0 }) {
		s.t.Fatalf("no ffmpeg works for job %s\n%s", id, s.log)
	}
}

// bareFFmpeg has no sandbox around ffmpeg. In one it is the first process of its
// namespace, which a signal from outside cannot crash.
var bareFFmpeg = []string{"MOTIONMILL_SANDBOX=off"}

// crash has the ffmpegs of a job crash.
func (s *live) crash(id string) {
	s.t.Helper()
	s.freeze(id)
	for _, pid := range ffmpegs(id) { // All of them: one that stays stopped would be waited for.
		_ = syscall.Kill(pid, syscall.SIGSEGV) // One that has just ended needs none of it.
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

// awaitAgain is await for a job that is final until its retry has been read.
func (s *live) awaitAgain(id string, ok func(client.Job) bool) (j client.Job) {
	s.t.Helper()
	if !poll(time.Minute, func() bool {
		var err error
		j, err = s.client.Job(s.t.Context(), id)
		return err == nil && ok(j)
	}) {
		s.t.Fatalf("job %s is %s, attempt %d, %+v\n%s", id, j.State, j.Attempt, j.Error, s.log)
	}
	return j
}

// damagedFile is the demo with holes in its pictures.
func damagedFile(t *testing.T) string {
	t.Helper()
	path := demoFile(t)
	text := readFile(t, path)
	start := bytes.Index(text, []byte("mdat")) + 20_000
	for i := start; i < len(text)-20_000; i += 7 {
		text[i] ^= 0x5a
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestADeadJobTellsItsHistory crashes the ffmpeg of every attempt, and sends a
// file that cannot be decoded: people learn which worker tried when, and why
// it failed, down to the program's last words; and they can put both back.
func TestADeadJobTellsItsHistory(t *testing.T) {
	needParts(t)
	s := startLocalWith(t, bareFFmpeg, t.TempDir(), "--capacity", "1", "--max-attempts", "2", "--lease", "3s")
	id := s.upload(demoFile(t))
	for fence := range int64(2) {
		s.await(id, func(j client.Job) bool { return j.State == "running" && j.Fence == fence+1 })
		s.crash(id)
	}
	dead := func(j client.Job) bool { return j.State == "dead" }
	j := s.await(id, dead)
	if len(j.History) != 2 || j.Attempt != 2 {
		t.Fatalf("after %d attempts its history is %+v", j.Attempt, j.History)
	}
	for i, a := range j.History {
		if a.Worker == "" || a.StartedAt.IsZero() || !a.EndedAt.After(a.StartedAt) || a.Outcome != "failed" ||
			a.Error == nil || a.Error.Kind != "crashed" || !strings.Contains(a.Error.Message, "SIGSEGV") {
			t.Errorf("attempt %d is told as %+v, %+v", i+1, a, a.Error)
		}
	}
	shown := mustRun(t, "jobs", "show", id, "--server", s.page)
	if strings.Count(shown, j.History[0].Worker) != 2 || strings.Count(shown, "crashed") < 2 || !strings.Contains(shown, "dead") {
		t.Errorf("jobs show prints\n%s", shown)
	}

	damaged := s.upload(damagedFile(t))
	if j := s.await(damaged, dead); len(j.History) != 1 || len(j.History[0].Error.Stderr) < 5 || j.History[0].Error.Kind != "corrupt" {
		t.Errorf("the history of the damaged one is %+v", j.History)
	}
	if shown := mustRun(t, "jobs", "show", damaged, "--server", s.page); strings.Count(shown, "    | ") < 5 || strings.Contains(shown, "source.mp4") {
		t.Errorf("jobs show prints\n%s", shown)
	}
	list := strings.Split(strings.TrimSpace(mustRun(t, "jobs", "list", "--state", "dead", "--server", s.page)), "\n")
	if len(list) != 3 || !strings.Contains(list[1], "corrupt: ") || !strings.Contains(list[2], "crashed: ") {
		t.Errorf("jobs list prints\n%s", strings.Join(list, "\n"))
	}

	if out := mustRun(t, "jobs", "redrive", id, "--server", s.page); !strings.HasPrefix(out, "1 job ") {
		t.Errorf("redrive prints %s", out)
	}
	if j := s.awaitAgain(id, succeeded); j.Attempt != 1 || len(j.History) != 3 {
		t.Errorf("put back, it took %d attempts; its history is %+v", j.Attempt, j.History)
	}
	if out := mustRun(t, "jobs", "redrive", "--all", "--server", s.page); !strings.HasPrefix(out, "1 job ") {
		t.Errorf("redrive --all prints %s", out)
	}
	s.awaitAgain(damaged, func(j client.Job) bool { return dead(j) && len(j.History) == 2 })
}

// wideFile is the demo at a size that needs more units than one.
func wideFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "wide.mp4")
	made := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-i", demoFile(t), "-vf", "scale=1280:720",
		"-preset", "ultrafast", path)
	if text, err := made.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return path
}

// TestCancelOnAnyState cancels a job that waits for its weight, one that is
// queued, one that is to be tried again and one that runs; the processes of
// the last are gone within five seconds.
func TestCancelOnAnyState(t *testing.T) {
	needParts(t)
	s := startLocalWith(t, bareFFmpeg, t.TempDir(), "--capacity", "2")
	demo := demoFile(t)
	cancel := func(id, from string) {
		t.Helper()
		s.await(id, func(j client.Job) bool { return string(j.State) == from })
		if out := mustRun(t, "jobs", "cancel", id, "--server", s.page); !strings.Contains(out, "cancelled") {
			t.Errorf("cancel of a job that is %s prints %s", from, out)
		}
	}
	running := s.upload(demo)
	s.freeze(running)
	waiting := s.upload(wideFile(t))
	// It needs both units and has one, so that it has not begun to work.
	s.await(waiting, func(j client.Job) bool { return j.State == "running" && j.Progress.Step == "probe" })
	queued := s.upload(demo)
	cancel(queued, "queued")
	cancel(waiting, "running")
	if j := s.await(running, func(client.Job) bool { return true }); j.State != "running" {
		t.Errorf("the job that holds the other unit is %s", j.State)
	}

	// What the waiting one held is free again; a crash makes a job that failed.
	failed := s.upload(demo)
	s.crash(failed)
	cancel(failed, "failed")

	began := time.Now()
	cancel(running, "running")
	if !poll(10*time.Second, func() bool { return len(ffmpegs(s.dir)) == 0 }) || time.Since(began) > 5*time.Second {
		t.Errorf("%v after the cancel there are the processes %v", time.Since(began), ffmpegs(s.dir))
	}
	for _, id := range []string{running, waiting, queued, failed} {
		j := s.await(id, func(j client.Job) bool { return j.State == "cancelled" })
		if n := len(j.History); n > 0 && j.History[n-1].EndedAt.IsZero() {
			t.Errorf("an attempt of %s never ended: %+v", id, j.History)
		}
		if _, _, status := motionmill(t, "jobs", "cancel", id, "--server", s.page); status != statusFailed {
			t.Errorf("cancelled once more, it ends with %d", status)
		}
	}
	mustRun(t, "jobs", "retry", queued, "--server", s.page)
	s.awaitAgain(queued, succeeded)
}

// TestCancelReachesAPlainWorkerSoon cancels a job of a worker with the default
// lease, which is renewed every twenty seconds only.
func TestCancelReachesAPlainWorkerSoon(t *testing.T) {
	s := newSite(t)
	w, id := s.busy()
	began := time.Now()
	w.until("the cancellation is written", func() bool {
		rec := s.record(id)
		rec.State, rec.Owner = job.Cancelled, ""
		return s.records.Put(t.Context(), rec, job.Condition{Fence: rec.Fence, States: []job.State{job.Running}}) == nil
	})
	w.until("its processes are gone", func() bool { return len(ffmpegs(s.stage.Dir)) == 0 })
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("that took %v", took)
	}
	w.until("the cancellation is announced", func() bool { return s.record(id).Announced })
}

// TestTheNewerUploadWinsInAnyOrder delivers the events of two uploads under
// one key in the wrong order.
func TestTheNewerUploadWinsInAnyOrder(t *testing.T) {
	s := newSite(t)
	older := s.upload("same.mp4")
	newer := s.upload("same.mp4")
	if older == newer {
		t.Fatal("both uploads are one job")
	}
	messages, err := s.work.Receive(t.Context(), 10, 0)
	if err != nil || len(messages) != 2 {
		t.Fatalf("there are %d events (%v)", len(messages), err)
	}
	for _, m := range []job.Message{messages[1], messages[0]} {
		if err := s.work.Send(t.Context(), job.Outgoing{Body: m.Body}); err != nil {
			t.Fatal(err)
		}
		if err := s.work.Delete(t.Context(), m.Receipt); err != nil {
			t.Fatal(err)
		}
	}
	w := s.worker()
	w.until("both are final", func() bool { return s.record(older).Announced && s.record(newer).Announced })
	if rec := s.record(newer); rec.State != job.Succeeded || rec.Attempt != 1 {
		t.Errorf("the newer one is %s: %+v", rec.State, rec.Error)
	}
	rec := s.record(older)
	if rec.State != job.Superseded || rec.Error == nil || rec.Error.Kind != job.SourceReplaced || !strings.Contains(rec.Error.Message, newer) {
		t.Errorf("the older one is %s: %+v", rec.State, rec.Error)
	}
}

// TestPoisonIsSetAsideAndCounted sends what nobody can read.
func TestPoisonIsSetAsideAndCounted(t *testing.T) {
	needParts(t)
	s := startLocal(t, t.TempDir())
	work, _ := openParts(t, s.dir)
	for _, body := range []string{"poison\u0085", `{"Records":[{"eventVersion":"2.1"}]}`} {
		if err := work.Send(t.Context(), job.Outgoing{Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	if !poll(time.Minute, func() bool {
		found, err := s.client.Unreadable(t.Context())
		return err == nil && found.Count == 2
	}) {
		t.Fatalf("they are not set aside\n%s", s.log)
	}
	for _, args := range [][]string{{"jobs", "list"}, {"jobs", "redrive", "--all"}} {
		if _, errs, _ := motionmill(t, append(args, "--server", s.page)...); !strings.HasPrefix(errs, "2 messages could not be read") {
			t.Errorf("%s says %q of them", strings.Join(args, " "), errs)
		}
	}
	out := mustRun(t, "jobs", "unreadable", "--discard", "--server", s.page)
	for _, want := range []string{"not a JSON object", "poison", "no s3 part", "eventVersion", "2 messages thrown away, 0 left"} {
		if !strings.Contains(out, want) {
			t.Errorf("jobs unreadable does not say %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "\u0085") {
		t.Errorf("jobs unreadable passes control characters on: %q", out)
	}
	if out, errs, _ := motionmill(t, "jobs", "list", "--server", s.page); errs != "" || strings.Count(out, "\n") != 1 {
		t.Errorf("jobs list then prints %q, %q", out, errs)
	}
}
