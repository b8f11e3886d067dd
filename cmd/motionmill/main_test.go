package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/motionmill/motionmill/api/client"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
	"github.com/motionmill/motionmill/local"
	"github.com/motionmill/motionmill/local/database"
	"github.com/motionmill/motionmill/queue"
	"github.com/motionmill/motionmill/worker/pipeline"
)

func (s *live) copyCommand(file string) string {
	address := strings.TrimPrefix(s.s3, "http://")
	return (&local.Stage{Dir: s.dir, StoreAddress: address}).CopyCommand(file)
}

var allOutputs = []string{
	"hls", "overlay.mp4", "pose.json.gz", "poster.jpg", "silhouette.mp4", "silhouette.webm", "sprite.jpg", "sprite.vtt", "video.mp4",
}

func TestRunLeavesWhatAJobLeavesBehind(t *testing.T) {
	needParts(t)
	dir := filepath.Join(t.TempDir(), "out")
	mustRun(t, "run", demoFile(t), "--out", dir)
	mustRun(t, "run", demoFile(t), "--out", dir) // A second run replaces the first.
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := slices.Sorted(slices.Values(append(slices.Clone(allOutputs), pipeline.ManifestName))); !slices.Equal(names, want) {
		t.Errorf("the folder holds %v, want %v", names, want)
	}
	var m pipeline.Manifest
	if err := json.Unmarshal(readFile(t, filepath.Join(dir, pipeline.ManifestName)), &m); err != nil {
		t.Fatal(err)
	}
	for _, o := range m.Outputs {
		if !strings.Contains(o.Path, "/") && (strings.HasSuffix(o.Path, ".mp4") || strings.HasSuffix(o.Path, ".webm")) {
			if o.Frames != 120 {
				t.Errorf("%s has %d frames, want 120", o.Path, o.Frames)
			}
		}
	}
	if len(m.Models) != 2 || len(m.Notes) != 2 {
		t.Errorf("the manifest names models %v and notes %v", m.Models, m.Notes)
	}
}

// TestEveryWayInGivesTheSamePose submits, copies and runs the same file.
func TestEveryWayInGivesTheSamePose(t *testing.T) {
	needParts(t)
	demo, dir := demoFile(t), filepath.Join(t.TempDir(), "out")
	mustRun(t, "run", demo, "--out", dir)
	want := readFile(t, filepath.Join(dir, "pose.json.gz"))

	s := startLocal(t, t.TempDir())
	out := t.TempDir()
	mustRun(t, "submit", demo, "--server", s.page, "--wait", "--out", out)
	fetched, err := filepath.Glob(filepath.Join(out, "*", "pose.json.gz"))
	if err != nil || len(fetched) != 1 {
		t.Fatalf("submit fetched %v (%v)", fetched, err)
	}
	if !bytes.Equal(readFile(t, fetched[0]), want) {
		t.Error("submit gives another pose track than run")
	}
	awsCopy(t, s, demo, "a b+c/ünï.mp4")
	for _, j := range s.jobs() {
		s.await(j.ID, succeeded)
		if !bytes.Equal(s.poseOf(j.ID), want) {
			t.Errorf("%s gives another pose track than run", j.Source.Key)
		}
	}
	if n := len(s.jobs()); n != 2 {
		t.Errorf("there are %d jobs, want 2", n)
	}
	if list := mustRun(t, "jobs", "list", "--server", s.page); !strings.Contains(list, "ünï.mp4") || strings.Count(list, "succeeded") != 2 {
		t.Errorf("jobs list prints\n%s", list)
	}
}

// TestAKilledWorkerIsReplaced kills the worker with SIGKILL in the middle of a
// job: another attempt finishes it, under one manifest, and nothing of the
// first attempt is left.
func TestAKilledWorkerIsReplaced(t *testing.T) {
	needParts(t)
	const lease = 6 * time.Second
	s := startLocal(t, t.TempDir(), "--lease", lease.String(), "--beat", "200ms")
	id := s.upload(demoFile(t))
	s.await(id, func(j client.Job) bool { return j.State == "running" && j.Progress.Step == "analyse" })
	s.kill("work")
	killed := time.Now()
	s.await(id, func(j client.Job) bool { return j.Fence == 2 })
	if took, most := time.Since(killed), lease+2*time.Second+7*time.Second; took > most {
		t.Errorf("the next attempt began after %v; a lease, its margin and a sweep are %v", took, most)
	}
	j := s.await(id, succeeded)
	if j.Attempt != 2 || j.History[0].Outcome != "lost" || j.History[0].Error.Kind != "crashed" {
		t.Errorf("the history is %+v", j.History)
	}
	manifests := 0
	for _, path := range s.outputs() {
		if strings.HasPrefix(path, "outputs/"+id+"/1/") {
			t.Errorf("the first attempt left %s", path)
		}
		if path == "outputs/"+id+"/manifest.json" {
			manifests++
		}
	}
	if manifests != 1 {
		t.Errorf("%d manifests are published", manifests)
	}
}

