package bench

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// latency is how long the cloud takes for an answer. On the fake clock it also
// keeps things apart that would else happen in one instant, in any order.
const latency = 7 * time.Millisecond

// cloud answers the requests of a worker in place of SQS and DynamoDB, from
// memory and on the clock of its bubble. It knows what our clients ask and
// refuses all else.
type cloud struct {
	queues map[string]*memoryQueue // by URL
	table  *table
}

func (c *cloud) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if err := elapse(r, latency); err != nil {
		return nil, err
	}
	var answer any
	switch target, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); target {
	case "AmazonSQS":
		answer, err = c.ask(r, operation, body)
	default:
		answer, err = c.table.ask(operation, body)
	}
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		return reply(r, http.StatusBadRequest, refused)
	case err != nil:
		return nil, err // The caller's context ended.
	default:
		return reply(r, http.StatusOK, answer)
	}
}

// refusal is an error that a service answers with.
type refusal struct {
	Code    string          `json:"__type"`
	Message string          `json:"message"`
	Item    map[string]attr `json:"Item,omitempty"`
}

func (r *refusal) Error() string { return r.Code + ": " + r.Message }

func unknown(format string, args ...any) error {
	return &refusal{Code: "ValidationException", Message: fmt.Sprintf(format, args...)}
}

func reply(r *http.Request, status int, answer any) (*http.Response, error) {
	text, err := json.Marshal(answer)
	return &http.Response{
		StatusCode: status, Request: r, Body: io.NopCloser(bytes.NewReader(text)), ContentLength: int64(len(text)),
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "Date": {time.Now().UTC().Format(http.TimeFormat)}},
	}, err
}

// elapse waits, or until the caller of a request gave up.
func elapse(r *http.Request, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-r.Context().Done():
		return r.Context().Err()
	case <-timer.C:
		return nil
	}
}

// sqsRequest holds what any request to SQS says.
type sqsRequest struct {
	QueueURL            string `json:"QueueUrl"`
	MaxNumberOfMessages int
	WaitTimeSeconds     int
	VisibilityTimeout   int
	ReceiptHandle       string
	Entries             []struct {
		ID            string `json:"Id"`
		MessageBody   string
		DelaySeconds  int
		ReceiptHandle string
	}
}

func (c *cloud) ask(r *http.Request, operation string, body []byte) (any, error) {
	var in sqsRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, unknown("%v", err)
	}
	q := c.queues[in.QueueURL]
	if q == nil || len(in.Entries) > 10 {
		return nil, unknown("queue %q, %d entries", in.QueueURL, len(in.Entries))
	}
	type done map[string]string
	var all []done
	switch operation {
	case "SendMessageBatch":
		for _, e := range in.Entries {
			all = append(all, done{"Id": e.ID, "MessageId": q.send(e.MessageBody, time.Duration(e.DelaySeconds)*time.Second), "MD5OfMessageBody": sum(e.MessageBody)})
		}
	case "DeleteMessageBatch":
		for _, e := range in.Entries {
			q.remove(e.ReceiptHandle)
			all = append(all, done{"Id": e.ID})
		}
	case "ChangeMessageVisibility":
		if !q.hide(in.ReceiptHandle, time.Duration(in.VisibilityTimeout)*time.Second) {
			return nil, &refusal{Code: "com.amazonaws.sqs#ReceiptHandleIsInvalid"}
		}
		return struct{}{}, nil
	case "ReceiveMessage":
		got, err := q.receive(r, in)
		return map[string]any{"Messages": got}, err
	default:
		return nil, unknown("nobody answers %s here", operation)
	}
	return map[string]any{"Successful": all, "Failed": []done{}}, nil
}

func sum(body string) string {
	digest := md5.Sum([]byte(body))
	return hex.EncodeToString(digest[:])
}

// memoryQueue is a standard queue of SQS.
type memoryQueue struct {
	visibility time.Duration

	mu       sync.Mutex
	messages []*stored
	next     int
	changed  chan struct{} // closed, and made anew, with every change
}

type stored struct {
	id, body string
	visible  time.Time
	received int
}

func newMemoryQueue(visibility time.Duration) *memoryQueue {
	return &memoryQueue{visibility: visibility, changed: make(chan struct{})}
}

// tell wakes those who wait for a message.
func (q *memoryQueue) tell() { close(q.changed); q.changed = make(chan struct{}) }

func (q *memoryQueue) send(body string, delay time.Duration) (id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next++
	m := &stored{id: strconv.Itoa(q.next), body: body, visible: time.Now().Add(delay)}
	q.messages = append(q.messages, m)
	q.tell()
	return m.id
}

// find returns the place of the message whose last delivery a receipt names, or -1.
func (q *memoryQueue) find(receipt string) int {
	for i, m := range q.messages {
		if receipt == m.receipt() {
			return i
		}
	}
	return -1
}

func (m *stored) receipt() string { return m.id + "#" + strconv.Itoa(m.received) }

func (q *memoryQueue) remove(receipt string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := q.find(receipt); i >= 0 {
		q.messages = append(q.messages[:i:i], q.messages[i+1:]...)
	}
}

func (q *memoryQueue) hide(receipt string, d time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := q.find(receipt)
	if i >= 0 {
		q.messages[i].visible = time.Now().Add(d)
		q.tell()
	}
	return i >= 0
}

func (q *memoryQueue) left() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.messages)
}

// receive is a long poll.
func (q *memoryQueue) receive(r *http.Request, in sqsRequest) ([]map[string]any, error) {
	deadline := time.Now().Add(time.Duration(in.WaitTimeSeconds) * time.Second)
	for {
		got, soonest, changed := q.take(in, deadline)
		if len(got) > 0 || !time.Now().Before(deadline) {
			return got, nil
		}
		timer := time.NewTimer(time.Until(soonest))
		select {
		case <-r.Context().Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
	}
}

// take hands out what is visible, and tells when to look again.
func (q *memoryQueue) take(in sqsRequest, deadline time.Time) (got []map[string]any, soonest time.Time, changed chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	soonest = deadline
	hidden := q.visibility
	if in.VisibilityTimeout > 0 {
		hidden = time.Duration(in.VisibilityTimeout) * time.Second
	}
	for _, m := range q.messages {
		if m.visible.After(time.Now()) {
			if m.visible.Before(soonest) {
				soonest = m.visible
			}
			continue
		}
		if len(got) < in.MaxNumberOfMessages {
			m.received++
			m.visible = time.Now().Add(hidden)
			got = append(got, map[string]any{
				"MessageId": m.id, "ReceiptHandle": m.receipt(), "Body": m.body, "MD5OfBody": sum(m.body),
				"Attributes": map[string]string{"ApproximateReceiveCount": strconv.Itoa(m.received)},
			})
		}
	}
	return got, soonest, q.changed
}
