package api_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/api/apitest"
	"github.com/motionmill/motionmill/job"
)

// endless is a body that never ends; it counts what was read of it.
type endless struct{ read atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	e.read.Add(int64(len(p)))
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestABodyOfAGigabyteIsRefusedEarly(t *testing.T) {
	s := newStage(t)
	for _, path := range []string{"/v1/uploads", "/v1/imports", "/v1/redrive", "/video/pre-signed-url", "/v1/jobs/j1/cancel", "/v1/unreadable/discard"} {
		for name, length := range map[string]int64{"announced": 1 << 30, "chunked": -1} {
			for _, key := range []string{"", "k"} {
				if path == "/v1/jobs/j1/cancel" && length < 0 && key == "" {
					continue // It has no body, and reads none.
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				body := &endless{}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, io.LimitReader(body, 1<<30))
				if err != nil {
					t.Fatal(err)
				}
				req.ContentLength = length
				req.Header.Set("Content-Type", "application/json")
				if key != "" {
					req.Header.Set("Idempotency-Key", key)
				}
				resp, err := http.DefaultClient.Do(req)
				runtime.ReadMemStats(&after)
				if err == nil {
					if _ = resp.Body.Close(); resp.StatusCode != http.StatusRequestEntityTooLarge {
						t.Errorf("%s, %s, key %q: answered %d", path, name, key, resp.StatusCode)
					}
				} // Else the connection was cut before the answer was read: refused as well.
				if sent := body.read.Load(); sent > 16<<20 {
					t.Errorf("%s, %s: %d bytes were taken", path, name, sent)
				}
				if grown := after.TotalAlloc - before.TotalAlloc; grown > 32<<20 {
					t.Errorf("%s, %s: %d bytes were allocated", path, name, grown)
				}
			}
		}
	}
}

// serveHurried serves the API with a server whose patience is short.
func serveHurried(t *testing.T) string {
	t.Helper()
	s := newStageInBubble(t)
	server := api.NewServer("127.0.0.1:0", s.api)
	if server.ReadHeaderTimeout <= 0 || server.ReadHeaderTimeout > 15*time.Second {
		t.Errorf("headers may take %v", server.ReadHeaderTimeout)
	}
	server.ReadHeaderTimeout = 200 * time.Millisecond
	listener := listenLocal(t)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestSlowlorisIsCutOff(t *testing.T) {
	address := serveHurried(t)
	var conns []net.Conn
	for range 100 {
		conn := dial(t, address)
		if _, err := io.WriteString(conn, "GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\nX-a: b\r\n"); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	honest, err := http.Get("http://" + address + "/healthz") //nolint:noctx // answered at once
	if err != nil {
		t.Fatal(err)
	}
	if _ = honest.Body.Close(); honest.StatusCode != 200 {
		t.Errorf("an honest client was answered %d", honest.StatusCode)
	}
	for _, conn := range conns {
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.ReadAll(conn); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Fatalf("a connection was held: %v", err)
		}
	}
}

// Whether a handler reads the body or not: the server does, before it answers.
func TestABodyThatDribblesIsCutOff(t *testing.T) {
	address := serveHurried(t)
	type told struct{ text, kind string }
	ends := make(chan told, 7)
	for kind, lines := range map[string]string{
		"body":          "POST /v1/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"key":           "POST /v1/uploads HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\nContent-Length: 100\r\n\r\n{",
		"old":           "POST /video/pre-signed-url HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
		"none read 404": "POST /v1/jobs/j1/cancel HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
		"of a GET 200":  "GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
		"chunked 404":   "POST /nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
		"refused 403":   "POST /v1/uploads HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 100\r\n\r\n{",
	} {
		conn := dial(t, address)
		if _, err := io.WriteString(conn, lines); err != nil {
			t.Fatal(err)
		}
		go func() {
			_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			answer, _ := io.ReadAll(conn)
			ends <- told{string(answer), kind}
		}()
	}
	for range 7 {
		end, want := <-ends, "408"
		if words := strings.Fields(end.kind); len(words) > 1 {
			want = words[len(words)-1]
		}
		if !strings.HasPrefix(end.text, "HTTP/1.1 "+want+" ") || want == "408" && !strings.Contains(end.text, "urn:motionmill:problem:timeout") {
			t.Errorf("%s ended with %q", end.kind, end.text)
		}
	}
}

// lateReader is the connection of a client, with a deadline for what it sends.
type lateReader struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (l *lateReader) SetReadDeadline(at time.Time) error {
	l.deadline = at
	return nil
}

// The deadline of a body ends with it: while a call is answered, which may take
// the store minutes, the client has nothing more to send.
func TestABodyThatHasComeHasNoDeadline(t *testing.T) {
	s := newStage(t)
	for _, key := range []string{"", "k"} {
		for path, body := range map[string]string{
			"/v1/uploads": `{"name":"a.mp4","bytes":5,"type":"video/mp4"}`, "/video/pre-signed-url": `{"filename":"a.mp4"}`, "/v1/redrive": `{"all":true}`,
		} {
			w := &lateReader{ResponseRecorder: httptest.NewRecorder()}
			req := httptest.NewRequestWithContext(t.Context(), "POST", "http://localhost"+path, strings.NewReader(body))
			req.Header.Set("Content-Type", "application/json")
			if key != "" {
				req.Header.Set("Idempotency-Key", key)
			}
			s.api.ServeHTTP(w, req)
			if w.Code >= 300 || !w.deadline.IsZero() {
				t.Errorf("%s, key %q: answered %d with a deadline %v", path, key, w.Code, w.deadline)
			}
		}
	}
}

// sink is the connection of a client that listens.
type sink struct {
	header http.Header
	wrote  *atomic.Int64
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Flush()                      {}
func (s *sink) Write(p []byte) (int, error) { return len(p), s.count(p) }

func (s *sink) count(p []byte) error {
	if strings.HasPrefix(string(p), "event:") {
		s.wrote.Add(1)
	}
	return nil
}

// countingLedger counts reads.
type countingLedger struct {
	*apitest.Ledger
	reads atomic.Int64
}

func (l *countingLedger) Get(ctx context.Context, id string) (job.Record, error) {
	l.reads.Add(1)
	return l.Ledger.Get(ctx, id)
}

func TestTenThousandEventStreams(t *testing.T) {
	for name, jobs := range map[string]int{"of one job": 1, "of two thousand jobs": 2000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				counted := &countingLedger{}
				s := newStageInBubble(t, func(c *api.Config) {
					c.StreamsPerOwner = 20_000
					counted.Ledger = c.Ledger.(*apitest.Ledger)
					c.Ledger = counted
				})
				for i := range jobs {
					s.ledger.Set(record(fmt.Sprint("j", i), job.Running))
				}
				ctx, cancel := context.WithCancel(t.Context())
				var wrote atomic.Int64
				for i := range 10_000 {
					req := httptest.NewRequestWithContext(ctx, "GET", fmt.Sprintf("http://localhost/v1/jobs/j%d/events", i%jobs), nil)
					go s.api.ServeHTTP(&sink{header: http.Header{}, wrote: &wrote}, req)
				}
				synctest.Wait()
				if wrote.Load() != 10_000 {
					t.Errorf("%d streams have begun", wrote.Load())
				}
				wantProblem(t, s.do(t, "GET", "/v1/jobs/j0/events", ""), 503, "busy")
				wantStatus(t, s.do(t, "GET", "/v1/jobs/j0", ""), 200)
				begun := counted.reads.Load()
				time.Sleep(20 * time.Second)
				if reads := counted.reads.Load() - begun; reads > 20*600 || reads < 1 {
					t.Errorf("the ledger was read %d times in 20 s", reads)
				}
				for i := range jobs {
					s.ledger.Set(record(fmt.Sprint("j", i), job.Dead))
				}
				time.Sleep(25 * time.Second)
				if wrote.Load() != 20_000 {
					t.Errorf("%d of 10,000 were told of the end", wrote.Load()-10_000)
				}
				cancel()
				synctest.Wait()
				s.ledger.Set(record("j0", job.Dead))
				wantStatus(t, s.do(t, "GET", "/v1/jobs/j0/events", ""), 200)
			})
		})
	}
}

