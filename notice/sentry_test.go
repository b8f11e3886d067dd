package notice

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/motionmill/motionmill/job"
)

func asPanic(err error, p **job.Panic) bool { return errors.As(err, p) }

func TestSentryIsToldOfPanicsAndInternalFailures(t *testing.T) {
	var mu sync.Mutex
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, string(body))
	}))
	defer server.Close()
	s, err := NewSentry(SentryConfig{
		DSN: strings.Replace(server.URL, "http://", "http://publickey@", 1) + "/7", Stage: "prod", Version: "1.2.3", Scrubber: NewScrubber("planted-secret"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var p *job.Panic
	if !asPanic(job.Guarded("sweep", func() error { panic("planted-secret is nil") }), &p) {
		t.Fatal("no panic was caught")
	}
	told := job.ReportPanic(p)
	told.Job, told.Worker, told.Request = "job1", "gpu-1/17", "req-9"
	s.Report(told)
	s.Report(job.Report{Failure: job.Failure{Kind: job.Internal, Message: "write the index: surprise", Stderr: []string{"last words, planted-secret"}}, Job: "job2"})
	s.Report(job.Report{Failure: job.Failure{Kind: job.NotAVideo, Message: "a picture of a cat"}, Job: "job3"})
	s.Close()

	mu.Lock()
	defer mu.Unlock()
	all := strings.Join(got, "\n")
	if len(got) != 2 {
		t.Fatalf("%d envelopes came: %s", len(got), all)
	}
	for _, want := range []string{
		`"type":"panic"`, `"environment":"prod"`, `"release":"motionmill@1.2.3"`, `"job":"job1"`, `"request":"req-9"`, "sentry_test.go",
		"write the index: surprise", "last words", `"where":"sweep"`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing says %s: %s", want, all)
		}
	}
	for _, secret := range []string{"planted-secret", "cat", "PATH="} {
		if strings.Contains(all, secret) {
			t.Errorf("something says %s: %s", secret, all)
		}
	}
}

func TestADSNThatCannotBeReadIsNotRepeated(t *testing.T) {
	_, err := NewSentry(SentryConfig{DSN: "nonsense-PLANTED", Scrubber: NewScrubber()})
	if err == nil || strings.Contains(err.Error(), "PLANTED") {
		t.Errorf("the error is %v", err)
	}
}

func TestStacksAreRead(t *testing.T) {
	stack := "goroutine 7 [running]:\nruntime/debug.Stack()\n\t/go/src/runtime/debug/stack.go:26 +0x64\npanic({0x1, 0x2})\n\t/go/src/runtime/panic.go:770 +0x124\n" +
		"github.com/motionmill/motionmill/media.(*stamps).add(0x0, {0x1})\n\t/src/media/timestamp.go:88 +0x1c\nmain.main()\n\t/src/main.go:5\n"
	frames := framesOf(stack).Frames
	if len(frames) != 2 || frames[0].Function != "main.main" || frames[1].Function != "media.(*stamps).add" || frames[1].Lineno != 88 || !frames[1].InApp || frames[0].InApp {
		t.Errorf("the frames are %+v", frames)
	}
	if framesOf("no stack at all") != nil {
		t.Error("frames were found in a text without any")
	}
}
