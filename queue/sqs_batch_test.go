package queue_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/queue"
)

func texts(n int) []job.Outgoing {
	messages := make([]job.Outgoing, n)
	for i := range messages {
		messages[i] = text(fmt.Sprint("message ", i))
	}
	return messages
}

// sentBodies counts how often each body was in a request of which entries went well.
func sentBodies(f *fakeSQS) map[string]int {
	sent := map[string]int{}
	for _, r := range f.requests() {
		for _, e := range r.Entries {
			sent[e.MessageBody]++
		}
	}
	return sent
}

// TestSQSFillsBatches sends no more than ten messages, nor more than 1 MiB, at once.
func TestSQSFillsBatches(t *testing.T) {
	large := func(size int) job.Outgoing { return text(strings.Repeat("x", size)) }
	for name, c := range map[string]struct {
		messages []job.Outgoing
		want     string
	}{
		"none":              {nil, "[]"},
		"twenty-five":       {texts(25), "[10 10 5]"},
		"of 400 KiB":        {[]job.Outgoing{large(400 << 10), large(400 << 10), large(400 << 10), text("x")}, "[2 2]"},
		"two of 512 KiB":    {[]job.Outgoing{large(512 << 10), large(512 << 10)}, "[2]"},
		"the largest":       {[]job.Outgoing{large(queue.MaxBody), large(queue.MaxBody)}, "[1 1]"},
		"small, then large": {[]job.Outgoing{text("x"), large(queue.MaxBody), text("x")}, "[1 1 1]"},
	} {
		f := &fakeSQS{}
		if err := f.open(t).Send(t.Context(), c.messages...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		sizes := []int{}
		for _, r := range f.requests() {
			sizes = append(sizes, len(r.Entries))
		}
		if got := fmt.Sprint(sizes); got != c.want {
			t.Errorf("%s: sent in batches of %s, want %s", name, got, c.want)
		}
	}
}

// TestSQSSendsFailedEntriesAgain sends again only the entries that failed
// through the server's fault, or of which it said nothing, after a pause.
func TestSQSSendsFailedEntriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSQS{answer: func(r asked) (int, any, error) {
			failed := []failedEntry{}
			switch r.Number {
			case 1:
				failed = []failedEntry{{ID: "1", Code: "InternalError"}, {ID: "4", Code: "RequestThrottled", SenderFault: true}}
			case 2:
				failed = []failedEntry{{ID: "1", Code: "ServiceUnavailable"}}
			}
			answer := r.allWell(failed...)
			if r.Number == 1 { // And of the last entry it says nothing.
				done := answer["Successful"].([]map[string]string)
				answer["Successful"] = done[:len(done)-1]
			}
			return 200, answer, nil
		}}
		if err := f.open(t).Send(t.Context(), texts(6)...); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"message 0": 1, "message 1": 3, "message 2": 1, "message 3": 1, "message 4": 2, "message 5": 2}
		if got := sentBodies(f); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("sent %v, want %v", got, want)
		}
		requests := f.requests()
		if !requests[1].At.After(requests[0].At) || !requests[2].At.After(requests[1].At) {
			t.Error("failed entries were sent again without a pause")
		}
	})
}

// TestSQSNamesTheEntryAtFault tells which message a queue will never carry, and
// sends all others.
func TestSQSNamesTheEntryAtFault(t *testing.T) {
	f := &fakeSQS{}
	f.answer = func(r asked) (int, any, error) {
		var failed []failedEntry
		for _, e := range r.Entries {
			if e.MessageBody == "message 12" {
				failed = append(failed, failedEntry{ID: e.ID, Code: "InvalidMessageContents", Message: "bad character", SenderFault: true})
			}
		}
		return 200, r.allWell(failed...), nil
	}
	err := f.open(t).Send(t.Context(), texts(25)...)
	if !job.KindOf(err).Permanent() || !strings.Contains(err.Error(), "message 13 of 25") || !strings.Contains(err.Error(), "bad character") {
		t.Errorf("got %v", err)
	}
	if sent := sentBodies(f); len(sent) != 25 || sent["message 12"] != 1 || sent["message 24"] != 1 {
		t.Errorf("sent %v", sent)
	}
}

// TestSQSBlamesNoMessageForItsKey keeps jobs alive when the queue's key is
// switched off: an entry is then said to be at fault and is not.
func TestSQSBlamesNoMessageForItsKey(t *testing.T) {
	f := &fakeSQS{answer: func(r asked) (int, any, error) {
		return 200, r.allWell(failedEntry{ID: "0", Code: "KMS.DisabledException", SenderFault: true},
			failedEntry{ID: "1", Code: "KmsAccessDenied", SenderFault: true}), nil
	}}
	err := f.open(t).Send(t.Context(), texts(2)...)
	if job.KindOf(err) != job.Storage || len(f.requests()) != 1 {
		t.Errorf("got %v after %d requests", err, len(f.requests()))
	}
}

