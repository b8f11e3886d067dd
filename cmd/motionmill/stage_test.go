package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/motionmill/motionmill/api/client"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/media"
)

// asMotionmill makes the test binary behave as the program, so that a stage of
// real processes runs the very code under test.
const asMotionmill = "MOTIONMILL_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asMotionmill) != "" {
		os.Exit(run(os.Args[1:], soakSeam()))
	}
	os.Exit(m.Run())
}

// needParts skips where ffmpeg or ONNX Runtime is absent.
func needParts(t *testing.T) {
	t.Helper()
	if _, err := media.Find(t.Context(), media.Config{}); err != nil {
		t.Skip(err)
	}
	if onnx.FindLibrary() == "" && os.Getenv("MOTIONMILL_ORT_LIBRARY") == "" {
		t.Skip("the ONNX Runtime library is not there; `make setup` fetches it")
	}
}

// program returns a command that runs motionmill with a clean environment.
func program(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "MOTIONMILL_") || strings.HasPrefix(setting, "MOTIONMILL_ORT_LIBRARY=") {
			cmd.Env = append(cmd.Env, setting)
		}
	}
	// The race detector's second at the exit of every process adds up here, and so do
	// the trials of the hardware.
	cmd.Env = append(cmd.Env, asMotionmill+"=1", "MOTIONMILL_MODELS_DIR=", "MOTIONMILL_CAPACITY_FILE=", "MOTIONMILL_HARDWARE=off", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// motionmill runs the program to its end and returns its output and status.
func motionmill(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := program(t.Context(), args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run %v: %v", args, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// mustRun is motionmill that has to end with status 0.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, status := motionmill(t, args...)
	if status != 0 {
		t.Fatalf("motionmill %s: status %d\n%s%s", strings.Join(args, " "), status, out, errs)
	}
	return out
}

// demoFile writes the built-in video to a folder of the test.
func demoFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "demo.mp4")
	if err := writeDemo(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// live is `motionmill local`, running.
type live struct {
	t        *testing.T
	cmd      *exec.Cmd
	dir      string
	page, s3 string
	client   *client.Client
	done     chan struct{}
	log      *output
}

// startLocal starts a stage in dir and waits until it is ready. The stage is
// stopped when the test ends, if it still runs.
func startLocal(t *testing.T, dir string, args ...string) *live {
	t.Helper()
	return startLocalWith(t, nil, dir, args...)
}

// startLocalWith is startLocal with settings of its processes, NAME=value.
func startLocalWith(t *testing.T, settings []string, dir string, args ...string) *live {
	t.Helper()
	s := &live{t: t, dir: dir, done: make(chan struct{}), log: &output{}}
	s.cmd = program(context.WithoutCancel(t.Context()), append([]string{"local", "--dir", dir, "--port", "0", "--json"}, args...)...)
	s.cmd.Env = append(s.cmd.Env, settings...)
	s.cmd.Stderr = s.log
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	go func() {
		defer close(s.done)
		_, _ = io.Copy(io.Discard, lines)
		_ = s.cmd.Wait()
	}()
	t.Cleanup(func() { s.stop(os.Interrupt) })
	var ready map[string]string
	if err != nil || json.Unmarshal([]byte(line), &ready) != nil {
		s.stop(os.Kill)
		t.Fatalf("the stage did not get ready: %q, %v\n%s", line, err, s.log)
	}
	s.page, s.s3 = ready["page"], ready["s3_endpoint"]
	if s.client, err = client.New(client.Config{URL: s.page}); err != nil {
		t.Fatal(err)
	}
	return s
}

// stop sends a signal to the supervisor and waits for its end.
func (s *live) stop(signal os.Signal) {
	_ = s.cmd.Process.Signal(signal) // It may have ended by itself.
	<-s.done
}

// child returns the process id of the stage's child of a subcommand.
func (s *live) child(subcommand string) int {
	s.t.Helper()
	paths, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range paths {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		cmdline, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		args := strings.Split(string(cmdline), "\x00")
		if len(fields) > 1 && fields[1] == strconv.Itoa(s.cmd.Process.Pid) && len(args) > 1 && args[1] == subcommand {
			return pid
		}
	}
	s.t.Fatalf("the stage has no child %q", subcommand)
	return 0
}

func (s *live) kill(subcommand string) {
	s.t.Helper()
	if err := syscall.Kill(s.child(subcommand), syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
}

// upload uploads a file for its poses, the quicker of the profiles with models,
// and returns the ID of its job.
func (s *live) upload(path string) string {
	s.t.Helper()
	up, err := s.client.UploadFile(s.t.Context(), path, "pose", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	id, err := s.client.WaitUpload(s.t.Context(), up.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// await follows a job until ok says so, for two minutes at most. A job that is
// final is asked for again: a retry may be on its way to it.
func (s *live) await(id string, ok func(client.Job) bool) client.Job {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	ctx, reached := context.WithCancel(ctx)
	defer reached()
	var last client.Job
	for ctx.Err() == nil {
		j, err := s.client.Watch(ctx, id, func(j client.Job) {
			if last = j; ok(j) {
				reached()
			}
		})
		if err == nil {
			last = j
		}
		if ok(last) {
			return last
		}
		if last.State == "succeeded" || last.State == "dead" {
			break
		}
	}
	s.t.Fatalf("job %s is %s, attempt %d, %+v\n%s", id, last.State, last.Attempt, last.Error, s.log)
	return last
}

func succeeded(j client.Job) bool { return j.State == "succeeded" }

// jobs returns every job of the stage.
func (s *live) jobs() []client.Job {
	s.t.Helper()
	var all []client.Job
	for j, err := range s.client.Jobs(s.t.Context(), client.Filter{}) {
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, j)
	}
	return all
}

// outputs returns the files in the outputs bucket, relative to it.
func (s *live) outputs() []string {
	s.t.Helper()
	var files []string
	err := filepath.WalkDir(filepath.Join(s.dir, "objects"), func(path string, d os.DirEntry, err error) error {
		if i := strings.Index(path, "motionmill-outputs/outputs/"); err == nil && i >= 0 && !d.IsDir() {
			files = append(files, path[i+len("motionmill-outputs/"):])
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}

// poseOf fetches a job's results and returns the bytes of its pose track.
func (s *live) poseOf(id string) []byte {
	s.t.Helper()
	dir := filepath.Join(s.t.TempDir(), id)
	if err := s.client.Download(s.t.Context(), id, dir, nil); err != nil {
		s.t.Fatal(err)
	}
	return readFile(s.t, filepath.Join(dir, "pose.json.gz"))
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func awsCopy(t *testing.T, s *live, file, key string) {
	t.Helper()
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("the AWS command line is not there")
	}
	line, found := strings.CutSuffix(s.copyCommand(file), "s3://motionmill-uploads/")
	if !found {
		t.Fatalf("the copy command ends otherwise: %s", line)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", fmt.Sprintf("%s 's3://motionmill-uploads/%s'", line, key))
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("aws s3 cp: %v\n%s", err, text)
	}
}
