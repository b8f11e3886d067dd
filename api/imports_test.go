package api_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
)

// openImports lets imports fetch from 127.0.0.1, which stands for the internet.
func openImports(c *api.Config) {
	c.ImportNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
}

func media(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// importOf asks for an import and waits until it is over.
func (s *stage) importOf(t *testing.T, body map[string]any) (answer, answer) {
	t.Helper()
	asked := s.call(t, "POST", "/v1/imports", body)
	wantStatus(t, asked, 202)
	return asked, s.settled(t, asked.body["id"].(string))
}

func (s *stage) settled(t *testing.T, id string) answer {
	t.Helper()
	for pause := time.NewTicker(5 * time.Millisecond); ; <-pause.C {
		a := s.call(t, "GET", "/v1/imports/"+id, nil)
		wantStatus(t, a, 200)
		if state := a.body["state"]; state == api.ImportReceived || state == api.ImportFailed {
			return a
		}
	}
}

func TestImportOfAVideo(t *testing.T) {
	s := newStage(t, openImports, func(c *api.Config) { c.Tracer = &diary{} })
	var seen http.Header
	from := media(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header
		w.Header().Set("Content-Type", "video/mp4")
		_, _ = io.WriteString(w, "video")
	})
	asked, done := s.importOf(t, map[string]any{
		"url": from + "/rec/Squat%20side.mp4?access_token=secret#t=3", "profile": "pose", "metadata": map[string]string{"athlete": "7"},
	})
	key := asked.body["key"].(string)
	if !strings.HasPrefix(key, "uploads/profile=pose/") || !strings.HasSuffix(key, "/Squat side.mp4") || strings.Contains(asked.raw, "secret") {
		t.Errorf("answered %s", asked.raw)
	}
	if done.body["state"] != "received" || done.body["job"] != nil {
		t.Errorf("ended as %s", done.raw)
	}
	if body, _ := s.store.Body("up", key); string(body) != "video" {
		t.Errorf("the object is %q", body)
	}
	if got := s.store.Metadata("up", key); got["athlete"] != "7" || got["motionmill-request"] != asked.header.Get("X-Request-Id") ||
		got["motionmill-trace"] != "parent of POST /v1/imports" {
		t.Errorf("its metadata is %v", got)
	}
	if seen.Get("Cookie")+seen.Get("Authorization")+seen.Get("Referer") != "" {
		t.Errorf("the server was sent %v", seen)
	}
	s.ledger.SetHighWater("up", key, job.HighWater{Job: "j1"})
	id := asked.body["id"].(string)
	if a := s.call(t, "GET", "/v1/imports/"+id, nil); a.body["job"] != "j1" {
		t.Errorf("after the claim it is %s", a.raw)
	}
	if a := s.call(t, "GET", "/v1/uploads/"+id, nil); a.body["job"] != "j1" || a.body["state"] != "received" {
		t.Errorf("as an upload it is %s", a.raw)
	}
	if left, _ := s.notes.ListNotes(t.Context(), ""); len(left) != 0 {
		t.Errorf("notes are left: %q", left)
	}
}

func TestImportOfAMeetingRecording(t *testing.T) {
	s := newStage(t, openImports)
	var behind string
	var second http.Header
	cdn := media(t, func(w http.ResponseWriter, r *http.Request) {
		second = r.Header
		_, _ = io.WriteString(w, "recording")
	})
	from := media(t, func(w http.ResponseWriter, r *http.Request) {
		behind = r.Header.Get("Authorization")
		// Another host by its name: "localhost" leads to the same address.
		http.Redirect(w, r, strings.Replace(cdn, "127.0.0.1", "localhost", 1)+"/file.mp4", http.StatusFound)
	})
	asked, done := s.importOf(t, map[string]any{"url": from + "/rec/download/abc", "authorization": "Bearer download-token", "name": "meeting.mp4"})
	if done.body["state"] != "received" {
		t.Fatalf("ended as %s", done.raw)
	}
	if behind != "Bearer download-token" || second.Get("Authorization") != "" {
		t.Errorf("the server was sent %q, the one that it redirects to %q", behind, second.Get("Authorization"))
	}
	if !strings.HasSuffix(asked.body["key"].(string), "/meeting.mp4") {
		t.Errorf("the key is %v", asked.body["key"])
	}
}

