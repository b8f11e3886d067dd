package queue_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/queue"
)

// TestSQSHidesForTwelveHoursAtMost: SQS refuses more than is left of 12 hours
// from the receive, so less is asked of it.
func TestSQSHidesForTwelveHoursAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSQS{answer: func(r asked) (int, any, error) {
			if r.Op == "ReceiveMessage" {
				return 200, delivery("3"), nil
			}
			return 200, r.allWell(), nil
		}}
		q := f.open(t)
		messages, err := q.Receive(t.Context(), 1, 0)
		if err != nil || len(messages) != 1 || string(messages[0].Body) != "hello" || messages[0].Received != 3 {
			t.Fatalf("received %+v, %v", messages, err)
		}
		receipt := messages[0].Receipt
		for _, c := range []struct {
			after, hide time.Duration
			want        int
		}{
			{0, 12 * time.Hour, 12 * 3600},
			{0, 1500 * time.Millisecond, 2}, // Never earlier than asked.
			{time.Hour, 12 * time.Hour, 11 * 3600},
			{10*time.Hour + 500*time.Millisecond, time.Hour, 3599}, // Never more than is left.
			{0, time.Minute, 60},
			{0, 0, 0},
			{time.Hour - time.Second, time.Minute, 0},
		} {
			time.Sleep(c.after)
			if err := q.Hide(t.Context(), receipt, c.hide); err != nil {
				t.Errorf("hide for %s: %v", c.hide, err)
			}
			requests := f.requests()
			last := requests[len(requests)-1]
			if last.VisibilityTimeout != c.want || last.ReceiptHandle != "a.handle+/=" {
				t.Errorf("hiding for %s asks for %d s of %q, want %d", c.hide, last.VisibilityTimeout, last.ReceiptHandle, c.want)
			}
		}
		before := len(f.requests())
		time.Sleep(2 * time.Second)
		if err := q.Hide(t.Context(), receipt, time.Second); !errors.Is(err, queue.ErrNotInFlight) || len(f.requests()) > before {
			t.Errorf("after 12 hours: %v, want ErrNotInFlight and no request", err)
		}
	})
}

// TestSQSTellsReceiptsThatNoLongerCount: SQS has several words for it.
func TestSQSTellsReceiptsThatNoLongerCount(t *testing.T) {
	for _, code := range []string{"MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", "ReceiptHandleIsInvalid", "InvalidParameterValue"} {
		f := &fakeSQS{answer: func(asked) (int, any, error) { return refusal(code) }}
		if err := f.open(t).Hide(t.Context(), "9999999999.x", time.Second); !errors.Is(err, queue.ErrNotInFlight) {
			t.Errorf("%s gives %v, want ErrNotInFlight", code, err)
		}
	}
	f := &fakeSQS{answer: func(r asked) (int, any, error) {
		return 200, r.allWell(failedEntry{ID: "0", Code: "ReceiptHandleIsInvalid", SenderFault: true}), nil
	}}
	if err := f.open(t).Delete(t.Context(), "9999999999.x", "9999999999.y"); err != nil || len(f.requests()) != 1 {
		t.Errorf("deleting by a receipt that no longer counts gives %v after %d requests", err, len(f.requests()))
	}
	for _, text := range []string{"", "nonsense", ".", "1.", "x.y"} {
		if err := f.open(t).Delete(t.Context(), text); job.KindOf(err) != job.Unsupported {
			t.Errorf("deleting by %q gives %v", text, err)
		}
	}
}

