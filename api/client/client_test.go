package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/api/apitest"
	"github.com/motionmill/motionmill/api/client"
	"github.com/motionmill/motionmill/api/client/wire"
	"github.com/motionmill/motionmill/job"
)

// stage is the real API over stand-ins, its object store on a server of its
// own, and a client of it.
type stage struct {
	*client.Client
	ledger *apitest.Ledger
	queue  *apitest.Queue
	dead   *apitest.DeadLetters
	store  *apitest.Store
	api    *api.API
	url    string
	// seen, when set, is shown every request to the API.
	seen func(*http.Request)
	// down, while true, has every request to the API dropped.
	down atomic.Bool
}

func newStage(t *testing.T, change ...func(*api.Config)) *stage {
	t.Helper()
	s := &stage{ledger: apitest.NewLedger(), queue: &apitest.Queue{}, dead: &apitest.DeadLetters{}, store: apitest.NewStore("")}
	objects := httptest.NewServer(s.store)
	t.Cleanup(objects.Close)
	s.store.SetBase(objects.URL)
	cfg := api.Config{
		Ledger: s.ledger, Queue: s.queue, DeadLetters: s.dead, Signer: s.store, Objects: s.store, Multipart: s.store, Intake: s.store, Notes: apitest.NewNotes(),
		UploadsBucket: "up", OutputsBucket: "out",
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	if s.api, err = api.New(cfg); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.down.Load() {
			panic(http.ErrAbortHandler)
		}
		if s.seen != nil {
			s.seen(r)
		}
		s.api.ServeHTTP(w, r)
	}))
	s.url = server.URL
	t.Cleanup(func() {
		s.api.Close()
		server.Close()
	})
	if s.Client, err = client.New(client.Config{URL: server.URL, Pause: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	return s
}

func writeFile(t *testing.T, name string, body []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// meter keeps what a progress function was told.
type meter struct {
	mu   sync.Mutex
	last [2]int64
}

func (m *meter) tell(done, total int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = [2]int64{done, total}
}

func TestUploadAndWaitForItsJob(t *testing.T) {
	s := newStage(t)
	s.store.OnObject = func(bucket, key, _ string, _ int64) {
		s.ledger.SetHighWater(bucket, key, job.HighWater{Job: "j1"})
	}
	var m meter
	up, err := s.UploadFile(t.Context(), writeFile(t, "Knie beuge.mov", []byte("video")), "pose", m.tell)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := s.store.Body("up", up.Key); string(body) != "video" || !strings.HasSuffix(up.Key, "/Knie beuge.mov") || !strings.Contains(up.Key, "profile=pose") {
		t.Errorf("%s has %q", up.Key, body)
	}
	if m.last != [2]int64{5, 5} {
		t.Errorf("the last progress is %v", m.last)
	}
	if id, err := s.WaitUpload(t.Context(), up.ID); err != nil || id != "j1" {
		t.Errorf("the job is %q, %v", id, err)
	}
}

func TestUploadOutlivesFailures(t *testing.T) {
	s := newStage(t)
	var tries atomic.Int32
	s.store.Refuse = func(*http.Request) int {
		if tries.Add(1) < 3 {
			return 503
		}
		return 0
	}
	var m meter
	up, err := s.UploadFile(t.Context(), writeFile(t, "a.mp4", []byte("video")), "", m.tell)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := s.store.Body("up", up.Key); string(body) != "video" || m.last != [2]int64{5, 5} {
		t.Errorf("the object is %q, the progress %v", body, m.last)
	}
}

func TestUploadWhoseAnswerWasLost(t *testing.T) {
	s := newStage(t)
	var tries atomic.Int32
	s.store.OnObject = func(string, string, string, int64) {
		if tries.Add(1) == 1 {
			panic(http.ErrAbortHandler) // after the object is there, before the answer
		}
	}
	up, err := s.UploadFile(t.Context(), writeFile(t, "a.mp4", []byte("video")), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := s.store.Body("up", up.Key); string(body) != "video" {
		t.Errorf("the object is %q", body)
	}
}

func TestUploadInParts(t *testing.T) {
	s := newStage(t, func(c *api.Config) { c.MultipartAbove, c.PartBytes = 1<<20, 5<<20 })
	whole := bytes.Repeat([]byte("0123456789abcdef"), 12<<16) // 12 MiB: parts of 5, 5 and 2
	failed := map[string]bool{}
	var mu sync.Mutex
	s.store.Refuse = func(r *http.Request) int { // every part fails once
		mu.Lock()
		defer mu.Unlock()
		if failed[r.URL.RawQuery] {
			return 0
		}
		failed[r.URL.RawQuery] = true
		return 500
	}
	var m meter
	up, err := s.UploadFile(t.Context(), writeFile(t, "a.mp4", whole), "", m.tell)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := s.store.Body("up", up.Key); !bytes.Equal(body, whole) || len(up.Parts) != 3 {
		t.Errorf("the object has %d bytes of %d, in %d parts", len(body), len(whole), len(up.Parts))
	}
	if want := int64(len(whole)); m.last != [2]int64{want, want} {
		t.Errorf("the last progress is %v", m.last)
	}
}

// shortLived says of every part's URL that it is about to expire.
type shortLived struct {
	*apitest.Store
	signed atomic.Int32
}

func (s *shortLived) PresignPart(ctx context.Context, part api.PartRequest) (api.Signed, error) {
	s.signed.Add(1)
	signed, err := s.Store.PresignPart(ctx, part)
	signed.ExpiresAt = time.Now().Add(5 * time.Second)
	return signed, err
}

func TestUploadInPartsHasOldURLsSignedAnew(t *testing.T) {
	var signer *shortLived
	s := newStage(t, func(c *api.Config) {
		c.MultipartAbove, c.PartBytes = 1<<20, 5<<20
		signer = &shortLived{Store: c.Signer.(*apitest.Store)}
		c.Signer = signer
	})
	up, err := s.UploadFile(t.Context(), writeFile(t, "a.mp4", make([]byte, 6<<20)), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := s.store.Body("up", up.Key); len(body) != 6<<20 || signer.signed.Load() < 4 {
		t.Errorf("the object has %d bytes, %d URLs were signed", len(body), signer.signed.Load())
	}
}

func TestUploadInPartsThatFailsIsThrownAway(t *testing.T) {
	s := newStage(t, func(c *api.Config) { c.MultipartAbove, c.PartBytes = 1<<20, 5<<20 })
	s.store.Refuse = func(*http.Request) int { return 500 }
	_, err := s.UploadFile(t.Context(), writeFile(t, "a.mp4", make([]byte, 6<<20)), "", nil)
	if err == nil || !strings.Contains(err.Error(), "500") {
		t.Errorf("error is %v", err)
	}
	if n := s.store.Uploads(); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
}

func TestUploadRefusals(t *testing.T) {
	s := newStage(t, func(c *api.Config) { c.MaxBytes = 3 })
	_, err := s.UploadFile(t.Context(), writeFile(t, "a.mp4", []byte("video")), "", nil)
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 413 || p.Type != client.ProblemPrefix+"too-large" || !strings.Contains(err.Error(), "at most 3") {
		t.Errorf("error is %v", err)
	}
	for path, want := range map[string]string{
		writeFile(t, "a.mp4", nil):             "empty",
		t.TempDir():                            "not a file",
		filepath.Join(t.TempDir(), "none.mp4"): "no such file",
	} {
		if _, err := s.UploadFile(t.Context(), path, "", nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
	_, err = s.UploadFile(t.Context(), writeFile(t, "a.mp4", []byte("v")), "nope", nil)
	if !errors.As(err, &p) || p.Status != 422 || !strings.Contains(err.Error(), "silhouette") {
		t.Errorf("error is %v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c, err := client.New(client.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Job(t.Context(), "j1")
	var u *client.Unreachable
	if !errors.As(err, &u) || !strings.Contains(err.Error(), server.URL) || !strings.Contains(err.Error(), "motionmill local") {
		t.Errorf("error is %v", err)
	}
	for _, bad := range []string{"localhost:8080", "ftp://x", "http://", "::"} {
		if _, err := client.New(client.Config{URL: bad}); err == nil {
			t.Errorf("%q was taken as an address", bad)
		}
	}
}

// Whoever is stopped while the API has trouble was stopped, and did not fail.
func TestStoppedAtTheMomentOfATrouble(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	busy := transport(func(*http.Request) (*http.Response, error) {
		stop()
		return &http.Response{Status: "503 Busy", StatusCode: http.StatusServiceUnavailable, Body: http.NoBody}, nil
	})
	c, err := client.New(client.Config{URL: "http://127.0.0.1:1", Pause: time.Hour, HTTP: &http.Client{Transport: busy}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Cancel(ctx, "j1"); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "503") {
		t.Errorf("it ended with %v", err)
	}
}

// transport is a function that answers in a server's place.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAnswersThatAreNotFromTheAPI(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway page", http.StatusBadGateway) }))
	defer server.Close()
	c, _ := client.New(client.Config{URL: server.URL})
	_, err := c.Job(t.Context(), "j1")
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 502 || !strings.Contains(err.Error(), "bad gateway page") {
		t.Errorf("error is %v", err)
	}
}

// A page that asks for a sign-in, as networks of hotels have, is no answer.
func TestAnswersThatAreNotAsDescribed(t *testing.T) {
	for _, body := range []string{"<html>Welcome</html>", `{"jobs":`} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if body[0] == '{' {
				w.Header().Set("Content-Type", "application/json")
			}
			_, _ = io.WriteString(w, body)
		}))
		defer server.Close()
		c, _ := client.New(client.Config{URL: server.URL, Tries: 1})
		for _, err := range c.Jobs(t.Context(), client.Filter{}) {
			if err == nil || !strings.HasPrefix(err.Error(), "list the jobs: ") {
				t.Errorf("%s: error is %v", body, err)
			}
		}
		if up, err := c.CreateUpload(t.Context(), client.NewUpload{Name: "a.mp4"}); err == nil || !strings.Contains(err.Error(), "a.mp4: ") {
			t.Errorf("%s: upload %v, error is %v", body, up, err)
		}
	}
}

func record(id string, state job.State) job.Record {
	return job.Record{ID: id, Profile: "trainer", State: state, Fence: 1, Attempt: 1, Source: job.Source{Bucket: "up", Key: "uploads/a.mp4"}}
}

func TestJobs(t *testing.T) {
	s := newStage(t)
	for i := range 7 {
		rec := record(fmt.Sprintf("j%d", i), job.Dead)
		if i == 3 {
			rec.State = job.Running
		}
		s.ledger.Set(rec)
	}
	var got []string
	for j, err := range s.Jobs(t.Context(), client.Filter{States: []client.JobState{wire.JobStateDead, wire.JobStateQueued}, Page: 2, Profile: "trainer"}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, j.ID)
	}
	slices.Sort(got)
	if want := []string{"j0", "j1", "j2", "j4", "j5", "j6"}; !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	if j, err := s.Cancel(t.Context(), "j3"); err != nil || j.State != "cancelled" {
		t.Errorf("cancel gave %s, %v", j.State, err)
	}
	if _, err := s.Retry(t.Context(), "j3"); err != nil {
		t.Error(err)
	}
	if n, err := s.RedriveAll(t.Context()); err != nil || n != 6 {
		t.Errorf("redrive of all gave %d, %v", n, err)
	}
	if n, err := s.Redrive(t.Context(), "j0", "j3"); err != nil || n != 2 {
		t.Errorf("redrive gave %d, %v", n, err)
	}
	for _, err := range s.Jobs(t.Context(), client.Filter{Page: 1000}) {
		var p *client.Problem
		if !errors.As(err, &p) || p.Status != 422 {
			t.Errorf("error is %v", err)
		}
	}
}

func TestWatchThroughACut(t *testing.T) {
	s := newStage(t)
	s.ledger.Set(record("j1", job.Queued))
	var seen []client.JobState
	final, err := s.Watch(t.Context(), "j1", func(j client.Job) {
		if len(seen) == 0 || seen[len(seen)-1] != j.State {
			seen = append(seen, j.State)
			switch j.State {
			case "queued":
				s.ledger.Set(record("j1", job.Running))
			case "running":
				s.api.Close() // every stream ends; asking is what is left
				s.ledger.Set(record("j1", job.Cancelled))
			}
		}
	})
	if err != nil || final.State != "cancelled" || !slices.Equal(seen, []client.JobState{"queued", "running", "cancelled"}) {
		t.Errorf("saw %v, ended with %s, %v", seen, final.State, err)
	}
}

func TestWatchGivesUp(t *testing.T) {
	s := newStage(t)
	_, err := s.Watch(t.Context(), "none", nil)
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 404 {
		t.Errorf("error is %v", err)
	}
	s.ledger.Set(record("j1", job.Running))
	ctx, cancel := context.WithCancel(t.Context())
	_, err = s.Watch(ctx, "j1", func(client.Job) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}
