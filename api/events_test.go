package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/api/apitest"
	"github.com/motionmill/motionmill/job"
)

// pipeWriter is a response that is read while it is written, in a bubble of
// fake time where real connections do not work.
type pipeWriter struct {
	header http.Header
	io.Writer
}

func (w *pipeWriter) Header() http.Header { return w.header }
func (w *pipeWriter) WriteHeader(int)     {}
func (w *pipeWriter) Flush()              {}

// listen opens the event stream of job j1 inside a bubble.
func listen(ctx context.Context, t *testing.T, ledger *apitest.Ledger) (lines *bufio.Scanner, a *api.API, ended chan struct{}) {
	t.Helper()
	store := apitest.NewStore("http://store.test")
	a, err := api.New(api.Config{
		Ledger: ledger, Queue: &apitest.Queue{}, DeadLetters: &apitest.DeadLetters{}, Signer: store, Objects: store, Multipart: store, Intake: store, Notes: apitest.NewNotes(),
		UploadsBucket: "up", OutputsBucket: "out",
	})
	if err != nil {
		t.Fatal(err)
	}
	reader, writer := io.Pipe()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/v1/jobs/j1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		a.ServeHTTP(&pipeWriter{header: http.Header{}, Writer: writer}, req)
		_ = writer.Close()
	}()
	return bufio.NewScanner(reader), a, ended
}

// next reads up to the next event or, when comments is set, comment.
func next(t *testing.T, lines *bufio.Scanner, comments bool) (data map[string]any, comment string) {
	t.Helper()
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, ":") && comments:
			return nil, line
		case strings.HasPrefix(line, "data: "):
			if err := json.Unmarshal([]byte(line[6:]), &data); err != nil {
				t.Fatal(err)
			}
			return data, ""
		}
	}
	return nil, ""
}

func TestEventsFollowTheJobToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := apitest.NewLedger()
		ledger.Set(record("j1", job.Queued))
		lines, _, ended := listen(t.Context(), t, ledger)
		begin := time.Now()
		if e, _ := next(t, lines, false); e["state"] != "queued" {
			t.Fatalf("first event is %v", e)
		}
		for _, state := range []job.State{job.Running, job.Failed, job.Queued, job.Running, job.Succeeded} {
			ledger.Set(record("j1", state))
			if e, _ := next(t, lines, false); e["state"] != string(state) {
				t.Fatalf("event is %v, want state %s", e, state)
			}
		}
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("five changes took %v to be told", took)
		}
		if e, _ := next(t, lines, false); e != nil {
			t.Errorf("an event after the end: %v", e)
		}
		<-ended
	})
}

func TestEventsBeatWhileNothingChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := apitest.NewLedger()
		ledger.Set(record("j1", job.Running))
		ctx, leave := context.WithCancel(t.Context())
		lines, _, ended := listen(ctx, t, ledger)
		if e, _ := next(t, lines, true); e["state"] != "running" {
			t.Fatalf("first event is %v", e)
		}
		begin := time.Now()
		if e, comment := next(t, lines, true); e != nil || comment == "" {
			t.Fatalf("got event %v, want a heartbeat", e)
		}
		if after := time.Since(begin); after != 15*time.Second {
			t.Errorf("the heart beat after %v", after)
		}
		leave() // the client goes, and its goroutine with it
		<-ended
	})
}

func TestEventsEndWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := apitest.NewLedger()
		ledger.Set(record("j1", job.Running))
		lines, a, ended := listen(t.Context(), t, ledger)
		next(t, lines, false)
		a.Close()
		a.Close()
		<-ended
	})
}

func TestEventsOutliveAShortOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := apitest.NewLedger()
		ledger.Set(record("j1", job.Running))
		lines, _, ended := listen(t.Context(), t, ledger)
		next(t, lines, false)
		ledger.Fail(errors.New("busy"))
		time.AfterFunc(2*time.Second, func() {
			ledger.Fail(nil)
			ledger.Set(record("j1", job.Dead))
		})
		if e, _ := next(t, lines, false); e["state"] != "dead" {
			t.Errorf("event is %v", e)
		}
		<-ended

		ledger.Set(record("j1", job.Running))
		lines, _, ended = listen(t.Context(), t, ledger)
		next(t, lines, false)
		ledger.Fail(errors.New("gone for good"))
		<-ended
	})
}

func TestEventsOverHTTP(t *testing.T) {
	s := newStage(t)
	s.ledger.Set(record("j1", job.Succeeded))
	a := s.call(t, "GET", "/v1/jobs/j1/events", nil)
	if a.header.Get("Content-Type") != "text/event-stream" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers are %v", a.header)
	}
	if !strings.Contains(a.raw, "event: job\ndata: {") || !strings.HasSuffix(a.raw, "}\n\n") {
		t.Errorf("the stream is %q", a.raw)
	}
}

func TestShutdownDoesNotWaitForListeners(t *testing.T) {
	s := newStage(t)
	s.ledger.Set(record("j1", job.Running))
	server := api.NewServer("127.0.0.1:0", s.api)
	listener := listenLocal(t)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	resp, err := http.Get("http://" + listener.Addr().String() + "/v1/jobs/j1/events") //nolint:noctx // closed by the server
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		t.Errorf("shut down: %v", err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("serve: %v", err)
	}
}

// A HEAD is answered at once, and is no listener for as long as the job runs.
func TestHeadOfAStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStageInBubble(t)
		s.ledger.Set(record("j1", job.Running))
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		a := s.doIn(ctx, t, "HEAD", "/v1/jobs/j1/events", "")
		if a.status != 200 || a.raw != "" || time.Since(began) > 0 {
			t.Errorf("it was answered %d with %q after %v", a.status, a.raw, time.Since(began))
		}
	})
}
