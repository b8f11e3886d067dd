package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
	"github.com/motionmill/motionmill/local"
	"github.com/motionmill/motionmill/queue"
)

// site is a stage without a supervisor: an object store, to which a test adds
// the workers that it wants to stop.
type site struct {
	t       *testing.T
	stage   *local.Stage
	work    *queue.Embedded
	records *ledger.Embedded
	objects *running
	env     []string // of processes that are started, besides the stage's
}

func newSite(t *testing.T) *site {
	t.Helper()
	needParts(t)
	stage, err := local.Open(local.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stage.Close() })
	s := &site{t: t, stage: stage}
	s.objects = s.start("objects", "--objects-dir", stage.ObjectsDir(), "--objects-listen", stage.StoreAddress)
	ready := answers(stage.StoreURL() + "/healthz")
	s.objects.until("the object store answers", func() bool { return ready(t.Context()) == nil })
	s.work, s.records = openParts(t, stage.Dir)
	return s
}

// upload puts the demo under a key and returns the id of its job.
func (s *site) upload(key string) string {
	s.t.Helper()
	objects := (&live{t: s.t, dir: s.stage.Dir, s3: s.stage.StoreURL()}).bucket()
	if _, err := objects.Upload(s.t.Context(), local.UploadsBucket, key, demoFile(s.t), "video/mp4"); err != nil {
		s.t.Fatal(err)
	}
	all, _, err := s.records.List(s.t.Context(), job.Filter{Key: key}, 1, "")
	if err != nil || len(all) != 1 {
		s.t.Fatalf("the ledger has %d jobs of %s (%v)", len(all), key, err)
	}
	return all[0].ID
}

func (s *site) record(id string) job.Record {
	s.t.Helper()
	rec, err := s.records.Get(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return rec
}

// worker starts a worker of one unit and waits until it is ready.
func (s *site) worker(args ...string) *running {
	s.t.Helper()
	ready := filepath.Join(s.t.TempDir(), "ready")
	s.t.Setenv(readyFile, ready)
	w := s.start(append([]string{"work", "--capacity-file", capacityFile(s.t, measured(1)), "--claim-schedule", "* * * * * *", "--work-dir", filepath.Join(s.stage.Dir, "work")}, args...)...)
	w.until("the worker is ready", func() bool { _, err := os.Stat(ready); return err == nil })
	return w
}

// busy starts a worker, gives it a job and stops the job's ffmpegs, so that it
// never ends by itself.
func (s *site) busy(args ...string) (w *running, id string) {
	s.t.Helper()
	id = s.upload("busy.mp4")
	w = s.worker(args...)
	w.until("an ffmpeg runs", func() bool { return s.record(id).State == job.Running && len(freeze(id)) > 0 })
	return w, id
}

// start starts a process of the stage.
func (s *site) start(args ...string) *running {
	s.t.Helper()
	cmd := program(context.WithoutCancel(s.t.Context()), args...)
	cmd.Env = slices.DeleteFunc(cmd.Env, func(setting string) bool { return strings.HasPrefix(setting, "AWS_") })
	for _, setting := range s.stage.Env() {
		if !slices.Contains(os.Environ(), setting) {
			cmd.Env = append(cmd.Env, setting)
		}
	}
	cmd.Env = append(cmd.Env, s.env...)
	if path := os.Getenv(readyFile); path != "" {
		cmd.Env = append(cmd.Env, readyFile+"="+path)
	}
	return startProcess(s.t, cmd)
}

// running is a process of a test.
type running struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  output
	done chan struct{}
}

// startProcess starts a command, which is killed when the test ends.
func startProcess(t *testing.T, cmd *exec.Cmd) *running {
	t.Helper()
	r := &running{t: t, cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &r.log, &r.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.done)
		_ = cmd.Wait() // ProcessState says all of it.
	}()
	t.Cleanup(func() {
		r.signal(syscall.SIGKILL)
		<-r.done
	})
	return r
}

// signal sends a signal to the process alone; it may have ended by itself.
func (r *running) signal(signal syscall.Signal) { _ = r.cmd.Process.Signal(signal) }

// until polls until ok says so; it fails when the process ends before that.
func (r *running) until(what string, ok func() bool) {
	r.t.Helper()
	if !poll(time.Minute, func() bool {
		select {
		case <-r.done:
			r.t.Fatalf("it ended before this: %s\n%s", what, r.log.String())
		default:
		}
		return ok()
	}) {
		r.t.Fatalf("it takes too long until %s\n%s", what, r.log.String())
	}
}

// ends waits for the end and returns the exit status and how long it took.
func (r *running) ends() (status int, took time.Duration) {
	r.t.Helper()
	began := time.Now()
	select {
	case <-r.done:
	case <-time.After(2 * time.Minute):
		r.t.Fatalf("the process does not end\n%s", r.log.String())
	}
	return r.cmd.ProcessState.ExitCode(), time.Since(began)
}

// output keeps what a process writes, for reading meanwhile.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(piece []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(piece)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// poll asks ok again and again, for as long as limit, and returns its last answer.
func poll(limit time.Duration, ok func() bool) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < limit; <-tick.C {
		if ok() {
			return true
		}
	}
	return ok()
}

// process is a line of the process table.
type process struct {
	pid  int
	args []string
}

// processesOf finds the processes, zombies apart, that have to do with a
// folder, or a part of its path: by their arguments, their environment or their
// working folder. Names limits the search to programs of these names.
func processesOf(folder string, names ...string) []process {
	var found []process
	paths, _ := filepath.Glob("/proc/[0-9]*")
	for _, path := range paths {
		name, _ := os.ReadFile(filepath.Join(path, "comm"))
		if len(names) > 0 && !slices.Contains(names, strings.TrimSpace(string(name))) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(path))
		args, _ := os.ReadFile(filepath.Join(path, "cmdline")) // Empty for a zombie, and for one that has just gone.
		environ, _ := os.ReadFile(filepath.Join(path, "environ"))
		cwd, _ := os.Readlink(filepath.Join(path, "cwd"))
		mark := []byte(folder)
		if len(args) > 0 && pid != os.Getpid() && (bytes.Contains(args, mark) || bytes.Contains(environ, mark) || strings.Contains(cwd, folder)) {
			found = append(found, process{pid, strings.Split(string(args), "\x00")})
		}
	}
	return found
}

// freeze stops the ffmpegs that decode or encode for a job, so that it does not
// end by itself, and returns those that are stopped now. (A probe is left
// alone: it has seconds only.) A job's folder begins with its id.
func freeze(id string) (stopped []int) {
	for _, p := range processesOf(id, "ffmpeg") {
		if !slices.Contains(p.args, "-progress") {
			continue
		}
		_ = syscall.Kill(p.pid, syscall.SIGSTOP) // One that has just ended is none to stop.
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid)); err == nil && bytes.Contains(stat, []byte(") T ")) {
			stopped = append(stopped, p.pid)
		}
	}
	return stopped
}

// ffmpegs returns the ids of the ffmpegs and ffprobes that work in a folder.
func ffmpegs(folder string) []int {
	var pids []int
	for _, p := range processesOf(folder, "ffmpeg", "ffprobe") {
		pids = append(pids, p.pid)
	}
	return pids
}
