package notice

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
)

const slackURL = "https://hooks.slack.com/services/T000/B000/PLANTEDslackSECRET"

func newSlack(t *testing.T, e *endpoint) *Slack {
	t.Helper()
	s, err := NewSlack(SlackConfig{
		URL: slackURL, Client: &http.Client{Transport: e}, Stage: "prod", Scrubber: NewScrubber(slackURL, "planted-secret"),
		Owner: func(key string) string { return strings.TrimPrefix(key, "owner=") },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func texts(t *testing.T, e *endpoint) []string {
	t.Helper()
	var all []string
	for _, r := range e.requests() {
		var body struct {
			Text string `json:"text"`
		}
		if err := json.Unmarshal([]byte(r.body), &body); err != nil {
			t.Fatal(err)
		}
		all = append(all, body.Text)
	}
	return all
}

func report(kind job.Kind, id string) job.Report {
	return job.Report{Failure: job.Failure{Kind: kind, Message: "it went wrong"}, Job: id}
}

func TestSlackIsToldOnceAMinuteOfAKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{answer: always(200)}
		s := newSlack(t, e)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { s.Run(ctx) })
		s.Report(report(job.Storage, "job0"))
		time.Sleep(500 * time.Millisecond)
		for i := 1; i < 100; i++ { // for 100 seconds
			time.Sleep(time.Second)
			s.Report(report(job.Storage, fmt.Sprintf("job%d", i)))
			if i == 50 {
				s.Report(report(job.Timeout, "another"))
			}
		}
		time.Sleep(5 * time.Minute)
		cancel()
		running.Wait()
		got := texts(t, e)
		if len(got) != 4 {
			t.Fatalf("%d messages were sent: %q", len(got), got)
		}
		for i, want := range []string{"`job0`", "`another`", "`job59`", "`job99`"} {
			if !strings.Contains(got[i], want) {
				t.Errorf("message %d is not of %s: %q", i, want, got[i])
			}
		}
		told := 0
		for i, more := range []int{0, 0, 58, 39} {
			told += 1 + more
			if has := strings.Contains(got[i], fmt.Sprintf("\n%d more of this kind", more)); has != (more > 0) {
				t.Errorf("message %d does not tell of %d more: %q", i, more, got[i])
			}
		}
		if told != 101 {
			t.Errorf("%d of 101 failures are accounted for", told)
		}
	})
}

func TestWhatSlackDidNotTakeCountsForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &endpoint{answer: always(500)}
		s := newSlack(t, e)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { s.Run(ctx) })
		s.Report(report(job.Storage, "first"))
		time.Sleep(10 * time.Second)
		e.mu.Lock()
		e.answer = always(200)
		e.mu.Unlock()
		s.Report(report(job.Storage, "second"))
		time.Sleep(2 * time.Minute)
		cancel()
		running.Wait()
		if got := texts(t, e); len(got) != 2 || !strings.Contains(got[1], "second") || !strings.Contains(got[1], "1 more") {
			t.Errorf("messages are %q", got)
		}
	})
}

func TestSlackThatHangsHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlack(t, &endpoint{answer: hang})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { s.Run(ctx) })
		began := time.Now()
		for i := range 2000 {
			s.Report(report(job.Storage, fmt.Sprint(i)))
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("who reports waits for %v", waited)
		}
		cancel()
		running.Wait()
	})
}

