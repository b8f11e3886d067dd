package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/api"
)

var update = flag.Bool("update", false, "write the golden files anew")

func listenLocal(t *testing.T) net.Listener {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func TestHostsThatAreServed(t *testing.T) {
	for _, c := range []struct {
		hosts []string
		host  string
		want  int
	}{
		{nil, "localhost:8080", 200},
		{nil, "127.0.0.1", 200},
		{nil, "127.5.5.5:1", 200},
		{nil, "[::1]:8080", 200},
		{nil, "LOCALHOST.:80", 200},
		{nil, "evil.example", 403},
		{nil, "localhost.evil.example:8080", 403},
		{nil, "192.168.1.5:8080", 403},
		{[]string{"192.168.1.5"}, "192.168.1.5:8080", 200},
		{[]string{"mill.internal"}, "Mill.internal", 200},
		{[]string{"mill.internal"}, "other.internal", 403},
		{[]string{"0.0.0.0"}, "192.168.1.5:8080", 200},
		{[]string{"0.0.0.0"}, "evil.example", 403},
		{[]string{"*"}, "any.example", 200},
	} {
		s := newStage(t, func(cfg *api.Config) { cfg.Hosts = c.hosts })
		a := s.call(t, "GET", "/healthz", nil, "Host", c.host)
		if a.status != c.want {
			t.Errorf("host %s with %v allowed was answered %d, want %d", c.host, c.hosts, a.status, c.want)
		}
		if c.want == 403 {
			wantProblem(t, a, 403, "forbidden-origin")
		}
	}
}

func TestOtherOriginsCannotChangeAnything(t *testing.T) {
	s := newStage(t)
	for _, headers := range [][]string{
		{"Origin", "https://evil.example"},
		{"Origin", "null"},
		{"Origin", "http://127.0.0.1:1"},
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"},
	} {
		wantProblem(t, s.call(t, "POST", "/v1/redrive", map[string]any{"all": true}, headers...), 403, "forbidden-origin")
		wantStatus(t, s.call(t, "GET", "/v1/jobs", nil, headers...), 200)
	}
	for _, headers := range [][]string{{}, {"Origin", s.url}, {"Sec-Fetch-Site", "same-origin"}} {
		wantStatus(t, s.call(t, "POST", "/v1/redrive", map[string]any{"all": true}, headers...), 202)
	}
}

func TestPathsThatAreNotThere(t *testing.T) {
	s := newStage(t)
	wantProblem(t, s.call(t, "GET", "/v2/jobs", nil), 404, "not-found")
	wantProblem(t, s.call(t, "POST", "/nothing", nil), 404, "not-found")
	wantProblem(t, s.call(t, "GET", "/s3/bucket/key", nil), 404, "not-found")
	a := s.call(t, "DELETE", "/v1/jobs/j1", nil)
	wantProblem(t, a, 405, "method-not-allowed")
	if !strings.Contains(a.header.Get("Allow"), "GET") {
		t.Errorf("Allow is %q", a.header.Get("Allow"))
	}
}

func TestObjectProxyGetsPathsAsTheyAre(t *testing.T) {
	var seen []string
	s := newStage(t, func(c *api.Config) {
		c.ObjectProxy = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = append(seen, r.Method+" "+r.RequestURI) })
	})
	// The client would clean such a path, so the request is written by hand.
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://")) //nolint:noctx // answered at once
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "PUT /s3/up//a%2Fb/../c?X=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err != nil {
		t.Fatal(err)
	}
	if want := "PUT /s3/up//a%2Fb/../c?X=1"; len(seen) != 1 || seen[0] != want {
		t.Errorf("the proxy saw %q, want %q", seen, want)
	}

	a := s.call(t, "POST", "/v1/uploads", map[string]any{"name": "a b.mp4", "bytes": 5, "type": "video/mp4"})
	if u := a.body["url"].(string); !strings.HasPrefix(u, s.url+"/s3/up/uploads/") || !strings.Contains(u, "/a%20b.mp4?X-Amz-Signature=") {
		t.Errorf("the upload leads to %s, want this origin", u)
	}
	wantStatus(t, s.call(t, "PUT", "/s3/x", "data", "Origin", s.url), 200)
	wantProblem(t, s.call(t, "PUT", "/s3/x", "data", "Origin", "http://evil.example"), 403, "forbidden-origin")
}

