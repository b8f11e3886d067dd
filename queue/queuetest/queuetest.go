// Package queuetest holds the conformance suite of queues: what Motionmill
// relies on, whether a queue lies in a file or is SQS.
//
// The suite needs no fake clock. It waits with long polls, for one to a few
// seconds of real time, and inside a bubble of testing/synctest for none.
package queuetest

import (
	"context"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

// Queue is what the suite tests.
type Queue interface {
	// Send puts messages into the queue.
	Send(ctx context.Context, messages ...job.Outgoing) error
	// Receive gives up to limit (1 to 10) messages and hides them; it waits up
	// to wait (0 to 20 s) for the first.
	Receive(ctx context.Context, limit int, wait time.Duration) ([]job.Message, error)
	// Delete removes the messages of the last receipts given for them.
	Delete(ctx context.Context, receipts ...string) error
	// Hide makes a received message visible again d from now.
	Hide(ctx context.Context, receipt string, d time.Duration) error
}

// Visibility is the visibility timeout that the queue under test must have. It
// is a whole number of seconds, as SQS wants it.
const Visibility = 2 * time.Second

// Case is one test of the suite, on an empty queue of its own.
type Case struct {
	Name string
	Run  func(t *testing.T, q Queue)
}

// Run runs the suite, its cases at once. open gives each an empty queue with
// the visibility timeout Visibility, and cleans up after it by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Queue) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Run(t, open(t))
		})
	}
}

// Cases lists the suite, for callers that wrap each case, as in a bubble of
// testing/synctest.
func Cases() []Case {
	return []Case{
		{"what is sent is received and, once deleted, gone", deliver},
		{"a batch of 25 arrives whole", batch},
		{"a receive gives ten at most", tenAtMost},
		{"bodies come back byte for byte", bodies},
		{"an empty poll returns after its wait", emptyPoll},
		{"a message comes again after its visibility timeout", redeliver},
		{"hiding longer keeps it away longer", hideLonger},
		{"hiding for nothing brings it back now", hideZero},
		{"a delayed message comes when it is due", delay},
		{"a stale receipt deletes nothing", staleDelete},
		{"a stale receipt hides nothing", staleHide},
		{"what is beyond the limits is refused", limits},
		{"a long poll wakes on a send", wake},
		{"a long poll wakes when a message becomes visible", wakeVisible},
		{"an ended context ends a receive", cancelled},
		{"a cancelled receive loses no message", cancelLosesNothing},
		{"receivers at once never share a message", exclusive},
	}
}

// short is a wait in which a message that is visible must arrive, even over
// a network.
const short = 5 * time.Second

// slack is how much earlier or later than asked a queue may act.
const slack = 700 * time.Millisecond

func send(t *testing.T, q Queue, messages ...job.Outgoing) {
	t.Helper()
	if err := q.Send(t.Context(), messages...); err != nil {
		t.Fatalf("send %d messages: %v", len(messages), err)
	}
}

func text(body string) job.Outgoing { return job.Outgoing{Body: []byte(body)} }

func receive(t *testing.T, q Queue, limit int, wait time.Duration) []job.Message {
	t.Helper()
	messages, err := q.Receive(t.Context(), limit, wait)
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	for _, m := range messages {
		if m.ID == "" || m.Receipt == "" || m.Received < 1 {
			t.Fatalf("a message came without id, receipt or receive count: %+v", m)
		}
	}
	return messages
}

// one receives exactly one message.
func one(t *testing.T, q Queue, wait time.Duration) job.Message {
	t.Helper()
	messages := receive(t, q, 1, wait)
	if len(messages) != 1 {
		t.Fatalf("received %d messages within %s, want one", len(messages), wait)
	}
	return messages[0]
}

// none asserts that nothing is visible for a while.
func none(t *testing.T, q Queue, wait time.Duration) {
	t.Helper()
	if messages := receive(t, q, most, wait); len(messages) > 0 {
		t.Fatalf("received %d messages within %s, want none; the first is %q, received %d times",
			len(messages), wait, clip(messages[0].Body), messages[0].Received)
	}
}

// most is the largest number of messages of one receive.
const most = 10

func clip(body []byte) []byte { return body[:min(len(body), 80)] }

// drain receives and deletes until want messages came or none come any more,
// and gives the number of deliveries of each body.
func drain(t *testing.T, q Queue, want int) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for len(seen) < want {
		messages := receive(t, q, most, short)
		if len(messages) == 0 {
			return seen
		}
		receipts := make([]string, len(messages))
		for i, m := range messages {
			seen[string(m.Body)]++
			receipts[i] = m.Receipt
		}
		if err := q.Delete(t.Context(), receipts...); err != nil {
			t.Fatalf("delete %d messages: %v", len(receipts), err)
		}
	}
	return seen
}

// between asserts that a wait that began at start took from least to most,
// give or take the slack.
func between(t *testing.T, what string, start time.Time, least, most time.Duration) {
	t.Helper()
	if took := time.Since(start); took < least-slack || took > most+slack {
		t.Errorf("%s took %s, want %s to %s", what, took, least, most)
	}
}