func TestAMessageSaysWhatAPersonNeeds(t *testing.T) {
	s := newSlack(t, &endpoint{})
	r := job.Report{
		Failure: job.Failure{
			Kind: job.Crashed, Message: "decode clip.mp4: <!channel> `rm -rf` & co: planted-secret",
			Stderr: []string{"first line", "GET https://b.s3.amazonaws.com/k?X-Amz-Signature=0badc0de&x=1: 403", "the ``` end"},
		},
		Final: true, Job: "job1", Key: "owner=ada", Attempt: 3, Worker: "gpu-1/17", Request: "req-9",
	}
	got := s.message(r, 4)
	for _, want := range []string{
		"*prod: crashed* ended a job for good", "&lt;!channel&gt;", "job `job1`", "worker `gpu-1/17`", "request `req-9`", "owner `ada`", "attempt 3",
		"4 more of this kind", "first line", "the ''' end", "[removed]",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q: %s", want, got)
		}
	}
	for _, secret := range []string{"planted-secret", "0badc0de", "<!channel>"} {
		if strings.Contains(got, secret) {
			t.Errorf("it says %q: %s", secret, got)
		}
	}
	caught := job.Guarded("claim round", func() error { panic("boom") })
	var p *job.Panic
	if !asPanic(caught, &p) {
		t.Fatalf("a panic is %v", caught)
	}
	got = s.message(job.ReportPanic(p), 0)
	if !strings.Contains(got, "*prod: internal* in claim round") || !strings.Contains(got, "boom") || !strings.Contains(got, "slack_test.go") {
		t.Errorf("a panic is told as %s", got)
	}
	long := s.message(job.Report{Failure: job.Failure{Kind: job.Internal, Message: strings.Repeat("m", 9000), Stderr: []string{strings.Repeat("s", 9000)}}}, 0)
	if len(long) > 3500 {
		t.Errorf("a message has %d bytes", len(long))
	}
}

// A secret that lies where the text is cut is not told by half.
func TestSecretsAreScrubbedBeforeTheTextIsCut(t *testing.T) {
	scrubber := NewScrubber("planted-secret-that-is-known")
	rest := strings.Repeat("x", maxTail-10)
	for name, f := range map[string]job.Failure{
		"the last lines": {Stderr: []string{"get https://bucket.test/a?X-Amz-Signature=0123456789abcdef" + rest, "planted-secret-that-is-known"}},
		"a known one":    {Stderr: []string{"secret: planted-secret-that-is-known" + rest}},
		"a stack":        {Stack: rest + "planted-secret-that-is-known"},
	} {
		got := tail(f, scrubber.Scrub)
		for _, half := range []string{"abcdef", "known", "planted-"} {
			if strings.Contains(got, half) {
				t.Errorf("%s: %q is told", name, half)
			}
		}
	}
}

func TestSecretsAreScrubbed(t *testing.T) {
	s := NewScrubber("planted-secret", "short", slackURL)
	for name, test := range map[string]struct{ text, secret string }{
		"known":            {"it is planted-secret, see", "planted-secret"},
		"slack":            {"post " + slackURL + ": 404", "PLANTEDslackSECRET"},
		"other slack":      {"post https://hooks.slack.com/services/OTHER: 404", "OTHER"},
		"presigned":        {"https://b.s3.amazonaws.com/k?X-Amz-Algorithm=A&X-Amz-Credential=CREDENTIAL%2F2026&X-Amz-Signature=SIGNATURE", "SIGNATURE"},
		"credential":       {"https://b.s3.amazonaws.com/k?X-Amz-Credential=CREDENTIAL%2F2026&X-Amz-Signature=SIGNATURE", "CREDENTIAL"},
		"session":          {"k?a=b&X-Amz-Security-Token=SESSION", "SESSION"},
		"old signature":    {"k?AWSAccessKeyId=OLDKEY&Signature=OLDSIGN&Expires=1", "OLDSIGN"},
		"share link":       {"https://mill.example.com/share?token=SHARETOKEN", "SHARETOKEN"},
		"user information": {"sqs http://user:PASSWORD@queue:9324/q", "PASSWORD"},
		"bearer":           {"Authorization: Bearer abcdefSECRETbearer", "SECRETbearer"},
		"json web token":   {"token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.SIGNEDsigned was refused", "SIGNED"},
		"key id":           {"AKIAIOSFODNN7EXAMPLE is unknown", "AKIAIOSFODNN7EXAMPLE"},
		"setting":          {"AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI", "wJalrXUtnFEMI"},
		"json":             {`{"password": "hunter22", "a": 1}`, "hunter22"},
	} {
		if got := s.Scrub(test.text); strings.Contains(got, test.secret) || !strings.Contains(got, removed) {
			t.Errorf("%s: %q became %q", name, test.text, got)
		}
	}
	for _, plain := range []string{"decode a short clip.mp4: the index is missing. Export it again.", "s3://up/uploads/key=1/a+b.mp4 (fence 3)", "frame 3 took 12 ms; tokens of the pool: 5"} {
		if got := s.Scrub(plain); got != plain {
			t.Errorf("%q became %q", plain, got)
		}
	}
}
