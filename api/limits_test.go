package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
)

func TestRequestsThatComeTooFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStageInBubble(t, func(c *api.Config) { c.RatePerSecond, c.RateBurst = 2, 4 })
		for i := range 4 {
			a := s.do(t, "GET", "/v1/stage", "")
			wantStatus(t, a, 200)
			if want := strconv.Itoa(3 - i); a.header.Get("Ratelimit-Remaining") != want || a.header.Get("Ratelimit-Limit") != "4" {
				t.Errorf("request %d was told %v", i+1, a.header)
			}
		}
		a := s.do(t, "GET", "/v1/stage", "")
		wantProblem(t, a, 429, "too-many-requests")
		if a.header.Get("Retry-After") != "1" {
			t.Errorf("headers are %v", a.header)
		}
		wantStatus(t, s.doAs(t, "ada", "GET", "/v1/stage", ""), 200) // another owner, with a limit of her own
		time.Sleep(time.Second)
		for range 2 {
			wantStatus(t, s.do(t, "GET", "/v1/stage", ""), 200)
		}
		wantProblem(t, s.do(t, "GET", "/v1/stage", ""), 429, "too-many-requests")
	})
}

func TestWhoseRequestsCountTogether(t *testing.T) {
	for name, c := range map[string]struct {
		remote, forwarded string
		want              int
	}{
		"the same address":         {"192.0.2.1:1", "", 429},
		"another address":          {"192.0.2.2:1", "", 200},
		"a header of a stranger's": {"192.0.2.1:1", "198.51.100.9", 429},
		"behind a proxy":           {"10.0.0.1:1", "192.0.2.1", 429},
		"another behind it":        {"10.0.0.1:1", "192.0.2.9", 200},
		"made up before the proxy": {"10.0.0.1:1", "1.2.3.4, 192.0.2.1", 429},
		"two proxies":              {"10.0.0.1:1", "192.0.2.1, 10.0.0.2", 429},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStageInBubble(t, func(cfg *api.Config) {
				cfg.RatePerSecond, cfg.RateBurst = 0.001, 1
				cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
			})
			ask := func(remote, forwarded string) int {
				req := httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost/v1/stage", nil)
				if req.RemoteAddr = remote; forwarded != "" {
					req.Header.Set("X-Forwarded-For", forwarded)
				}
				w := httptest.NewRecorder()
				s.api.ServeHTTP(w, req)
				return w.Code
			}
			if got := ask("192.0.2.1:9", ""); got != 200 {
				t.Fatalf("the first was answered %d", got)
			}
			if got := ask(c.remote, c.forwarded); got != c.want {
				t.Errorf("the second was answered %d, want %d", got, c.want)
			}
		})
	}
}

func TestBytesOfADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStageInBubble(t, func(c *api.Config) { c.BytesPerDay = 1000 })
		upload := func(owner string, bytes int) answer {
			return s.doAs(t, owner, "POST", "/v1/uploads", fmt.Sprintf(`{"name":"a.mp4","bytes":%d,"type":"video/mp4"}`, bytes))
		}
		first := upload("ada", 600)
		wantStatus(t, first, 201)
		wantProblem(t, upload("ada", 401), 429, "quota")
		wantStatus(t, upload("bob", 401), 201)
		wantStatus(t, upload("ada", 400), 201)
		wantProblem(t, upload("ada", 1), 429, "quota")

		// The first arrives, the other never does, and its URL ends.
		rec := record("j1", job.Succeeded)
		rec.Source = job.Source{Bucket: "up", Key: first.body["key"].(string), Bytes: 600}
		rec.CreatedAt = time.Now()
		s.ledger.Set(rec)
		time.Sleep(16 * time.Minute)
		wantProblem(t, upload("ada", 401), 429, "quota")
		wantStatus(t, upload("ada", 400), 201)
		time.Sleep(24 * time.Hour)
		wantStatus(t, upload("ada", 1000), 201)
	})
}

func TestJobsThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStageInBubble(t, func(c *api.Config) { c.JobsWaiting = 2 })
		ask := func(owner string) answer {
			return s.doAs(t, owner, "POST", "/v1/imports", `{"url":"https://media.invalid/a.mp4"}`)
		}
		s.api.SetImportClient(&http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})})
		first := ask("ada")
		wantStatus(t, first, 202)
		wantStatus(t, ask("ada"), 202)
		wantProblem(t, ask("ada"), 429, "quota")
		wantProblem(t, s.doAs(t, "ada", "POST", "/video/pre-signed-url", ""), 429, "quota")
		wantStatus(t, ask("bob"), 202)
		rec := record("j1", job.Running)
		rec.Source.Key, rec.CreatedAt = first.body["key"].(string), time.Now()
		s.ledger.Set(rec) // it is worked on, and waits no more
		time.Sleep(time.Minute)
		wantStatus(t, ask("ada"), 202)
		rec.State = job.Failed // it will be tried again
		s.ledger.Set(rec)
		time.Sleep(time.Minute)
		wantProblem(t, ask("ada"), 429, "quota")
		s.api.Close()
	})
}

