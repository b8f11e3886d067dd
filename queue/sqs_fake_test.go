package queue_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/motionmill/motionmill/queue"
)

const fakeURL = "http://sqs.test/123456789012/work"

// fakeSQS answers requests in place of a server, so that it can fail in every
// way and that a test can run in fake time.
type fakeSQS struct {
	// answer gives the status and the body of an answer, or the error of a
	// connection. A nil one answers that all went well.
	answer func(r asked) (status int, body any, err error)
	// cut tells which answers break off in the middle; nil for none.
	cut func(r asked) bool

	mu   sync.Mutex
	seen []asked
}

// asked is one request.
type asked struct {
	http              *http.Request
	At                time.Time
	Op                string
	Number            int // of the requests so far, from 1
	Entries           []entry
	DelaySeconds      int
	WaitTimeSeconds   int
	VisibilityTimeout int
	ReceiptHandle     string
}

type entry struct {
	ID            string `json:"Id"`
	MessageBody   string
	DelaySeconds  int
	ReceiptHandle string
}

// failedEntry is what a server says of an entry that failed.
type failedEntry struct {
	ID          string `json:"Id"`
	Code        string
	Message     string
	SenderFault bool
}

func (f *fakeSQS) Do(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	r := asked{http: request, At: time.Now(), Op: strings.TrimPrefix(request.Header.Get("X-Amz-Target"), "AmazonSQS.")}
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, err
	}
	f.mu.Lock()
	r.Number = len(f.seen) + 1
	f.seen = append(f.seen, r)
	f.mu.Unlock()
	status, answer, err := http.StatusOK, any(r.allWell()), error(nil)
	if f.answer != nil {
		status, answer, err = f.answer(r)
	}
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(answer)
	reply := io.Reader(bytes.NewReader(text))
	if f.cut != nil && f.cut(r) {
		reply = io.MultiReader(bytes.NewReader(text[:len(text)/2]), iotest.ErrReader(io.ErrUnexpectedEOF))
	}
	return &http.Response{
		StatusCode: status, Body: io.NopCloser(reply),
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
	}, err
}

// requests returns what was asked so far.
func (f *fakeSQS) requests() []asked {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

// allWell is the answer of a server that did as asked: of the entries given,
// or of all when there are none.
func (r asked) allWell(failed ...failedEntry) map[string]any {
	bad := map[string]bool{}
	for _, f := range failed {
		bad[f.ID] = true
	}
	done := []map[string]string{}
	for _, e := range r.Entries {
		if !bad[e.ID] {
			done = append(done, map[string]string{"Id": e.ID, "MessageId": "m-" + e.ID})
		}
	}
	return map[string]any{"Successful": done, "Failed": failed}
}

// refusal is the answer of a server that does not do as asked.
func refusal(code string) (status int, body any, err error) {
	status = http.StatusBadRequest
	if code == "InternalError" {
		status = http.StatusInternalServerError
	}
	return status, map[string]string{"__type": "com.amazonaws.sqs#" + code, "message": "it says so"}, nil
}

// delivery is the answer to a receive.
func delivery(count string) map[string]any {
	return map[string]any{"Messages": []map[string]any{{
		"MessageId": "m", "ReceiptHandle": "a.handle+/=", "Body": "hello", "Attributes": map[string]string{"ApproximateReceiveCount": count},
	}}}
}

// hangs waits as a server does that never answers.
func (r asked) hangs() (int, any, error) {
	<-r.http.Context().Done()
	return 0, nil, r.http.Context().Err()
}

// open returns the queue that the server has.
func (f *fakeSQS) open(t *testing.T) *queue.SQS {
	t.Helper()
	client, err := queue.NewSQSClient(t.Context(), &aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String("http://sqs.test"), HTTPClient: f,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	q, err := queue.NewSQS(queue.SQSConfig{Client: client, URL: fakeURL})
	if err != nil {
		t.Fatal(err)
	}
	return q
}
