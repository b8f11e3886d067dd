package gateway_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestAWSCommandLine uploads and downloads with the tool that people have.
func TestAWSCommandLine(t *testing.T) {
	program, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the AWS CLI is not on the PATH")
	}
	s := newStage(t)
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		command := exec.Command(program, args...)
		command.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+access, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_REGION="+region,
			"AWS_ENDPOINT_URL_S3=http://"+s.addr, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("aws %q: %v\n%s", args, err, out)
		}
	}
	for _, c := range []struct {
		name string
		size int
	}{{"small.mp4", 1000}, {"twelve megabytes.mp4", 12 << 20}, {"plus + and ünï 人 %20.mp4", 5000}} {
		from := filepath.Join(dir, c.name)
		body := bytes.Repeat([]byte(c.name+"\n"), c.size/len(c.name)+1)[:c.size]
		if err := os.WriteFile(from, body, 0o600); err != nil {
			t.Fatal(err)
		}
		run("s3", "cp", "--only-show-errors", from, "s3://"+uploads+"/in/"+c.name)
		if event := s.next(); event.Source.Key != "in/"+c.name || event.Source.Bytes != int64(c.size) {
			t.Fatalf("told of %+v", event.Source)
		}
		run("s3", "cp", "--only-show-errors", "s3://"+uploads+"/in/"+c.name, from+".back")
		if back, err := os.ReadFile(from + ".back"); err != nil || !bytes.Equal(back, body) {
			t.Fatalf("%s came back changed: %v", c.name, err)
		}
		if n := s.count("in/" + c.name); n != 1 {
			t.Errorf("%d events for %s", n, c.name)
		}
	}
}