// What was stopped, or could not be fetched, is not waited for.
func TestQuotaOfWhatWillNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStageInBubble(t, func(c *api.Config) { c.JobsWaiting, c.BytesPerDay, c.MultipartAbove = 1, 1000, 10 })
		upload := func() answer {
			return s.doAs(t, "ada", "POST", "/v1/uploads", `{"name":"a.mp4","bytes":1000,"type":"video/mp4"}`)
		}
		begun := upload()
		wantStatus(t, begun, 201)
		wantProblem(t, upload(), 429, "quota")
		wantStatus(t, s.doAs(t, "ada", "POST", begun.body["abort_url"].(string), ""), 204)
		begun = upload()
		wantStatus(t, begun, 201)
		other := "/v1/uploads/" + begun.body["id"].(string) + "/abort?upload=other"
		wantStatus(t, s.doAs(t, "ada", "POST", other, ""), 204)
		wantProblem(t, upload(), 429, "quota") // the URLs of the first are still good
		wantStatus(t, s.doAs(t, "ada", "POST", begun.body["abort_url"].(string), ""), 204)
		s.store.Fail(errors.New("away"))
		for range 2 {
			wantStatus(t, upload(), 503)
		}
		s.store.Fail(nil)

		s.api.SetImportClient(&http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 404, Status: "404 Not Found", Body: http.NoBody, Request: r}, nil
		})})
		for range 2 {
			wantStatus(t, s.doAs(t, "ada", "POST", "/v1/imports", `{"url":"https://media.invalid/a.mp4"}`), 202)
			synctest.Wait()
		}
		s.api.Close()
	})
}

func TestEventStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStageInBubble(t, func(c *api.Config) { c.Streams, c.StreamsPerOwner = 3, 2 })
		s.ledger.Set(record("j1", job.Running))
		ctx, cancel := context.WithCancel(t.Context())
		for _, owner := range []string{"ada", "ada", "bob"} {
			s.listenAs(ctx, owner)
		}
		synctest.Wait()
		a := s.doAs(t, "eve", "GET", "/v1/jobs/j1/events", "")
		wantProblem(t, a, 503, "busy")
		if a.header.Get("Retry-After") == "" {
			t.Errorf("headers are %v", a.header)
		}
		wantStatus(t, s.doAs(t, "eve", "GET", "/v1/jobs/j1", ""), 200)
		cancel()
		synctest.Wait()
		ctx, cancel = context.WithCancel(t.Context())
		for range 2 {
			s.listenAs(ctx, "ada")
		}
		synctest.Wait()
		wantProblem(t, s.doAs(t, "ada", "GET", "/v1/jobs/j1/events", ""), 429, "too-many-requests")
		cancel()
		synctest.Wait()
	})
}

// listenAs opens an event stream of job j1 until ctx ends.
func (s *stage) listenAs(ctx context.Context, owner string) {
	req := httptest.NewRequestWithContext(api.WithOwner(ctx, owner), "GET", "http://localhost/v1/jobs/j1/events", nil)
	go s.api.ServeHTTP(&sink{header: http.Header{}, wrote: new(atomic.Int64)}, req)
}

func TestOtherOriginsThatAreAllowed(t *testing.T) {
	s := newStage(t, func(c *api.Config) { c.CORSOrigins = []string{"https://app.example.com"} })
	ours := []string{"Origin", "https://app.example.com"}
	pre := s.call(t, "OPTIONS", "/v1/uploads", nil, append(ours, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,idempotency-key")...)
	if pre.status != 204 || pre.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" ||
		pre.header.Get("Access-Control-Allow-Headers") != "content-type,idempotency-key" || !strings.Contains(pre.header.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("the preflight was answered %d %v", pre.status, pre.header)
	}
	body := map[string]any{"name": "a.mp4", "bytes": 5, "type": "video/mp4"}
	a := s.call(t, "POST", "/v1/uploads", body, ours...)
	if a.status != 201 || a.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" || !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "ETag") {
		t.Errorf("answered %d %v", a.status, a.header)
	}
	wantStatus(t, s.call(t, "POST", "/v1/uploads", body, "Origin", "https://app.example.com", "Sec-Fetch-Site", "cross-site"), 201)
	for _, origin := range []string{"https://evil.example", "https://app.example.com.evil.example", "http://app.example.com", "null"} {
		wantProblem(t, s.call(t, "POST", "/v1/uploads", body, "Origin", origin), 403, "forbidden-origin")
		if a := s.call(t, "GET", "/v1/jobs", nil, "Origin", origin); a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Vary") == "" {
			t.Errorf("%s may read: %v", origin, a.header)
		}
	}
	for _, bad := range []string{"*", "null", "app.example.com", "https://app.example.com/", "https://*.example.com/x"} {
		if _, err := api.New(api.Config{CORSOrigins: []string{bad}}); err == nil || !strings.Contains(err.Error(), "CORS") {
			t.Errorf("the origin %q: %v", bad, err)
		}
	}
}

