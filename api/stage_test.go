package api_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/api/apitest"
	"github.com/motionmill/motionmill/job"
)

// stage is an API over stand-ins, served at an address of its own.
type stage struct {
	api    *api.API
	url    string
	ledger *apitest.Ledger
	queue  *apitest.Queue
	dead   *apitest.DeadLetters
	store  *apitest.Store
	notes  *apitest.Notes
}

func newStage(t *testing.T, change ...func(*api.Config)) *stage {
	t.Helper()
	s := newStageInBubble(t, change...)
	server := httptest.NewServer(s.api.Handler())
	t.Cleanup(func() {
		s.api.Close()
		server.Close()
	})
	s.url = server.URL
	return s
}

// answer is what came back, decoded.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
}

// call sends body as JSON, unless it is a string, which goes as it is.
func (s *stage) call(t *testing.T, method, path string, body any, headers ...string) answer {
	t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		reader = strings.NewReader(string(data))
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		} else {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			t.Fatalf("%s %s answered %q: %v", method, path, raw, err)
		}
	}
	return a
}

// wantProblem checks that a is the problem of a stable type and status.
func wantProblem(t *testing.T, a answer, status int, name string) {
	t.Helper()
	if a.status != status || a.body["type"] != "urn:motionmill:problem:"+name {
		t.Errorf("got %d %s, want %d of type %s", a.status, a.raw, status, name)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type is %q", got)
	}
	if a.body["status"] != float64(status) || a.body["title"] == "" || a.body["detail"] == "" || a.body["detail"] == nil {
		t.Errorf("the problem lacks status, title or detail: %s", a.raw)
	}
	for _, secret := range []string{"goroutine", ".go:", "secret"} {
		if strings.Contains(a.raw, secret) {
			t.Errorf("the problem tells of the inside (%q): %s", secret, a.raw)
		}
	}
}

func loggerTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

func wantStatus(t *testing.T, a answer, status int) {
	t.Helper()
	if a.status != status {
		t.Fatalf("got %d %s, want %d", a.status, a.raw, status)
	}
}

// send uploads body to what an Upload answer says, with its headers.
func (s *stage) send(t *testing.T, rawURL string, body string, headers map[string]any) int {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(http.MethodPut, u.RequestURI(), strings.NewReader(body))
	for name, value := range headers {
		req.Header.Set(name, value.(string))
	}
	w := httptest.NewRecorder()
	s.store.ServeHTTP(w, req)
	return w.Code
}

var created = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func record(id string, state job.State) job.Record {
	return job.Record{
		ID: id, Profile: "trainer", State: state, Fence: 3, Attempt: 2, CreatedAt: created, UpdatedAt: created,
		Source: job.Source{Bucket: "up", Key: "uploads/0/Kniebeuge seitlich.mp4", ETag: "e", Bytes: 1000},
	}
}

// newStageInBubble is a stage without a server, for tests of fake time, in
// which real connections do not work.
func newStageInBubble(t *testing.T, change ...func(*api.Config)) *stage {
	t.Helper()
	s := &stage{
		ledger: apitest.NewLedger(), queue: &apitest.Queue{}, dead: &apitest.DeadLetters{}, store: apitest.NewStore("http://store.test"), notes: apitest.NewNotes(),
	}
	cfg := api.Config{
		Ledger: s.ledger, Queue: s.queue, DeadLetters: s.dead, Signer: s.store, Objects: s.store, Multipart: s.store, Intake: s.store, Notes: s.notes,
		UploadsBucket: "up", OutputsBucket: "out",
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	if s.api, err = api.New(cfg); err != nil {
		t.Fatal(err)
	}
	return s
}

// do makes a request without a connection.
func (s *stage) do(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	return s.doIn(t.Context(), t, method, path, body, headers...)
}

func (s *stage) doIn(ctx context.Context, t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	req := httptest.NewRequestWithContext(ctx, method, "http://localhost"+path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, req)
	a := answer{status: w.Code, header: w.Header(), raw: w.Body.String()}
	if strings.Contains(w.Header().Get("Content-Type"), "json") && w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &a.body); err != nil {
			t.Fatalf("%s %s answered %q: %v", method, path, a.raw, err)
		}
	}
	return a
}