// openParts opens the queue and the ledger of a stage that has stopped.
func openParts(t *testing.T, dir string) (*queue.Embedded, *ledger.Embedded) {
	t.Helper()
	db, err := database.Open(filepath.Join(dir, "stage.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	work, err := queue.NewEmbedded(db, "work", queue.EmbeddedConfig{})
	if err != nil {
		t.Fatal(err)
	}
	records, err := ledger.NewEmbedded(db, ledger.EmbeddedConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return work, records
}

func TestStoppingInTheMiddleGivesTheJobBack(t *testing.T) {
	needParts(t)
	dir := t.TempDir()
	s := startLocal(t, dir, "--grace", "200ms", "--beat", "200ms")
	id := s.upload(demoFile(t))
	s.await(id, func(j client.Job) bool { return j.State == "running" && j.Progress.Step == "analyse" })
	work, records := openParts(t, dir)
	began := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	messages, err := work.Receive(t.Context(), 10, 20*time.Second)
	if err != nil || len(messages) != 1 {
		t.Fatalf("the work queue gives %d messages (%v)", len(messages), err)
	}
	if took := time.Since(began); took > 5*time.Second+200*time.Millisecond {
		t.Errorf("the job was back after %v", took)
	}
	<-s.done
	rec, err := records.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if rec.State != job.Queued || rec.Attempt != 0 || rec.History[0].Outcome != "released" {
		t.Errorf("the job is %s, attempt %d, history %+v", rec.State, rec.Attempt, rec.History)
	}
	if err := work.Hide(t.Context(), messages[0].Receipt, 0); err != nil {
		t.Fatal(err)
	}
	again := startLocal(t, dir)
	if j := again.await(id, succeeded); j.Attempt != 1 || j.Fence != 2 {
		t.Errorf("it succeeded with attempt %d, fence %d", j.Attempt, j.Fence)
	}
}

// TestTheSameEventFiveTimesIsOneJobOnTheStage sends a real event again.
func TestTheSameEventFiveTimesIsOneJobOnTheStage(t *testing.T) {
	needParts(t)
	dir := t.TempDir()
	s := startLocal(t, dir)
	id := s.upload(demoFile(t))
	work, records := openParts(t, dir)
	rec, err := records.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	body := job.Letter{Type: job.RequeueLetter, Job: id, Source: &rec.Source, Profile: rec.Profile}.Encode()
	for range 5 {
		if err := work.Send(t.Context(), job.Outgoing{Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	j := s.await(id, succeeded)
	if all := s.jobs(); len(all) != 1 || j.Fence != 1 {
		t.Errorf("there are %d jobs; the fence is %d", len(all), j.Fence)
	}
}

// TestAnAbortedUploadLeavesNothing cuts the page's own PUT in the middle.
func TestAnAbortedUploadLeavesNothing(t *testing.T) {
	needParts(t)
	s := startLocal(t, t.TempDir())
	video := readFile(t, demoFile(t))
	up, err := s.client.CreateUpload(t.Context(), client.NewUpload{Name: "demo.mp4", Bytes: int64(len(video)), Type: "video/mp4"})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), up.Method, up.URL, bytes.NewReader(video))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range up.Headers {
		request.Header.Set(name, value)
	}
	var wire bytes.Buffer
	if err := request.Write(&wire); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", request.URL.Host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(wire.Bytes()[:wire.Len()/2]); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := http.NewRequestWithContext(t.Context(), up.Method, up.URL, bytes.NewReader(video))
	if err != nil {
		t.Fatal(err)
	}
	again.Header = request.Header.Clone()
	response, err := http.DefaultClient.Do(again)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the same URL answers %s: %s", response.Status, text)
	}
	id, err := s.client.WaitUpload(t.Context(), up.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.await(id, succeeded)
	if all := s.jobs(); len(all) != 1 || all[0].Source.Bytes != int64(len(video)) {
		t.Errorf("the jobs are %+v", all)
	}
}

// TestBadInputIsDeadWithItsReason uploads what is no video.
func TestBadInputIsDeadWithItsReason(t *testing.T) {
	needParts(t)
	s := startLocal(t, t.TempDir())
	text := filepath.Join(t.TempDir(), "notes.mp4")
	if err := os.WriteFile(text, bytes.Repeat([]byte("this is not a video\n"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, status := motionmill(t, "submit", text, "--server", s.page, "--wait")
	if status != statusFailed || !strings.Contains(out, "not_a_video") || !strings.Contains(out, "notes.mp4") {
		t.Errorf("submit ends with %d and prints %q", status, out)
	}
	list := mustRun(t, "jobs", "list", "--state", "dead", "--server", s.page)
	if !strings.Contains(list, "not_a_video") {
		t.Errorf("jobs list prints\n%s", list)
	}
}

func TestCancelKillsTheWork(t *testing.T) {
	needParts(t)
	s := startLocal(t, t.TempDir(), "--beat", "200ms")
	id := s.upload(demoFile(t))
	s.await(id, func(j client.Job) bool { return j.State == "running" && j.Progress.Step == "analyse" })
	mustRun(t, "jobs", "cancel", id, "--server", s.page)
	s.await(id, func(j client.Job) bool { return j.State == "cancelled" })
	mustRun(t, "jobs", "retry", id, "--server", s.page)
	if j := s.await(id, succeeded); j.Attempt != 1 {
		t.Errorf("it succeeded with attempt %d", j.Attempt)
	}
}

func TestExitStatuses(t *testing.T) {
	needParts(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	cases := []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"no output folder", []string{"run", "x.mp4"}, statusUsage, "--out"},
		{"unknown command", []string{"fly"}, statusUsage, "fly"},
		{"unknown flag", []string{"run", "--fly"}, statusUsage, "--fly"},
		{"unknown profile", []string{"run", "x.mp4", "--out", "o", "--profile", "none"}, statusUsage, "trainer"},
		{"unknown provider", []string{"run", "x.mp4", "--out", t.TempDir(), "--provider", "abacus"}, statusUsage, "abacus"},
		{"a model for another task", []string{"run", "x.mp4", "--out", t.TempDir(), "--model", "pose=starter-matte"}, statusUsage, "starter-matte"},
		{"no lease", []string{"local", "--dir", t.TempDir(), "--port", "0", "--lease", "-5s"}, statusUsage, "--lease"},
		{"no folder", []string{"local", "--dir", "/proc/motionmill", "--port", "0"}, statusUsage, "--dir"},
		{"a part is missing", []string{"local", "--dir", t.TempDir(), "--port", "0", "--ort-library", "/nowhere.so"}, statusMissing, "/nowhere.so"},
		{"unknown subcommand", []string{"jobs", "fly"}, statusUsage, "fly"},
		{"no server", []string{"jobs", "list", "--server", "http://127.0.0.1:" + port}, statusMissing, "motionmill local"},
		{"no library", []string{"models", "info", "starter-pose", "--ort-library", "/nowhere/libonnxruntime.so"}, statusMissing, "/nowhere/libonnxruntime.so"},
		{"no models folder", []string{"models", "list", "--models-dir", "/nowhere"}, statusMissing, "/nowhere"},
		{"port taken", []string{"local", "--dir", t.TempDir(), "--port", port}, statusUsage, port},
		{"settings missing", []string{"work"}, statusUsage, "MOTIONMILL_"},
		{"unknown shell", []string{"completion", "nope"}, statusUsage, "nope"},
		{"no such file", []string{"run", "/nonexist.mp4", "--out", t.TempDir()}, statusUsage, "/nonexist.mp4"},
		{"a folder as file", []string{"run", "/", "--out", t.TempDir()}, statusUsage, "plain file"},
		{"nothing to submit", []string{"submit", "/nonexist.mp4"}, statusUsage, "/nonexist.mp4"},
		{"version", []string{"version"}, statusDone, ""},
		{"completion", []string{"completion", "bash"}, statusDone, ""},
	}
	go func() { // Whoever calls is hung up on.
		for {
			conn, err := taken.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, errs, status := motionmill(t, c.args...)
			if status != c.status || !strings.Contains(errs, c.says) {
				t.Errorf("status %d, want %d; it says %q", status, c.status, errs)
			}
		})
	}
}