// TestSQSGivesUpOnEntries ends after some seconds, without the batches that
// would have come next.
func TestSQSGivesUpOnEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSQS{answer: func(r asked) (int, any, error) {
			return 200, r.allWell(failedEntry{ID: "0", Code: "InternalError"}, failedEntry{ID: "2", Code: "InvalidMessageContents", SenderFault: true}), nil
		}}
		start := time.Now()
		err := f.open(t).Send(t.Context(), texts(25)...)
		// The message at fault decides: its sender then tries one by one.
		if !job.KindOf(err).Permanent() || !strings.Contains(err.Error(), "message 3 of 25") || !strings.Contains(err.Error(), "message 1 of 25") {
			t.Errorf("got %v", err)
		}
		if n, took := len(f.requests()), time.Since(start); n != 6 || took > 30*time.Second {
			t.Errorf("gave up after %d requests and %s", n, took)
		}
	})
}

// TestSQSWaitsForRoom tries a throttled request again, later and later.
func TestSQSWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, code := range []string{"RequestThrottled", "ThrottlingException", "InternalError"} {
			f := &fakeSQS{answer: func(r asked) (int, any, error) {
				if r.Number < 5 {
					return refusal(code)
				}
				return 200, r.allWell(), nil
			}}
			start := time.Now()
			if err := f.open(t).Send(t.Context(), text("x")); err != nil {
				t.Errorf("%s: %v", code, err)
			}
			if n := len(f.requests()); n != 5 || time.Since(start) == 0 {
				t.Errorf("%s: %d requests in %s", code, n, time.Since(start))
			}
		}
	})
}

// TestSQSLosesNothingWithAnAnswer: the server did it, and its answer is lost.
func TestSQSLosesNothingWithAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeSQS{answer: func(r asked) (int, any, error) {
			if r.Number == 1 {
				return 0, nil, io.ErrUnexpectedEOF
			}
			return 200, r.allWell(), nil
		}}
		if err := f.open(t).Send(t.Context(), texts(2)...); err != nil {
			t.Fatal(err)
		}
		if sent := sentBodies(f); sent["message 0"] != 2 || sent["message 1"] != 2 {
			t.Errorf("sent %v, want both twice: the first answer was lost", sent)
		}
	})
}

// TestSQSAsksAgainWhenAnAnswerBreaksOff: half an answer says nothing. (That to
// a hide is empty.)
func TestSQSAsksAgainWhenAnAnswerBreaksOff(t *testing.T) {
	for op, call := range map[string]func(context.Context, *queue.SQS) error{
		"send":    func(ctx context.Context, q *queue.SQS) error { return q.Send(ctx, text("x")) },
		"delete":  func(ctx context.Context, q *queue.SQS) error { return q.Delete(ctx, "0.x") },
		"receive": func(ctx context.Context, q *queue.SQS) error { _, err := q.Receive(ctx, 1, 0); return err },
	} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeSQS{cut: func(r asked) bool { return r.Number <= 2 }}
				if err := call(t.Context(), f.open(t)); err != nil {
					t.Error(err)
				}
				if n := len(f.requests()); n != 3 {
					t.Errorf("it was asked %d times, want 3", n)
				}
			})
		})
	}
}

// TestSQSOutlastsAnOutage: while the server is away requests fail within
// seconds, as failures of the network; afterwards the first one succeeds.
func TestSQSOutlastsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		f := &fakeSQS{answer: func(r asked) (int, any, error) {
			if time.Since(start) < 10*time.Minute {
				return 0, nil, errors.New("connection refused")
			}
			return 200, r.allWell(), nil
		}}
		q := f.open(t)
		for time.Since(start) < 10*time.Minute {
			began := time.Now()
			if err := q.Send(t.Context(), text("x")); err != nil && job.KindOf(err) != job.Storage {
				t.Fatalf("after %s: %v", time.Since(start), err)
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Fatalf("a send took %s to fail", took)
			}
			time.Sleep(5 * time.Second)
		}
		if err := q.Send(t.Context(), text("x")); err != nil {
			t.Errorf("after the outage: %v", err)
		}
	})
}

// TestSQSStopsAtOnce: an ended context ends requests that wait, for an answer
// or for the next try.
func TestSQSStopsAtOnce(t *testing.T) {
	throttled := func(asked) (int, any, error) { return refusal("RequestThrottled") }
	entries := func(r asked) (int, any, error) {
		return 200, r.allWell(failedEntry{ID: "0", Code: "InternalError"}), nil
	}
	for name, answer := range map[string]func(asked) (int, any, error){"hung": asked.hangs, "throttled": throttled, "entries": entries} {
		synctest.Test(t, func(t *testing.T) {
			q := (&fakeSQS{answer: answer}).open(t)
			for op, call := range map[string]func(context.Context) error{
				"send":    func(ctx context.Context) error { return q.Send(ctx, text("x")) },
				"delete":  func(ctx context.Context) error { return q.Delete(ctx, "0.x") },
				"receive": func(ctx context.Context) error { _, err := q.Receive(ctx, 1, 20*time.Second); return err },
			} {
				if name == "entries" && op == "receive" {
					continue
				}
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Millisecond)
				start := time.Now()
				err := call(ctx)
				cancel()
				if !errors.Is(err, context.DeadlineExceeded) || job.KindOf(err) != job.Timeout || time.Since(start) != 3*time.Millisecond {
					t.Errorf("%s, %s: ended after %s with %v", name, op, time.Since(start), err)
				}
			}
		})
	}
}
