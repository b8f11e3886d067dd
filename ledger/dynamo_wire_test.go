package ledger_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
)

var errLostReply = errors.New("connection reset by peer")

// losing carries requests, and loses the reply to the first call of a name.
func losing(carry wire, name string, then func()) wire {
	lost := false
	return func(r *http.Request) (*http.Response, error) {
		reply, err := carry(r)
		if err != nil || lost || operation(r) != name {
			return reply, err
		}
		lost = true
		reply.Body.Close()
		then()
		return nil, &lostReplyError{}
	}
}

// lostReplyError is what the SDK tries again after, as of a connection that broke.
type lostReplyError struct{}

func (*lostReplyError) Error() string         { return errLostReply.Error() }
func (*lostReplyError) Unwrap() error         { return errLostReply }
func (*lostReplyError) ConnectionError() bool { return true }

func lostReply(t *testing.T, d *dynamo) {
	l := d.open(t, ledger.DefaultKeepDays)
	mustGet(t, l, "a") // It learns the time.
	carry := d.wire
	r := queued("a")
	steps := []struct {
		what string
		do   func(*job.Record)
		when job.Condition
	}{
		{"enqueue", func(*job.Record) {}, when(0, job.None)},
		{"claim", func(r *job.Record) { r.State, r.Fence, r.Owner = job.Running, 1, "me" }, when(0, job.None, job.Queued)},
		{"renew", func(r *job.Record) { r.LeaseUntil = time.Now().Add(time.Minute) }, when(1, job.Running)},
		{"fail", func(r *job.Record) { r.State, r.LeaseUntil = job.Failed, time.Time{} }, when(1, job.Running)},
		{"bury", func(r *job.Record) { r.State = job.Dead }, when(1, job.Failed)},
		{"mark as announced", func(r *job.Record) { r.Announced = true }, when(1, job.Dead)},
		{"revive", func(r *job.Record) { r.State, r.Fence, r.Announced = job.Queued, 2, false }, when(1, job.Dead)},
		{"cancel", func(r *job.Record) { r.State = job.Cancelled }, when(2, job.Queued)},
	}
	for _, step := range steps {
		step.do(&r)
		d.through(losing(carry, "UpdateItem", func() {}))
		if err := l.Put(t.Context(), r, step.when); err != nil {
			t.Fatalf("%s, whose first reply was lost: %v", step.what, err)
		}
		d.mu.Lock()
		if calls := strings.Join(d.calls, " "); !strings.HasPrefix(calls, "UpdateItem UpdateItem") {
			t.Errorf("%s asked for %s: the reply was not lost", step.what, calls)
		}
		d.mu.Unlock()
		if got := mustGet(t, l, "a"); got.State != r.State || got.Fence != r.Fence || got.Announced != r.Announced {
			t.Fatalf("%s left %+v", step.what, got)
		}
	}
	// The same write again is another's as far as anyone can tell.
	d.through(carry)
	if err := l.Put(t.Context(), r, when(2, job.Queued)); !errors.Is(err, job.ErrConflict) {
		t.Errorf("a second cancel gave %v, want a conflict", err)
	}
}

func lostReplyAndMore(t *testing.T, d *dynamo) {
	l, other := d.open(t, 0), newDynamo(t, ledger.DynamoConfig{Table: d.table, AWS: &d.settings})
	mustPut(t, l, queued("a"), when(0, job.None))
	claim := queued("a")
	claim.State, claim.Fence, claim.Owner = job.Running, 1, "me"
	d.through(losing(d.wire, "UpdateItem", func() {
		cancel := claim
		cancel.State, cancel.Owner = job.Cancelled, ""
		mustPut(t, other, cancel, when(1, job.Running))
	}))
	if err := l.Put(t.Context(), claim, when(0, job.None, job.Queued)); !errors.Is(err, job.ErrConflict) {
		t.Errorf("a claim that was cancelled before its reply was asked for again gave %v, want a conflict", err)
	}
	if got := mustGet(t, l, "a"); got.State != job.Cancelled {
		t.Errorf("the job is %s", got.State)
	}
}

func lostVersion(t *testing.T, d *dynamo) {
	l := d.open(t, ledger.DefaultKeepDays)
	d.through(losing(d.wire, "PutItem", func() {}))
	source := job.Source{Bucket: "uploads", Key: "k", Sequencer: "0A"}
	got, err := l.RaiseHighWater(t.Context(), source, "mine")
	if want := (job.HighWater{Sequencer: "0A", Job: "mine"}); err != nil || got != want {
		t.Errorf("got %+v and error %v, want %+v", got, err, want)
	}
}

// answer is a reply of DynamoDB's that is an error.
func answer(r *http.Request, status int, code, message string) *http.Response {
	body := fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":%q}`, code, message)
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "Date": {time.Now().UTC().Format(http.TimeFormat)}},
		Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

func throttled(t *testing.T, d *dynamo) {
	l := d.open(t, 0)
	carry := d.wire
	trouble := []struct {
		status int
		code   string
	}{{400, "ProvisionedThroughputExceededException"}, {503, "ServiceUnavailable"}, {400, "ThrottlingException"}, {500, "InternalServerError"}}
	n := 0
	d.through(func(r *http.Request) (*http.Response, error) {
		if n < len(trouble) {
			n++
			return answer(r, trouble[n-1].status, trouble[n-1].code, "slow down"), nil
		}
		return carry(r)
	})
	if got, err := l.Get(t.Context(), "a"); err != nil || got.State != job.None {
		t.Errorf("got %+v and error %v", got, err)
	}
	if n != len(trouble) {
		t.Errorf("it was tried %d times", n)
	}
}

// unprocessed has the server leave out all but two items of each request.
func unprocessed(t *testing.T, d *dynamo) {
	l := d.open(t, 0)
	const records = 7
	for i := range records {
		mustPut(t, l, queued(fmt.Sprint(i)), when(0, job.None))
	}
	carry := d.wire
	type keys struct {
		Keys           []json.RawMessage
		ConsistentRead bool
	}
	d.through(func(r *http.Request) (*http.Response, error) {
		if operation(r) != "BatchGetItem" {
			return carry(r)
		}
		var asked struct{ RequestItems map[string]keys }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			return nil, err
		}
		all := asked.RequestItems[d.table]
		some, rest := all, all
		some.Keys, rest.Keys = all.Keys[:min(2, len(all.Keys))], all.Keys[min(2, len(all.Keys)):]
		asked.RequestItems[d.table] = some
		body, err := json.Marshal(asked)
		if err != nil {
			return nil, err
		}
		less := r.Clone(r.Context())
		less.Body, less.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		reply, err := carry(less)
		if err != nil || reply.StatusCode != http.StatusOK {
			return reply, err
		}
		answered := map[string]any{}
		if err := json.NewDecoder(reply.Body).Decode(&answered); err != nil {
			return nil, err
		}
		if len(rest.Keys) > 0 {
			answered["UnprocessedKeys"] = map[string]keys{d.table: rest}
		}
		body, err = json.Marshal(answered)
		reply.Body, reply.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		reply.Header.Del("X-Amz-Crc32") // It was of the whole answer.
		return reply, err
	})
	got, next, err := l.List(t.Context(), job.Filter{}, 10, "")
	if err != nil || len(got) != records || next != "" {
		t.Errorf("got %d records, cursor %q and error %v", len(got), next, err)
	}
	d.wantCalls(t, "the page", "Query", "BatchGetItem", "BatchGetItem", "BatchGetItem", "BatchGetItem")
}