func TestAnswersThatTheClientHas(t *testing.T) {
	s := newStage(t)
	s.ledger.Set(record("j1", job.Running))
	for _, path := range []string{"/v1/jobs/j1", "/v1/jobs", "/v1/stage", "/v1/unreadable"} {
		a := s.call(t, "GET", path, nil)
		tag := a.header.Get("ETag")
		if tag == "" || a.header.Get("Cache-Control") != "private, no-cache" {
			t.Fatalf("%s came with %v", path, a.header)
		}
		for _, header := range []string{tag, `"x", W/` + tag, "*"} {
			if got := s.call(t, "GET", path, nil, "If-None-Match", header); got.status != 304 || got.raw != "" || got.header.Get("ETag") != tag {
				t.Errorf("%s with %s was answered %d %q", path, header, got.status, got.raw)
			}
		}
		if got := s.call(t, "GET", path, nil, "If-None-Match", `"x"`); got.status != 200 || got.raw != a.raw {
			t.Errorf("%s was answered %d", path, got.status)
		}
	}
	s.ledger.Set(record("j1", job.Dead))
	tag := s.call(t, "GET", "/v1/jobs/j1", nil).header.Get("ETag")
	if got := s.call(t, "GET", "/v1/jobs/j1", nil, "If-None-Match", tag+"0"); got.status != 200 {
		t.Errorf("another tag was answered %d", got.status)
	}
	if a := s.call(t, "GET", "/v1/jobs/none", nil); a.header.Get("ETag") != "" {
		t.Errorf("a problem has a tag: %v", a.header)
	}
}

func TestRequestsHaveIDs(t *testing.T) {
	var logged bytes.Buffer
	s := newStage(t, func(c *api.Config) { c.Logger = loggerTo(&logged) })
	body := map[string]any{"name": "a.mp4", "bytes": 5, "type": "video/mp4"}
	a := s.call(t, "POST", "/v1/uploads", body, "X-Request-Id", "trace-42.x")
	if a.header.Get("X-Request-Id") != "trace-42.x" || a.body["headers"].(map[string]any)["X-Amz-Meta-Motionmill-Request"] != "trace-42.x" {
		t.Errorf("answered %v %s", a.header, a.raw)
	}
	if code := s.send(t, a.body["url"].(string), "video", a.body["headers"].(map[string]any)); code != 200 {
		t.Fatalf("the PUT was answered %d", code)
	}
	if got := s.store.Metadata("up", a.body["key"].(string))["motionmill-request"]; got != "trace-42.x" {
		t.Errorf("the object was asked for by %q", got)
	}
	if !strings.Contains(logged.String(), "request=trace-42.x") {
		t.Errorf("the log has %s", logged.String())
	}
	for _, bad := range []string{"", "with space", "new\tline", "<script>", "🏃", strings.Repeat("x", 65)} {
		a := s.call(t, "GET", "/v1/jobs/none", nil, "X-Request-Id", bad)
		id := a.header.Get("X-Request-Id")
		if len(id) != 26 || a.body["instance"] != "urn:motionmill:request:"+id {
			t.Errorf("with %q the id is %q, the problem %s", bad, id, a.raw)
		}
	}
	if a := s.call(t, "GET", "/v2", nil, "X-Request-Id", "abc"); a.body["instance"] != "urn:motionmill:request:abc" {
		t.Errorf("the mux's problem is %s", a.raw)
	}
	full := map[string]any{"name": "a.mp4", "bytes": 5, "type": "video/mp4", "metadata": map[string]string{"a": strings.Repeat("x", 2047)}}
	a = s.call(t, "POST", "/v1/uploads", full)
	if a.status != 201 || strings.Contains(a.raw, "Motionmill-Request") {
		t.Errorf("metadata that is full was answered %d", a.status)
	}
}

func TestCursorsOfUnreadableMessages(t *testing.T) {
	s := newStage(t)
	for i := range 7 {
		letter, err := json.Marshal(job.Letter{Type: job.UnreadableLetter, Reason: "r", Body: "b"})
		if err != nil {
			t.Fatal(err)
		}
		s.dead.Put(fmt.Sprint("m", i), string(letter))
	}
	var seen []string
	path := "/v1/unreadable?limit=3"
	for range 3 {
		a := s.call(t, "GET", path, nil)
		for _, m := range a.body["messages"].([]any) {
			seen = append(seen, m.(map[string]any)["id"].(string))
		}
		if a.body["count"] != float64(7) {
			t.Errorf("answered %s", a.raw)
		}
		cursor, _ := a.body["cursor"].(string)
		path = "/v1/unreadable?limit=3&cursor=" + cursor
	}
	if got := strings.Join(seen, " "); got != "m0 m1 m2 m3 m4 m5 m6" {
		t.Errorf("the pages hold %s", got)
	}
}