func TestPathsThatLeadElsewhere(t *testing.T) {
	s := newStage(t)
	s.succeed("j1")
	s.store.Put("out", "outputs/j2/1/secret.mp4", "", []byte("secret"))
	for _, file := range []string{
		"../manifest.json", "..%2f..%2fj2%2f1%2fsecret.mp4", "%2e%2e/%2e%2e/j2/1/secret.mp4", "hls/../../../j2/1/secret.mp4", "hls/..%2fvideo.mp4",
		"/video.mp4", "//video.mp4", "%2fetc%2fpasswd", "video.mp4%00.jpg", "video.mp4/", ".", "..", "hls", "hls/", `..%5c..%5cj2`, "video.mp4%0d%0aSet-Cookie:%20a=b",
		"video.mp4?path=../x", "%F0%9F%8F%83", strings.Repeat("a/", 500),
	} {
		conn := dial(t, strings.TrimPrefix(s.url, "http://"))
		if _, err := fmt.Fprintf(conn, "GET /v1/jobs/j1/files/%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", file); err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(conn)
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(raw), "\r\n\r\n")
		signed := strings.Contains(head, "X-Amz-Signature") // The mux sends unclean paths to clean ones, which need not be ours.
		if wanted := strings.HasPrefix(file, "video.mp4?"); signed != wanted || strings.Contains(head, " 200 ") || strings.Contains(head, "Set-Cookie") {
			t.Errorf("%s was answered %s", file, head)
		}
	}
}