// TestSQSAsksForWhatItNeeds: rounded up, and with the receive count.
func TestSQSAsksForWhatItNeeds(t *testing.T) {
	f := &fakeSQS{answer: func(r asked) (int, any, error) {
		if r.Op == "ReceiveMessage" {
			return 200, delivery(""), nil
		}
		return 200, r.allWell(), nil
	}}
	q := f.open(t)
	if err := q.Send(t.Context(), job.Outgoing{Body: []byte("x"), Delay: 1001 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	messages, err := q.Receive(t.Context(), 7, 19500*time.Millisecond)
	if err != nil || len(messages) != 1 || messages[0].Received != 1 {
		t.Fatalf("received %+v, %v; a server that does not count says nothing, and that is one", messages, err)
	}
	sent, received := f.requests()[0], f.requests()[1]
	if sent.Entries[0].DelaySeconds != 2 || received.WaitTimeSeconds != 20 || received.VisibilityTimeout != 0 {
		t.Errorf("asked for %+v and %+v", sent, received)
	}
}

// TestSQSMindsDeadConnections: a try without an answer is ended, later for a
// long poll, and made again.
func TestSQSMindsDeadConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSQS{}
		f.answer = func(r asked) (int, any, error) {
			if r.Number%2 == 1 {
				return r.hangs()
			}
			if r.Op == "ReceiveMessage" {
				return 200, delivery("1"), nil
			}
			return 200, r.allWell(), nil
		}
		q := f.open(t)
		if messages, err := q.Receive(t.Context(), 1, 20*time.Second); err != nil || len(messages) != 1 {
			t.Errorf("receive: %d messages, %v", len(messages), err)
		}
		if err := q.Send(t.Context(), text("x")); err != nil {
			t.Errorf("send: %v", err)
		}
		requests := f.requests()
		for i, least := range []time.Duration{25 * time.Second, 0, 5 * time.Second} {
			if took := requests[i+1].At.Sub(requests[i].At); took < least || took > least+30*time.Second {
				t.Errorf("request %d came %s after the one before it", i+2, took)
			}
		}
		f.answer = asked.hangs
		err := q.Delete(t.Context(), "9999999999.x")
		if job.KindOf(err) != job.Storage || !strings.Contains(err.Error(), "no answer within 10s") {
			t.Errorf("delete: %v", err)
		}
	})
}

// TestSQSSaysWhatIsWrong: every failure has its kind and what to do about it.
func TestSQSSaysWhatIsWrong(t *testing.T) {
	for code, c := range map[string]struct {
		kind job.Kind
		say  string
	}{
		"QueueDoesNotExist":                       {job.Storage, "does not exist"},
		"AWS.SimpleQueueService.NonExistentQueue": {job.Storage, "does not exist"},
		"AccessDenied":                            {job.Storage, "sqs:SendMessage"},
		"AccessDeniedException":                   {job.Storage, "sqs:SendMessage"},
		"ExpiredToken":                            {job.Storage, "credentials are not accepted"},
		"InvalidClientTokenId":                    {job.Storage, "credentials are not accepted"},
		"SignatureDoesNotMatch":                   {job.Storage, "check the clock"},
		"KmsDisabled":                             {job.Storage, "kms:"},
		"InvalidMessageContents":                  {job.Unsupported, "does not take it"},
		"BatchRequestTooLong":                     {job.Unsupported, "does not take it"},
		"SomethingNobodyHasSeenSoFar":             {job.Storage, "SomethingNobodyHasSeenSoFar"},
	} {
		f := &fakeSQS{answer: func(asked) (int, any, error) { return refusal(code) }}
		err := f.open(t).Send(t.Context(), text("x"))
		if job.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.say) || !strings.Contains(err.Error(), fakeURL) {
			t.Errorf("%s gives %s: %v; want %s and %q", code, job.KindOf(err), err, c.kind, c.say)
		}
		if n := len(f.requests()); n != 1 {
			t.Errorf("%s was asked for %d times", code, n)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSQS{answer: func(asked) (int, any, error) { return refusal("RequestThrottled") }}
		if err := f.open(t).Send(t.Context(), text("x")); job.KindOf(err) != job.Storage || !strings.Contains(err.Error(), "too busy") {
			t.Errorf("a queue that is always busy gives %v", err)
		}
	})
}

// TestSQSIsOpenedWithCare: what is wrong with a setting shows before the first request.
func TestSQSIsOpenedWithCare(t *testing.T) {
	settings := aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	client, err := queue.NewSQSClient(t.Context(), &settings)
	if err != nil {
		t.Fatal(err)
	}
	good := "https://sqs.eu-central-1.amazonaws.com/123456789012/work"
	for name, cfg := range map[string]queue.SQSConfig{
		"no client":    {URL: good},
		"no URL":       {Client: client},
		"a name":       {Client: client, URL: "work"},
		"no path":      {Client: client, URL: "https://sqs.eu-central-1.amazonaws.com/"},
		"a FIFO queue": {Client: client, URL: good + ".fifo"},
		"other region": {Client: client, URL: "https://sqs.us-east-1.amazonaws.com/123456789012/work"},
		"half seconds": {Client: client, URL: good, Visibility: 1500 * time.Millisecond},
		"a day":        {Client: client, URL: good, Visibility: 24 * time.Hour},
	} {
		if _, err := queue.NewSQS(cfg); job.KindOf(err) != job.Unsupported {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, url := range []string{good, "https://sqs.eu-central-1.amazonaws.com.cn/1/q", "http://127.0.0.1:9324/000000000000/work"} {
		if _, err := queue.NewSQS(queue.SQSConfig{Client: client, URL: url}); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	settings.Region = ""
	if _, err := queue.NewSQSClient(t.Context(), &settings); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("without a region: %v", err)
	}
}