func TestPanicBecomesAProblem(t *testing.T) {
	var logged bytes.Buffer
	s := newStage(t, func(c *api.Config) {
		c.Logger = loggerTo(&logged)
		c.StarterNotice = func() string { panic("secret plan") }
	})
	wantProblem(t, s.call(t, "GET", "/v1/stage", nil), 500, "internal")
	if !strings.Contains(logged.String(), "secret plan") || !strings.Contains(logged.String(), "goroutine") {
		t.Errorf("the log has %q", logged.String())
	}
}

func TestPage(t *testing.T) {
	s := newStage(t, func(c *api.Config) { c.ObjectOrigins = []string{"https://store.example"} })
	a := s.call(t, "GET", "/", nil)
	wantStatus(t, a, 200)
	policy := a.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "media-src blob: 'self' https://store.example;", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q lacks %q", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || !strings.Contains(a.header.Get("Content-Type"), "text/html") {
		t.Errorf("headers are %v", a.header)
	}
	if got := s.call(t, "GET", "/", nil, "If-None-Match", a.header.Get("ETag")); got.status != 304 || got.raw != "" {
		t.Errorf("a page that has not changed was answered %d", got.status)
	}
	if got := s.call(t, "GET", "/app.js", nil); got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), "text/javascript") {
		t.Errorf("app.js was answered %d as %s", got.status, got.header.Get("Content-Type"))
	}
}

func TestDocsNeedNoNetworkAndNoInlineScript(t *testing.T) {
	s := newStage(t)
	a := s.call(t, "GET", "/docs", nil)
	policy := a.header.Get("Content-Security-Policy")
	if a.status != 200 || !strings.Contains(policy, "script-src 'self';") || strings.Contains(policy, "unsafe") {
		t.Errorf("/docs was answered %d with %s", a.status, policy)
	}
	used := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(a.raw, -1)
	for _, at := range used {
		if at[1] == "data:," || at[1] == "/openapi.json" {
			continue
		}
		if got := s.call(t, "GET", at[1], nil); !strings.HasPrefix(at[1], "/docs/") || got.status != 200 || len(got.raw) < 100 {
			t.Errorf("the page uses %s, which is answered %d", at[1], got.status)
		}
	}
	if len(used) < 4 || regexp.MustCompile(`<script>|<style| on[a-z]+=`).MatchString(a.raw) {
		t.Errorf("the page is %s", a.raw)
	}
}

func TestStage(t *testing.T) {
	s := newStage(t, func(c *api.Config) { c.StarterNotice = func() string { return "starters" } })
	a := s.call(t, "GET", "/v1/stage", nil)
	if a.body["stage"] != "local" || a.body["notice"] != "starters" || a.body["max_bytes"] != float64(8<<30) {
		t.Errorf("answered %s", a.raw)
	}
}

func TestConfigurationThatCannotWork(t *testing.T) {
	_, err := api.New(api.Config{PartBytes: 1, DefaultProfile: "x"})
	for _, want := range []string{"Ledger", "OutputsBucket", "PartBytes", `"x"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error %v does not name %s", err, want)
		}
	}
}

func TestOpenAPIIsAsItWas(t *testing.T) {
	s := newStage(t)
	a := s.call(t, "GET", "/openapi.json", nil)
	wantStatus(t, a, 200)
	var got bytes.Buffer
	if err := json.Indent(&got, []byte(a.raw), "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	golden := filepath.Join("testdata", "openapi.json")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil { //nolint:gosec // a file for everyone
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the API changed (-golden +now); if it was meant, run go test ./api -update:\n%s", diff)
	}
	if a.body["openapi"] != "3.1.0" {
		t.Errorf("it is OpenAPI %v", a.body["openapi"])
	}
}