func TestNamesThatAreCode(t *testing.T) {
	s := newStage(t)
	for _, name := range []string{
		"<script>alert(1)</script>.mp4", `"><img src=x onerror=alert(1)>.mp4`, "a\r\nSet-Cookie: a=b.mp4", "🏃‍♀️ Übung.mp4", "'; DROP TABLE jobs;--.mp4",
		"${jndi:ldap://x}.mp4", "a\u202egp4.exe", "%2e%2e%2fa.mp4", "..\\..\\a.mp4", "CON", "\u0000.mp4", strings.Repeat("🏃", 300),
	} {
		a := s.call(t, "POST", "/v1/uploads", map[string]any{"name": name, "bytes": 5, "type": "video/mp4"})
		wantStatus(t, a, 201)
		key := a.body["key"].(string)
		if strings.ContainsAny(key, "<>\"'\\\r\n\x00%$;") || strings.Contains(key, "..") || strings.Count(key, "/") != 2 || len(key) > 260 {
			t.Errorf("%q became the key %q", name, key)
		}
		if strings.ContainsAny(a.raw, "<>") {
			t.Errorf("the answer has markup: %s", a.raw)
		}
	}
	// A key that came by another way keeps what it has; it is data, never markup.
	rec := record("j1", job.Dead)
	rec.Source.Key = "a\nb <script>alert(1)</script> 🏃.mp4"
	rec.Error = &job.Failure{Kind: job.NotAVideo, Message: "<img src=x onerror=alert(1)>"}
	s.ledger.Set(rec)
	a := s.call(t, "GET", "/v1/jobs/j1", nil)
	if a.body["source"].(map[string]any)["key"] != rec.Source.Key || a.header.Get("Content-Type") != "application/json" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("answered %v %s", a.header, a.raw)
	}
	missing := s.call(t, "GET", "/v1/jobs/%3Cscript%3Ealert(1)%3C%2Fscript%3E", nil)
	wantProblem(t, missing, 404, "not-found")
}

func TestBodiesOfAnotherKind(t *testing.T) {
	s := newStage(t)
	for _, kind := range []string{"application/xml", "text/html", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"} {
		wantProblem(t, s.call(t, "POST", "/v1/uploads", `{"name":"a.mp4","bytes":5,"type":"video/mp4"}`, "Content-Type", kind), 415, "unsupported-media-type")
	}
	for _, body := range []string{`[]`, `null`, `{"name":1}`, `{"bytes":1e400}`, strings.Repeat("[", 10_000), `{"name":"a","name":"b"}`, "\xff\xfe"} {
		a := s.call(t, "POST", "/v1/uploads", body, "Content-Type", "application/json")
		if a.status != 400 && a.status != 422 {
			t.Errorf("%.20q was answered %d %s", body, a.status, a.raw)
		}
	}
	for _, cursor := range []string{"x", "-1", "%00", strings.Repeat("9", 30), "🏃"} {
		if a := s.call(t, "GET", "/v1/jobs?cursor="+cursor, nil); a.status >= 500 {
			t.Errorf("the cursor %s was answered %d %s", cursor, a.status, a.raw)
		}
	}
}
