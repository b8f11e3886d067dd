package notice

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

// memory is a box in memory.
type memory struct {
	mu   sync.Mutex
	docs map[string][]byte
	tags map[string]int
	last int
}

func newMemory() *memory { return &memory{docs: map[string][]byte{}, tags: map[string]int{}} }

func (m *memory) List(_ context.Context, prefix string) ([]Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var entries []Entry
	for _, name := range slices.Sorted(maps.Keys(m.docs)) {
		if strings.HasPrefix(name, prefix) {
			entries = append(entries, Entry{name, strconv.Itoa(m.tags[name])})
		}
	}
	return entries, nil
}

func (m *memory) Read(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, ok := m.docs[name]
	if !ok {
		return nil, job.Fail(job.SourceGone, "find", name, "", "", nil)
	}
	return text, nil
}

func (m *memory) Write(_ context.Context, name, tag string, text []byte) (string, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, there := m.docs[name]
	if there != (tag != "") || there && strconv.Itoa(m.tags[name]) != tag {
		return "", false, nil
	}
	m.last++
	m.docs[name], m.tags[name] = text, m.last
	return strconv.Itoa(m.last), true, nil
}

func (m *memory) Remove(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.docs, name)
	return nil
}

func (m *memory) names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.docs))
}

// endpoint answers requests without a network, which a bubble's clock would not
// know of.
type endpoint struct {
	mu     sync.Mutex
	answer func(r *http.Request) (int, error)
	got    []received
}

type received struct {
	at        time.Time
	delivery  string
	signature string
	host      string
	body      string
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	status, err := e.answer(r)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.got = append(e.got, received{time.Now(), r.Header.Get(DeliveryHeader), r.Header.Get(SignatureHeader), r.URL.Host, string(body)})
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Status: strconv.Itoa(status) + " " + http.StatusText(status), Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

func (e *endpoint) requests() []received {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.got)
}

func always(status int) func(*http.Request) (int, error) {
	return func(*http.Request) (int, error) { return status, nil }
}

// hang answers when the client gives up.
func hang(r *http.Request) (int, error) {
	<-r.Context().Done()
	return 0, r.Context().Err()
}

var testSecret = []byte("whsec-0123456789abcdef")

func finished(id string, state job.State) job.Record {
	return job.Record{ID: id, State: state, Fence: 3, Source: job.Source{Bucket: "up", Key: "uploads/" + id + ".mp4"}}
}

func render(_ context.Context, rec job.Record) ([]byte, error) {
	return json.Marshal(map[string]any{"id": rec.ID, "state": rec.State})
}

// deliverer makes one for some addresses, all of which e answers.
func deliverer(t *testing.T, box Box, e http.RoundTripper, addresses ...string) *Deliverer {
	t.Helper()
	cfg := Config{Box: box, Secrets: [][]byte{testSecret}, Client: &http.Client{Transport: e}, Render: render}
	for _, address := range addresses {
		to, err := NewEndpoint(address)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Endpoints = append(cfg.Endpoints, to)
	}
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// during runs a deliverer for a while of the bubble's clock, and stops it.
func during(t *testing.T, d *Deliverer, while time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	<-time.After(while)
	cancel()
	running.Wait()
}

func post(t *testing.T, box Box, recs ...job.Record) {
	t.Helper()
	for _, rec := range recs {
		if err := Post(t.Context(), box, rec); err != nil {
			t.Fatal(err)
		}
	}
}

func listed(t *testing.T, box Box, jobID string) []Delivery {
	t.Helper()
	all, _, err := Undelivered{box}.List(t.Context(), jobID, 100, "")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// mortal is a process that is killed at its nth step: nothing that it does
// from then on has any effect. A step is a change of its box or a request.
type mortal struct {
	Box
	http.RoundTripper
	mu   sync.Mutex
	left int
	// after kills it when the step is done, and the reply not read.
	after bool
	dead  bool
}

var errKilled = errors.New("killed")

// step does one step of a process.
func step[T any](m *mortal, do func() (T, error)) (T, error) {
	var none T
	m.mu.Lock()
	m.left--
	last := m.left == 0
	if m.dead || last && !m.after {
		m.dead = true
		m.mu.Unlock()
		return none, errKilled
	}
	m.dead = m.dead || last
	m.mu.Unlock()
	got, err := do()
	if last {
		return none, errKilled
	}
	return got, err
}

// alive does what changes nothing: to be killed there is to be killed before
// the next step.
func alive[T any](m *mortal, do func() (T, error)) (T, error) {
	var none T
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return none, errKilled
	}
	return do()
}

func (m *mortal) List(ctx context.Context, prefix string) ([]Entry, error) {
	return alive(m, func() ([]Entry, error) { return m.Box.List(ctx, prefix) })
}

func (m *mortal) Read(ctx context.Context, name string) ([]byte, error) {
	return alive(m, func() ([]byte, error) { return m.Box.Read(ctx, name) })
}

func (m *mortal) Write(ctx context.Context, name, tag string, text []byte) (string, bool, error) {
	var ok bool
	newTag, err := step(m, func() (newTag string, err error) {
		newTag, ok, err = m.Box.Write(ctx, name, tag, text)
		return newTag, err
	})
	return newTag, ok && err == nil, err
}

func (m *mortal) Remove(ctx context.Context, name string) error {
	_, err := step(m, func() (struct{}, error) { return struct{}{}, m.Box.Remove(ctx, name) })
	return err
}

func (m *mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	return step(m, func() (*http.Response, error) { return m.RoundTripper.RoundTrip(r) })
}