func TestImportsThatCannotBe(t *testing.T) {
	s := newStage(t)
	for name, c := range map[string]struct {
		body map[string]any
		kind string
	}{
		"loopback":     {map[string]any{"url": "http://127.0.0.1/a.mp4"}, "address-not-public"},
		"a number":     {map[string]any{"url": "http://2130706433/a.mp4"}, "address-not-public"},
		"metadata":     {map[string]any{"url": "http://169.254.169.254/latest/meta-data"}, "address-not-public"},
		"file":         {map[string]any{"url": "file:///etc/passwd"}, "address-not-public"},
		"user":         {map[string]any{"url": "https://me:open-sesame@media.example.com/a.mp4"}, "address-not-public"},
		"unreadable":   {map[string]any{"url": "http://%zz"}, "invalid"},
		"no url":       {map[string]any{"name": "a"}, "invalid"},
		"header split": {map[string]any{"url": "https://media.example.com/a.mp4", "authorization": "x\r\nHost: y"}, "invalid"},
		"no profile":   {map[string]any{"url": "https://media.example.com/a.mp4", "profile": "all"}, "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.call(t, "POST", "/v1/imports", c.body)
			wantProblem(t, a, 422, c.kind)
			if strings.Contains(a.raw, "sesame") {
				t.Errorf("the answer has the password: %s", a.raw)
			}
		})
	}
	if a := s.call(t, "POST", "/v1/imports", map[string]any{"url": "media.example.com/a.mp4"}); !strings.Contains(a.raw, "from its https:// on") || strings.Contains(a.raw, "not a public") {
		t.Errorf("of a link without its beginning it is said: %s", a.raw)
	}
	wantProblem(t, s.call(t, "GET", "/v1/imports/x", nil), 404, "not-found")
	a := s.call(t, "POST", "/v1/uploads", map[string]any{"name": "a.mp4", "bytes": 1, "type": "video/mp4"})
	wantProblem(t, s.call(t, "GET", "/v1/imports/"+a.body["id"].(string), nil), 404, "not-found")
}

