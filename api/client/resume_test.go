package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/api/client"
	"github.com/motionmill/motionmill/job"
)

// resumable is a stage whose uploads are in parts of 5 MiB, and a function that
// opens a client as if the program had been started anew.
// Each client marks its requests with a number.
func resumable(t *testing.T) (*stage, func() *client.Client) {
	t.Helper()
	s := newStage(t, func(c *api.Config) { c.MultipartAbove, c.PartBytes = 1, 5<<20 })
	dir := filepath.Join(t.TempDir(), "notes")
	starts := 0
	return s, func() *client.Client {
		starts++
		marked := &http.Client{Transport: marking(fmt.Sprint(starts))}
		c, err := client.New(client.Config{URL: s.url, Pause: time.Millisecond, ResumeDir: dir, HTTP: marked})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// marking is a transport that sends a mark with every request.
type marking string

func (m marking) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Start", string(m))
	return http.DefaultTransport.RoundTrip(r)
}

func TestAClosedLaptopGoesOnWithItsUpload(t *testing.T) {
	s, start := resumable(t)
	body := bytes.Repeat([]byte("0123456789abcdef"), 27<<20/16) // six parts
	path := writeFile(t, "squat.mp4", body)
	ctx, closeLaptop := context.WithCancel(t.Context())
	var sent, later atomic.Int32
	var stopped atomic.Bool
	s.store.Refuse = func(r *http.Request) int {
		if r.Header.Get("X-Start") == "2" {
			later.Add(1)
		}
		if r.Method == http.MethodPut && !stopped.Load() && sent.Add(1) > 3 {
			for poll := time.NewTicker(time.Millisecond); s.store.Parts() < 2; {
				<-poll.C // The lid is closed when something has arrived.
			}
			stopped.Store(true)
			closeLaptop()
			return http.StatusServiceUnavailable
		}
		return 0
	}
	_, err := start().UploadFile(ctx, path, "", nil)
	var broken *client.Broken
	if !errors.As(err, &broken) || s.store.Uploads() != 1 || !errors.Is(err, context.Canceled) {
		t.Fatalf("it ended with %v, %d uploads are kept", err, s.store.Uploads())
	}
	arrived := s.store.Parts()
	if arrived == 0 || arrived > 4 {
		t.Fatalf("%d parts had arrived", arrived)
	}

	var m meter
	up, err := start().UploadFile(t.Context(), path, "", m.tell)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := s.store.Body("up", up.Key); !bytes.Equal(got, body) {
		t.Errorf("the object has %d bytes of %d", len(got), len(body))
	}
	if m.last != [2]int64{int64(len(body)), int64(len(body))} {
		t.Errorf("the last progress is %v", m.last)
	}
	if s.store.Uploads() != 0 {
		t.Errorf("%d uploads are left", s.store.Uploads())
	}
	if n := int(later.Load()); n > 6-arrived { // Less when one had arrived whose answer was lost.
		t.Errorf("%d parts of six were sent later, and %d had arrived", n, arrived)
	}
}

func TestAFileThatWasChangedIsSentAnew(t *testing.T) {
	s, start := resumable(t)
	path := writeFile(t, "squat.mp4", bytes.Repeat([]byte("a"), 11<<20))
	var down, mended atomic.Bool
	s.store.Refuse = func(*http.Request) int {
		if down.Swap(true) && !mended.Load() {
			return http.StatusServiceUnavailable
		}
		return 0
	}
	var broken *client.Broken
	if _, err := start().UploadFile(t.Context(), path, "", nil); !errors.As(err, &broken) {
		t.Fatalf("it ended with %v", err)
	}
	mended.Store(true)
	// Edited within the same second and to the same length: only the content tells.
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("b"), 11<<20)
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	up, err := start().UploadFile(t.Context(), path, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := s.store.Body("up", up.Key); !bytes.Equal(got, body) {
		t.Errorf("the object is not the file as it is: %.3q…", got)
	}
}

func TestAnUploadThatIsGoneIsBegunAnew(t *testing.T) {
	s, start := resumable(t)
	path := writeFile(t, "squat.mp4", bytes.Repeat([]byte("a"), 6<<20))
	var mended atomic.Bool
	s.store.Refuse = func(*http.Request) int {
		if mended.Load() {
			return 0
		}
		return http.StatusServiceUnavailable
	}
	var broken *client.Broken
	first, err := start().UploadFile(t.Context(), path, "", nil)
	if !errors.As(err, &broken) {
		t.Fatalf("it ended with %v", err)
	}
	mended.Store(true)
	if err := start().AbortUpload(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	up, err := start().UploadFile(t.Context(), path, "", nil)
	if err != nil || up.Key == first.Key {
		t.Errorf("it was sent to %s, %v", up.Key, err)
	}
}

func TestNotesOfUploadsHoldNoURLs(t *testing.T) {
	s := newStage(t, func(c *api.Config) { c.MultipartAbove = 1 })
	dir := t.TempDir()
	c, err := client.New(client.Config{URL: s.url, Pause: time.Millisecond, ResumeDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	s.store.Refuse = func(*http.Request) int { return http.StatusServiceUnavailable }
	if _, err := c.UploadFile(t.Context(), writeFile(t, "a.mp4", []byte("video")), "", nil); err == nil {
		t.Fatal("it went well")
	}
	notes, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(notes) != 1 {
		t.Fatalf("there are notes %v, %v", notes, err)
	}
	text, err := os.ReadFile(notes[0])
	info, statErr := os.Stat(notes[0])
	if err = errors.Join(err, statErr); err != nil || strings.Contains(string(text), "X-Amz-Signature") || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %s %v", info.Mode(), text, err)
	}
}

func TestImports(t *testing.T) {
	s := newStage(t, func(c *api.Config) { c.ImportNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} })
	from := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gone" {
			w.WriteHeader(http.StatusGone)
		}
		_, _ = io.WriteString(w, "video")
	}))
	t.Cleanup(from.Close)
	started, err := s.CreateImport(t.Context(), client.NewImport{URL: from.URL + "/a.mp4"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.WaitImport(t.Context(), started.ID, nil); err != nil {
		t.Error(err)
	}
	if body, _ := s.store.Body("up", started.Key); string(body) != "video" {
		t.Errorf("the object is %q", body)
	}
	if started, err = s.CreateImport(t.Context(), client.NewImport{URL: from.URL + "/gone"}); err != nil {
		t.Fatal(err)
	}
	if err := s.WaitImport(t.Context(), started.ID, nil); err == nil || !strings.Contains(err.Error(), "source_gone") {
		t.Errorf("the import ended with %v", err)
	}
}

func TestTheTokenIsForTheAPIAlone(t *testing.T) {
	s := newStage(t)
	var mu sync.Mutex
	seen := map[string][]string{}
	s.seen = func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen["api"] = append(seen["api"], r.Header.Get("Authorization"))
	}
	s.store.Refuse = func(r *http.Request) int {
		mu.Lock()
		defer mu.Unlock()
		seen["store"] = append(seen["store"], r.Header.Get("Authorization"))
		return 0
	}
	c, err := client.New(client.Config{URL: s.url, Token: func(context.Context) (string, error) { return "t0ken", nil }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.UploadFile(t.Context(), writeFile(t, "a.mp4", []byte("video")), "", nil); err != nil {
		t.Fatal(err)
	}
	rec := record("j1", job.Succeeded)
	rec.Manifest = "outputs/j1/3/manifest.json"
	s.ledger.Set(rec)
	s.store.Put("out", rec.Manifest, "application/json", []byte(`{"outputs":[]}`))
	body, err := c.File(t.Context(), "j1", "manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	_ = body.Close()
	if want := []string{"", ""}; !slices.Equal(seen["store"], want) {
		t.Errorf("the store was sent %q", seen["store"])
	}
	if slices.ContainsFunc(seen["api"], func(h string) bool { return h != "Bearer t0ken" }) || len(seen["api"]) < 2 {
		t.Errorf("the API was sent %q", seen["api"])
	}
}

// Every call of the description is made by a method of the client, and the
// client makes no other.
func TestTheClientCoversTheDescription(t *testing.T) {
	s := newStage(t)
	var mu sync.Mutex
	made := map[string]bool{}
	ctx := t.Context()
	described := describedCalls(t, s)
	answer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		made[r.Method+" "+r.URL.Path] = true
		mu.Unlock()
		if strings.HasSuffix(r.URL.Path, "/events") {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "event: job\ndata: {\"id\":\"I\",\"state\":\"dead\"}\n\n")
			return
		}
		for _, call := range described {
			if call.pattern.MatchString(r.Method + " " + r.URL.Path) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(call.status)
			}
		}
		_, _ = io.WriteString(w, `{"state":"dead"}`)
	}))
	t.Cleanup(answer.Close)
	c, err := client.New(client.Config{URL: answer.URL, Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	up := client.Upload{ID: "I", CompleteURL: "/v1/uploads/I/complete?upload=u", AbortURL: "/v1/uploads/I/abort?upload=u", PartsURL: "/v1/uploads/I/parts?upload=u"}
	calls := map[string]func() error{
		"create-upload":   func() error { _, err := c.CreateUpload(ctx, client.NewUpload{}); return err },
		"get-upload":      func() error { _, err := c.UploadState(ctx, "I"); return err },
		"complete-upload": func() error { _, err := c.CompleteUpload(ctx, up, nil); return err },
		"abort-upload":    func() error { return c.AbortUpload(ctx, up) },
		"sign-parts":      func() error { _, err := c.SignParts(ctx, up, nil); return err },
		"list-parts":      func() error { _, err := c.ListParts(ctx, up); return err },
		"pre-signed-url":  func() error { _, err := c.PresignedURL(ctx, "a"); return err },
		"create-import":   func() error { _, err := c.CreateImport(ctx, client.NewImport{}); return err },
		"get-import":      func() error { _, err := c.Import(ctx, "I"); return err },
		"list-jobs": func() error {
			for _, err := range c.Jobs(ctx, client.Filter{}) {
				return err
			}
			return nil
		},
		"get-job":            func() error { _, err := c.Job(ctx, "I"); return err },
		"cancel-job":         func() error { _, err := c.Cancel(ctx, "I"); return err },
		"retry-job":          func() error { _, err := c.Retry(ctx, "I"); return err },
		"redrive":            func() error { _, err := c.RedriveAll(ctx); return err },
		"list-unreadable":    func() error { _, err := c.Unreadable(ctx); return err },
		"discard-unreadable": func() error { _, err := c.Discard(ctx, "m"); return err },
		"job-events":         func() error { _, err := c.Watch(ctx, "I", nil); return err },
		"get-file": func() error {
			body, err := c.File(ctx, "I", "a/b")
			if err == nil {
				_ = body.Close()
			}
			return err
		},
		"get-stage": func() error { _, err := c.Stage(ctx); return err },
		"healthz":   func() error { return c.Healthy(ctx) },
	}
	for name, call := range map[string]func() error{
		"login":     func() error { _, err := c.Login(ctx, "ada", "x"); return err },
		"refresh":   func() error { _, err := c.Refresh(ctx, "r"); return err },
		"logout":    func() error { return c.Logout(ctx, "r") },
		"who-am-i":  func() error { _, err := c.WhoAmI(ctx); return err },
		"redeliver": func() error { return c.Redeliver(ctx, "I") },
		"list-deliveries": func() error {
			for _, err := range c.Deliveries(ctx, "") {
				return err
			}
			return nil
		},
		"share-job":   func() error { _, err := c.Share(ctx, "I", time.Hour); return err },
		"list-shares": func() error { _, err := c.Shares(ctx, "I"); return err },
		"unshare-job": func() error { return c.Unshare(ctx, "I", "ABCDEFGHIJKLMNOPQRSTUVWXYZ") },
		"play-job":    func() error { _, err := c.Play(ctx, "I"); return err },
	} {
		calls[name] = call
	}
	left := maps.Clone(described)
	for name, call := range calls {
		mu.Lock()
		clear(made)
		mu.Unlock()
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		want, known := described[name]
		if !known {
			t.Errorf("%s is in no description", name)
		} else if !slices.ContainsFunc(slices.Collect(keysOf(made)), want.pattern.MatchString) {
			t.Errorf("%s made the calls %v, not %v", name, made, want.pattern)
		}
		delete(left, name)
	}
	for name := range left {
		t.Errorf("no method of the client makes the call %s", name)
	}
}

func keysOf(m map[string]bool) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// describedCall is what a call is recognised by, and the status of its answer.
type describedCall struct {
	pattern *regexp.Regexp // of method and path
	status  int
}

// describedCalls gives each operation of the OpenAPI document by its id.
func describedCalls(t *testing.T, s *stage) map[string]describedCall {
	t.Helper()
	found := map[string]describedCall{}
	for route, item := range s.api.Paths() {
		value := reflect.ValueOf(item).Elem()
		for _, method := range []string{"Get", "Post", "Put", "Delete", "Patch"} {
			op := value.FieldByName(method)
			if op.IsNil() {
				continue
			}
			route := regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(route), "[^/]+")
			call := describedCall{pattern: regexp.MustCompile(fmt.Sprintf("^%s %s$", strings.ToUpper(method), strings.Replace(route, "files/[^/]+", "files/.+", 1)))}
			for _, status := range op.Elem().FieldByName("Responses").MapKeys() {
				if code, err := strconv.Atoi(status.String()); err == nil && code < 300 {
					call.status = code
				}
			}
			found[op.Elem().FieldByName("OperationID").String()] = call
		}
	}
	return found
}
