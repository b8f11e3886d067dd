// Package apitest holds in-memory stand-ins for what the API needs of a
// stage: a ledger with conditional writes, a queue that keeps what was sent,
// and an object store that honours presigned URLs over real HTTP. Tests of the
// API, of its client and of the page run on them.
package apitest

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/motionmill/motionmill/job"
)

// Ledger keeps records in memory.
type Ledger struct {
	mu      sync.Mutex
	records map[string]job.Record
	high    map[string]job.HighWater
	// Err, when set, is what every call fails with.
	err error
	// beforePut runs once before the next Put, outside of the lock.
	beforePut func()
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{records: map[string]job.Record{}, high: map[string]job.HighWater{}}
}

// Set stores a record without any condition, as a worker's write would.
func (l *Ledger) Set(rec job.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[rec.ID] = rec
}

// SetHighWater notes the newest version of a key.
func (l *Ledger) SetHighWater(bucket, key string, high job.HighWater) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.high[bucket+"/"+key] = high
}

// Fail makes every call fail with err until it is called with nil.
func (l *Ledger) Fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

// BeforePut has f run once, just before the next Put looks at its condition.
func (l *Ledger) BeforePut(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.beforePut = f
}

// Get reads one record.
func (l *Ledger) Get(_ context.Context, id string) (job.Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rec := l.records[id]
	rec.History = slices.Clone(rec.History)
	rec.ReadAt = time.Now()
	return rec, l.err
}

// Put writes a record if its condition holds.
func (l *Ledger) Put(_ context.Context, next job.Record, when job.Condition) error {
	l.mu.Lock()
	hook := l.beforePut
	l.beforePut = nil
	l.mu.Unlock()
	if hook != nil {
		hook()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	if !when.Met(l.records[next.ID]) {
		return job.Conflict(next.ID, when)
	}
	l.records[next.ID] = next
	return nil
}

// List gives the records that f selects, newest first.
func (l *Ledger) List(_ context.Context, f job.Filter, limit int, cursor string) ([]job.Record, string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, "", l.err
	}
	var found []job.Record
	for _, rec := range l.records {
		if (len(f.States) == 0 || slices.Contains(f.States, rec.State)) && (f.Profile == "" || f.Profile == rec.Profile) &&
			strings.HasPrefix(rec.Source.Key, f.KeyPrefix) {
			found = append(found, rec)
		}
	}
	slices.SortFunc(found, func(x, y job.Record) int {
		return cmp.Or(y.CreatedAt.Compare(x.CreatedAt), cmp.Compare(x.ID, y.ID))
	})
	start := 0
	if cursor != "" {
		var err error
		if start, err = strconv.Atoi(cursor); err != nil || start < 0 {
			return nil, "", job.Fail(job.Unsupported, "list jobs", "cursor "+cursor, "", "", err)
		}
	}
	end := min(start+limit, len(found))
	next := ""
	if end < len(found) {
		next = strconv.Itoa(end)
	}
	return found[min(start, end):end], next, nil
}

// HighWater reads the newest version of a key.
func (l *Ledger) HighWater(_ context.Context, bucket, key string) (job.HighWater, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.high[bucket+"/"+key], l.err
}

// Queue keeps the messages that were sent.
type Queue struct {
	mu   sync.Mutex
	sent []job.Outgoing
	// batches holds the size of every request.
	batches []int
	err     error
}

// Send keeps messages.
func (q *Queue) Send(_ context.Context, messages ...job.Outgoing) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return q.err
	}
	q.sent = append(q.sent, messages...)
	q.batches = append(q.batches, len(messages))
	return nil
}

// Fail makes every call fail with err until it is called with nil.
func (q *Queue) Fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.err = err
}

// Sent returns the bodies that were sent, and the size of each request.
func (q *Queue) Sent() (bodies []string, batches []int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.sent {
		bodies = append(bodies, string(m.Body))
	}
	return bodies, slices.Clone(q.batches)
}

// DeadLetters keeps messages in memory.
type DeadLetters struct {
	mu       sync.Mutex
	messages []job.Message
	err      error
}

// Put adds a message.
func (d *DeadLetters) Put(id, body string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.messages = append(d.messages, job.Message{ID: id, Body: []byte(body)})
}

// Fail makes every call fail with err until it is called with nil.
func (d *DeadLetters) Fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// Look shows the messages in order.
func (d *DeadLetters) Look(_ context.Context, show func(job.Message) bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.messages {
		if !show(m) {
			break
		}
	}
	return d.err
}

// Remove deletes messages by id.
func (d *DeadLetters) Remove(_ context.Context, ids ...string) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return 0, d.err
	}
	before := len(d.messages)
	d.messages = slices.DeleteFunc(d.messages, func(m job.Message) bool { return slices.Contains(ids, m.ID) })
	return before - len(d.messages), nil
}