func TestImportsThatFail(t *testing.T) {
	s := newStage(t, openImports, func(c *api.Config) { c.MaxBytes, c.PartBytes = 1000, 5<<20 })
	from := media(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/page":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, "<html>")
		case "/large":
			w.Header().Set("Content-Length", "1001")
		case "/endless":
			for range 1001 {
				_, _ = io.WriteString(w, "x")
				w.(http.Flusher).Flush()
			}
		case "/empty":
		case "/inside":
			http.Redirect(w, r, "http://127.0.0.2/", http.StatusFound)
		case "/private":
			w.WriteHeader(http.StatusForbidden)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	for path, want := range map[string]struct{ kind, says string }{
		"/page": {"not_a_video", "web page"}, "/large": {"over_limit", "1001"}, "/endless": {"over_limit", "larger"}, "/empty": {"corrupt", "empty"},
		"/inside": {"unsupported", "not a public"}, "/private": {"source_gone", "403"}, "/gone": {"source_gone", "404"},
	} {
		t.Run(path, func(t *testing.T) {
			asked, done := s.importOf(t, map[string]any{"url": from + path})
			failure, _ := done.body["error"].(map[string]any)
			if done.body["state"] != "failed" || failure["kind"] != want.kind || !strings.Contains(fmt.Sprint(failure["message"]), want.says) {
				t.Errorf("%s ended as %s", path, done.raw)
			}
			if _, there := s.store.Body("up", asked.body["key"].(string)); there {
				t.Error("an object was stored")
			}
		})
	}
	if s.store.Uploads() != 0 {
		t.Errorf("%d uploads are left", s.store.Uploads())
	}
}

func TestImportOutlivesARestart(t *testing.T) {
	s := newStage(t, openImports)
	reached, served := make(chan bool, 4), make(chan bool)
	from := media(t, func(w http.ResponseWriter, r *http.Request) {
		reached <- true
		select {
		case <-served:
			_, _ = io.WriteString(w, "video")
		case <-r.Context().Done():
		}
	})
	asked := s.call(t, "POST", "/v1/imports", map[string]any{"url": from + "/a.mp4"})
	withSecret := s.call(t, "POST", "/v1/imports", map[string]any{"url": from + "/b.mp4", "authorization": "Bearer x"})
	wantStatus(t, asked, 202)
	<-reached
	<-reached
	s.api.Close() // as the server does when it is told to stop
	id := asked.body["id"].(string)
	if a := s.call(t, "GET", "/v1/imports/"+id, nil); a.body["state"] != "waiting" {
		t.Errorf("after the stop it is %s", a.raw)
	}

	close(served)
	next := newStage(t, openImports, func(c *api.Config) {
		c.Ledger, c.Signer, c.Objects, c.Multipart, c.Intake, c.Notes = s.ledger, s.store, s.store, s.store, s.store, s.notes
	})
	go next.api.Run(t.Context())
	if a := next.settled(t, id); a.body["state"] != "received" {
		t.Errorf("it ended as %s", a.raw)
	}
	if a := next.settled(t, withSecret.body["id"].(string)); a.body["state"] != "failed" || !strings.Contains(a.raw, "authorization") {
		t.Errorf("the one whose authorization nobody keeps ended as %s", a.raw)
	}
	for _, name := range must(s.notes.ListNotes(t.Context(), "")) {
		if text := must(s.notes.ReadNote(t.Context(), name)); strings.Contains(string(text), "Bearer") {
			t.Errorf("note %s has the authorization: %s", name, text)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestImportsWaitForAPlace(t *testing.T) {
	s := newStage(t, openImports, func(c *api.Config) { c.ImportsAtOnce = 2 })
	var now, most atomic.Int32
	from := media(t, func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		_, _ = io.WriteString(w, "video")
	})
	var ids []string
	for i := range 10 {
		a := s.call(t, "POST", "/v1/imports", map[string]any{"url": fmt.Sprintf("%s/%d.mp4", from, i)})
		wantStatus(t, a, 202)
		ids = append(ids, a.body["id"].(string))
	}
	for _, id := range ids {
		if a := s.settled(t, id); a.body["state"] != "received" {
			t.Errorf("ended as %s", a.raw)
		}
	}
	if most.Load() > 2 {
		t.Errorf("%d were fetched at a time", most.Load())
	}
}

// Servers that take their time hold up whoever named them, not the others.
func TestImportsOfOneOwnerDoNotHoldUpOthers(t *testing.T) {
	s := guarded(t, openImports)
	release := make(chan struct{})
	slow := media(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	quick := media(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "video") })
	ask := func(owner, url string) answer {
		return s.call(t, "POST", "/v1/imports", map[string]any{"url": url}, as(t, owner, "uploader")...)
	}
	for range 100 {
		wantStatus(t, ask("eve", slow+"/a.mp4"), 202)
	}
	wantProblem(t, ask("eve", slow+"/a.mp4"), 429, "quota")
	a, began := ask("anna", quick+"/a.mp4"), time.Now()
	wantStatus(t, a, 202)
	for pause := time.NewTicker(5 * time.Millisecond); ; <-pause.C {
		if time.Since(began) > 10*time.Second { // A slow server is given up after 15.
			t.Fatal("anna waits for eve's imports")
		}
		if a := s.call(t, "GET", "/v1/imports/"+a.body["id"].(string), nil, as(t, "anna", "viewer")...); a.body["state"] == api.ImportReceived {
			return
		}
	}
}

func TestImportWhenNotesCannotBeKept(t *testing.T) {
	s := newStage(t, openImports)
	s.notes.Fail(errors.New("dial tcp secret.internal: refused"))
	wantProblem(t, s.call(t, "POST", "/v1/imports", map[string]any{"url": "https://media.example.com/a.mp4"}), 503, "storage")
}

func TestSharedLinksLeadToTheFile(t *testing.T) {
	for shared, want := range map[string]string{
		"https://www.dropbox.com/scl/fi/x/a.mp4?rlkey=k&dl=0":          "https://www.dropbox.com/scl/fi/x/a.mp4?dl=1&rlkey=k",
		"https://drive.google.com/file/d/ID123/view?usp=sharing":       "https://drive.usercontent.google.com/download?confirm=t&export=download&id=ID123",
		"https://acme.sharepoint.com/:v:/s/team/Ec1?e=q":               "https://acme.sharepoint.com/:v:/s/team/Ec1?download=1&e=q",
		"https://zoom.us/rec/download/abc?access_token=t":              "https://zoom.us/rec/download/abc?access_token=t",
		"https://dropbox.com.evil.example/scl/fi/x/a.mp4?rlkey=k&dl=0": "https://dropbox.com.evil.example/scl/fi/x/a.mp4?rlkey=k&dl=0",
	} {
		if got := api.Direct(must(url.Parse(shared))).String(); got != want {
			t.Errorf("%s leads to %s, want %s", shared, got, want)
		}
	}
}

// slowBody sends a byte every ten seconds for two hours, or nothing after the first.
type slowBody struct {
	silent bool
	sent   int
	done   <-chan struct{}
}

func (b *slowBody) Read(p []byte) (int, error) {
	pause := 10 * time.Second
	if b.silent && b.sent > 0 {
		pause = 3 * time.Hour
	}
	select {
	case <-b.done:
		return 0, errors.New("cancelled")
	case <-time.After(pause):
	}
	if b.sent++; b.sent > 720 {
		return 0, io.EOF
	}
	p[0] = 'x'
	return 1, nil
}

func (b *slowBody) Close() error { return nil }

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestImportsThatTakeTooLong(t *testing.T) {
	for name, silent := range map[string]bool{"it dribbles for hours": false, "it falls silent": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStageInBubble(t)
				s.api.SetImportClient(&http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: 200, ContentLength: -1, Header: http.Header{}, Body: &slowBody{silent: silent, done: r.Context().Done()}}, nil
				})})
				begun := time.Now()
				id := s.do(t, "POST", "/v1/imports", `{"url":"https://media.example.com/a.mp4"}`).body["id"].(string)
				time.Sleep(3 * time.Hour)
				a := s.do(t, "GET", "/v1/imports/"+id, "")
				if a.body["state"] != "failed" || !strings.Contains(a.raw, `"kind":"timeout"`) {
					t.Errorf("after %v it is %s", time.Since(begun), a.raw)
				}
				s.api.Close()
			})
		})
	}
}
