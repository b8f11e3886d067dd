package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/motionmill/motionmill/api/client"
	"github.com/motionmill/motionmill/cloudtest"
)

// cloud is a stage on servers that stand in for AWS: moto has the buckets, whose
// notifications go to its queues, and dynalite the table, because several
// workers write to it at once and moto's conditional writes are not atomic.
type cloud struct {
	live
	env  []string // of a user: where AWS is, and who he is
	file string   // what env.sh would have written
}

// newCloud makes the parts of a stage by the script that compose.aws.yaml uses.
func newCloud(t *testing.T) *cloud {
	t.Helper()
	needParts(t)
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("the AWS command line is not there; `scripts/setup.sh test` fetches it")
	}
	moto, dynalite := cloudtest.Moto(t), cloudtest.Dynalite(t)
	c := &cloud{file: filepath.Join(t.TempDir(), "stage.env")}
	c.t, c.dir = t, t.TempDir()
	c.env = append(cloudtest.Environment(t, moto), "AWS_ENDPOINT_URL_DYNAMODB="+aws.ToString(dynalite.BaseEndpoint))
	script := exec.CommandContext(t.Context(), "sh", "../../scripts/standin.sh", "test")
	script.Env = append(os.Environ(), c.env...)
	var errs bytes.Buffer
	script.Stderr = &errs
	settings, err := script.Output()
	if err != nil {
		t.Fatalf("make the parts of the stage: %v\n%s", err, errs.String())
	}
	if err := os.WriteFile(c.file, settings, 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// start starts a process of the stage, which learns of it by the file.
func (c *cloud) start(args ...string) *running {
	c.t.Helper()
	cmd := program(context.WithoutCancel(c.t.Context()), append(args, "--env-file", c.file)...)
	cmd.Env = append(cmd.Env, c.env...)
	return startProcess(c.t, cmd)
}

// serve starts the API.
func (c *cloud) serve() {
	c.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		c.t.Fatal(err)
	}
	serving := c.start("serve", "--listen", address)
	c.page, c.log = "http://"+address, &serving.log
	serving.until("the API answers", func() bool {
		response, err := http.Get(c.page + "/healthz")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	if c.client, err = client.New(client.Config{URL: c.page}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cloud) work() *running {
	return c.start("work", "--claim-schedule", "* * * * * *", "--sweep-schedule", "* * * * * *", "--lease", "10s", "--work-dir", c.t.TempDir())
}

// drop copies a file into the bucket as any tool would.
func (c *cloud) drop(file, key string) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), "aws", "s3", "cp", file, "s3://motionmill-test-uploads/"+key)
	cmd.Env = append(os.Environ(), c.env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("aws s3 cp: %v\n%s", err, text)
	}
}

// find waits for a job of a key.
func (c *cloud) find(key string) (found client.Job) {
	c.t.Helper()
	if !poll(time.Minute, func() bool {
		i := slices.IndexFunc(c.jobs(), func(j client.Job) bool { return j.Source.Key == key })
		if i >= 0 {
			found = c.jobs()[i]
		}
		return i >= 0
	}) {
		c.t.Fatalf("there is no job of %s among %+v", key, c.jobs())
	}
	return found
}

// TestAWholeStageOnAWS has two workers, the API, a file that is dropped in and
// one that is uploaded, and a worker that is killed in the middle.
func TestAWholeStageOnAWS(t *testing.T) {
	c := newCloud(t)
	demo, dir := demoFile(t), filepath.Join(t.TempDir(), "out")
	mustRun(t, "run", demo, "--out", dir)
	want := readFile(t, filepath.Join(dir, "pose.json.gz"))

	c.serve()
	victim := c.work()
	c.drop(demo, "uploads/a b+c/ünï.mp4")
	dropped := c.find("uploads/a b+c/ünï.mp4")
	c.await(dropped.ID, func(j client.Job) bool { return j.State == "running" })
	victim.signal(syscall.SIGKILL)
	victim.ends()
	for range 2 {
		c.work()
	}
	out := t.TempDir()
	mustRun(t, "submit", demo, "--server", c.page, "--wait", "--out", out)
	fetched, err := filepath.Glob(filepath.Join(out, "*", "pose.json.gz"))
	if err != nil || len(fetched) != 1 {
		t.Fatalf("submit fetched %v (%v)", fetched, err)
	}
	if !bytes.Equal(readFile(t, fetched[0]), want) {
		t.Error("submit gives another pose track than run")
	}
	done := c.await(dropped.ID, succeeded)
	if !bytes.Equal(c.poseOf(dropped.ID), want) {
		t.Error("the file that was dropped in gives another pose track than run")
	}
	if done.Attempt != 2 || len(done.History) != 2 || done.History[0].Outcome != "lost" {
		t.Errorf("after a kill it took %d attempts: %+v", done.Attempt, done.History)
	}
	if n := len(c.jobs()); n != 2 {
		t.Errorf("there are %d jobs, want 2", n)
	}
	if list := mustRun(t, "jobs", "list", "--server", c.page); !strings.Contains(list, "ünï.mp4") || strings.Count(list, "succeeded") != 2 {
		t.Errorf("jobs list prints\n%s", list)
	}
}
