package queue_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/queue"
)

// refuses is a server that answers every request alike.
type refuses struct {
	status int
	body   string
	ahead  time.Duration // of its clock
	err    error         // Of the connection, in place of an answer.
}

func (r refuses) Do(request *http.Request) (*http.Response, error) {
	if r.err != nil {
		return nil, r.err
	}
	return &http.Response{
		StatusCode: r.status, Body: io.NopCloser(strings.NewReader(r.body)), Request: request,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "Date": {time.Now().Add(r.ahead).UTC().Format(http.TimeFormat)}},
	}, nil
}

func refusedWith(code string) refuses {
	return refuses{status: 400, body: fmt.Sprintf(`{"__type":"com.amazonaws.sqs#%s","message":"User: arn:aws:iam::1:user/deploy"}`, code)}
}

// keys gives credentials out, or its error.
func keys(err error) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		if err != nil {
			return aws.Credentials{}, err
		}
		return credentials.NewStaticCredentialsProvider("id", "secret", "").Retrieve(ctx)
	})
}

// TestSQSNamesCallQueueAndRemedy: every call, and everything that can be wrong
// with who makes it, from where and when.
func TestSQSNamesCallQueueAndRemedy(t *testing.T) {
	skewed := func(code string, ahead time.Duration) refuses {
		r := refusedWith(code)
		r.ahead = ahead
		return r
	}
	// As when a role cannot be taken on: its denial is not the queue's.
	roleDenied := &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: &smithy.GenericAPIError{Code: "AccessDenied", Message: "no such trust"}}
	for name, c := range map[string]struct {
		server refuses
		keys   error
		want   []string // ACTION stands for the call's.
		not    string
	}{
		"denied":                {server: refusedWith("AccessDeniedException"), want: []string{"ACTION: access is denied", "user/deploy", "Allow ACTION on the queue", "motionmill doctor"}},
		"missing":               {server: refusedWith("QueueDoesNotExist"), want: []string{"ACTION: the queue does not exist", "AWS_REGION"}},
		"expired":               {server: refusedWith("ExpiredToken"), want: []string{"ACTION: the credentials are not accepted", "Renew"}},
		"a clock ahead":         {server: skewed("RequestTimeTooSkewed", -20*time.Minute), want: []string{"ACTION: the clock of this machine is 20m0s ahead", "NTP"}},
		"a clock behind":        {server: skewed("InvalidSignatureException", 7*time.Minute), want: []string{"ACTION: the clock of this machine is 7m0s behind"}},
		"a wrong key":           {server: skewed("SignatureDoesNotMatch", time.Second), want: []string{"ACTION: the credentials are not accepted"}, not: "the clock of this machine is"},
		"no credentials":        {keys: errors.New("no role found"), want: []string{"no credentials", "sign", "AWS_PROFILE", "no role found", "ACTION"}},
		"a role that is denied": {keys: roleDenied, want: []string{"no credentials", "STS: AssumeRole", "ACTION"}, not: "Allow"},
		"away":                  {server: refuses{err: errors.New("no such host")}, want: []string{"ACTION: there was no answer", "http://sqs.test", "AWS_REGION", "no such host"}},
		"a proxy":               {server: refuses{status: 200, body: "<html>Log in first</html>"}, want: []string{"ACTION: the answer cannot be read", "proxy"}},
	} {
		for action, call := range map[string]func(context.Context, *queue.SQS) error{
			"sqs:SendMessage":    func(ctx context.Context, q *queue.SQS) error { return q.Send(ctx, text("x")) },
			"sqs:ReceiveMessage": func(ctx context.Context, q *queue.SQS) error { _, err := q.Receive(ctx, 1, 0); return err },
			"sqs:DeleteMessage":  func(ctx context.Context, q *queue.SQS) error { return q.Delete(ctx, "9999999999.x") },
			"sqs:ChangeMessageVisibility": func(ctx context.Context, q *queue.SQS) error {
				return q.Hide(ctx, fmt.Sprintf("%d.x", time.Now().Unix()), time.Minute)
			},
			"sqs:GetQueueAttributes": func(ctx context.Context, q *queue.SQS) error { _, err := q.Settings(ctx); return err },
		} {
			if name == "a proxy" && action == "sqs:ChangeMessageVisibility" {
				continue // Its answer says nothing that could be read wrongly.
			}
			t.Run(name+" "+action, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, err := queue.NewSQSClient(t.Context(), &aws.Config{
						Region: "eu-central-1", BaseEndpoint: aws.String("http://sqs.test"), HTTPClient: c.server, Credentials: keys(c.keys),
					})
					if err != nil {
						t.Fatal(err)
					}
					q, err := queue.NewSQS(queue.SQSConfig{Client: client, URL: fakeURL})
					if err != nil {
						t.Fatal(err)
					}
					err = call(t.Context(), q)
					if job.KindOf(err) != job.Storage {
						t.Fatalf("it gives %s: %v", job.KindOf(err), err)
					}
					for _, want := range append(c.want, fakeURL) {
						if want = strings.ReplaceAll(want, "ACTION", action); !strings.Contains(err.Error(), want) {
							t.Errorf("%q does not say %q", err, want)
						}
					}
					if c.not != "" && strings.Contains(err.Error(), c.not) {
						t.Errorf("%q says %q", err, c.not)
					}
				})
			})
		}
	}
}

// TestSQSNamesTheCallOfAnEntry: some refusals come entry by entry.
func TestSQSNamesTheCallOfAnEntry(t *testing.T) {
	f := &fakeSQS{answer: func(r asked) (int, any, error) {
		return 200, r.allWell(failedEntry{ID: "0", Code: "AccessDenied", Message: "no", SenderFault: true}), nil
	}}
	q := f.open(t)
	for action, err := range map[string]error{"sqs:SendMessage": q.Send(t.Context(), text("x")), "sqs:DeleteMessage": q.Delete(t.Context(), "9999999999.x")} {
		if job.KindOf(err) != job.Storage || !strings.Contains(err.Error(), action+": access is denied") || !strings.Contains(err.Error(), "Allow "+action) {
			t.Errorf("%s gives %v", action, err)
		}
	}
}

func TestSQSTellsItsSettings(t *testing.T) {
	attributes := map[string]string{
		"QueueArn": "arn:aws:sqs:eu-central-1:1:work", "VisibilityTimeout": "60", "MessageRetentionPeriod": "1209600",
		"ReceiveMessageWaitTimeSeconds": "20", "RedrivePolicy": `{"maxReceiveCount":3}`,
	}
	f := &fakeSQS{answer: func(asked) (int, any, error) { return 200, map[string]any{"Attributes": attributes}, nil }}
	want := queue.Settings{
		ARN: "arn:aws:sqs:eu-central-1:1:work", Visibility: time.Minute, Retention: 14 * 24 * time.Hour, Wait: 20 * time.Second, Redrive: `{"maxReceiveCount":3}`,
	}
	if got, err := f.open(t).Settings(t.Context()); err != nil || got != want {
		t.Errorf("got %+v and error %v, want %+v", got, err, want)
	}
	delete(attributes, "VisibilityTimeout")
	if _, err := f.open(t).Settings(t.Context()); job.KindOf(err) != job.Storage || !strings.Contains(err.Error(), "VisibilityTimeout") {
		t.Errorf("without an attribute it gives %v", err)
	}
}
