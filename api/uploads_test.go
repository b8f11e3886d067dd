package api_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
)

func TestUploadOfOneRequest(t *testing.T) {
	s := newStage(t)
	a := s.call(t, "POST", "/v1/uploads", map[string]any{
		"name": "C:\\clips\\Knie beuge.MP4", "bytes": 5, "type": "video/mp4", "metadata": map[string]string{"athlete": "7"},
	})
	wantStatus(t, a, 201)
	key := a.body["key"].(string)
	if !regexp.MustCompile(`^uploads/[0-9a-z]{26}/Knie beuge\.MP4$`).MatchString(key) {
		t.Errorf("key is %q", key)
	}
	headers := a.body["headers"].(map[string]any)
	for name, want := range map[string]string{"Content-Type": "video/mp4", "If-None-Match": "*", "X-Amz-Meta-Athlete": "7"} {
		if headers[name] != want {
			t.Errorf("header %s is %v, want %s", name, headers[name], want)
		}
	}
	if headers["Host"] != nil || headers["Content-Length"] != nil {
		t.Errorf("headers that browsers forbid: %v", headers)
	}
	expires, err := time.Parse(time.RFC3339, a.body["expires_at"].(string))
	if left := time.Until(expires); err != nil || left <= 0 || left > 15*time.Minute {
		t.Errorf("expires in %v (%v)", left, err)
	}

	state := func() (string, any) {
		t.Helper()
		got := s.call(t, "GET", "/v1/uploads/"+a.body["id"].(string), nil)
		wantStatus(t, got, 200)
		return got.body["state"].(string), got.body["job"]
	}
	if got, _ := state(); got != "waiting" {
		t.Errorf("before the PUT the state is %s", got)
	}
	if code := s.send(t, a.body["url"].(string), "longer", headers); code != 403 {
		t.Errorf("a body of another length was answered %d", code)
	}
	if code := s.send(t, a.body["url"].(string), "video", headers); code != 200 {
		t.Errorf("the PUT was answered %d", code)
	}
	if code := s.send(t, a.body["url"].(string), "VIDEO", headers); code != 412 {
		t.Errorf("a second PUT was answered %d", code)
	}
	if got, jobID := state(); got != "received" || jobID != nil {
		t.Errorf("after the PUT the state is %s, job %v", got, jobID)
	}
	s.ledger.SetHighWater("up", key, job.HighWater{Sequencer: "1", Job: "j1"})
	if got, jobID := state(); got != "received" || jobID != "j1" {
		t.Errorf("after the claim the state is %s, job %v", got, jobID)
	}
}

func TestUploadKeysAreUniqueAndCarryTheProfile(t *testing.T) {
	s := newStage(t)
	seen := map[any]bool{}
	last := ""
	for range 50 {
		a := s.call(t, "POST", "/v1/uploads", map[string]any{"name": "a.mp4", "bytes": 1, "type": "video/mp4", "profile": "pose"})
		wantStatus(t, a, 201)
		key := a.body["key"].(string)
		if !strings.HasPrefix(key, "uploads/profile=pose/") || seen[key] {
			t.Fatalf("key %q has no profile or came before", key)
		}
		seen[key] = true
		if key[:len("uploads/profile=pose/")+8] < last {
			t.Errorf("key %s sorts before %s", key, last)
		}
		last = key[:len("uploads/profile=pose/")+8]
		wantStatus(t, s.call(t, "GET", "/v1/uploads/"+a.body["id"].(string), nil), 200)
	}
	a := s.call(t, "POST", "/v1/uploads", map[string]any{"name": "a.mp4", "bytes": 1, "type": "video/mp4", "profile": "trainer"})
	if strings.Contains(a.body["key"].(string), "profile=") {
		t.Errorf("the default profile is in the key %v", a.body["key"])
	}
}

func TestUploadRefusals(t *testing.T) {
	s := newStage(t, func(c *api.Config) { c.MaxBytes = 1000 })
	good := func(change func(m map[string]any)) map[string]any {
		m := map[string]any{"name": "a.mp4", "bytes": 10, "type": "video/mp4"}
		change(m)
		return m
	}
	for name, c := range map[string]struct {
		body   any
		status int
		kind   string
		says   string
	}{
		"too large":      {good(func(m map[string]any) { m["bytes"] = 1001 }), 413, "too-large", "1001"},
		"empty":          {good(func(m map[string]any) { m["bytes"] = 0 }), 422, "invalid", "bytes"},
		"no size":        {good(func(m map[string]any) { delete(m, "bytes") }), 422, "invalid", "bytes"},
		"a text":         {good(func(m map[string]any) { m["type"] = "text/html" }), 422, "invalid", "video/*"},
		"a broken type":  {good(func(m map[string]any) { m["type"] = "video/mp4;\r\n x=y" }), 422, "invalid", "ASCII"},
		"a foreign type": {good(func(m map[string]any) { m["type"] = `video/mp4; x="é"` }), 422, "invalid", "ASCII"},
		"no profile":     {good(func(m map[string]any) { m["profile"] = "all" }), 422, "invalid", "silhouette"},
		"metadata name":  {good(func(m map[string]any) { m["metadata"] = map[string]string{"A b": "1"} }), 422, "invalid", "metadata"},
		"metadata value": {good(func(m map[string]any) { m["metadata"] = map[string]string{"a": "x\r\ny"} }), 422, "invalid", "ASCII"},
		"metadata size":  {good(func(m map[string]any) { m["metadata"] = map[string]string{"a": strings.Repeat("x", 2048)} }), 422, "invalid", "2048"},
		"unknown field":  {good(func(m map[string]any) { m["profil"] = "pose" }), 422, "invalid", "profil"},
		"not JSON":       {`{"name":`, 400, "malformed", ""},
		"no body":        {"", 400, "malformed", "body"},
		"a large body":   {good(func(m map[string]any) { m["name"] = strings.Repeat("x", 2<<20) }), 413, "body-too-large", "large"},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.call(t, "POST", "/v1/uploads", c.body, "Content-Type", "application/json")
			wantProblem(t, a, c.status, c.kind)
			if !strings.Contains(a.raw, c.says) {
				t.Errorf("%s does not say %q", a.raw, c.says)
			}
		})
	}
}

// People are shown the detail of a problem alone: it says what is wrong, and where.
func TestDetailsOfRequestsThatAreNotAsDescribed(t *testing.T) {
	s := newStage(t)
	for _, c := range []struct{ method, path, body, says string }{
		{"POST", "/v1/uploads", `{"name":"a.mp4","bytes":0,"type":"video/mp4"}`, "body.bytes: expected number >= 1"},
		{"POST", "/v1/imports", `{"url":""}`, "body.url: expected length >= 1"},
		{"POST", "/v1/uploads", `{"name":"a.mp4",`, "body: unexpected end"},
		{"GET", "/v1/jobs?limit=many", "", "query.limit: invalid integer"},
	} {
		detail, _ := s.call(t, c.method, c.path, c.body, "Content-Type", "application/json").body["detail"].(string)
		if !strings.Contains(detail, c.says) {
			t.Errorf("%s %s %s: the detail is %q, not with %q", c.method, c.path, c.body, detail, c.says)
		}
	}
}

func TestUploadIDsThatNobodyGave(t *testing.T) {
	s := newStage(t)
	a := s.call(t, "POST", "/v1/uploads", map[string]any{"name": "a.mp4", "bytes": 1, "type": "video/mp4"})
	id := a.body["id"].(string)
	for _, bad := range []string{"x", id + "A", "A" + id[1:], id[:26], id[:26] + ".Li4vLi4vc2VjcmV0", strings.ToUpper(id[:26]) + id[26:]} {
		wantProblem(t, s.call(t, "GET", "/v1/uploads/"+bad, nil), 404, "not-found")
		wantProblem(t, s.call(t, "POST", "/v1/uploads/"+bad+"/abort?upload=x", nil), 404, "not-found")
	}
}

func TestOlderFormOfUpload(t *testing.T) {
	s := newStage(t)
	for name, c := range map[string]struct{ body, kind, want string }{
		"filename": {`{"filename":"a.mov","contentType":"x"}`, "application/json", "/a.mov"},
		"name":     {`{"name":"b.mov"}`, "text/plain", "/b.mov"},
		"empty":    {"", "", "/video.mp4"},
		"no JSON":  {"hello", "application/json", "/video.mp4"},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.call(t, "POST", "/video/pre-signed-url", c.body, "Content-Type", c.kind)
			wantStatus(t, a, 200)
			u, ok := a.body["url"].(string)
			if !ok || !strings.Contains(u, c.want+"?") || len(a.body) != 1 {
				t.Fatalf("answered %s", a.raw)
			}
			if code := s.send(t, u, "anything", nil); code != 200 {
				t.Errorf("a plain PUT was answered %d", code)
			}
		})
	}
}

func TestUploadInParts(t *testing.T) {
	s := newStage(t, func(c *api.Config) { c.MultipartAbove, c.PartBytes = 6<<20, 5<<20 })
	whole := strings.Repeat("x", 11<<20)
	a := s.call(t, "POST", "/v1/uploads", map[string]any{"name": "a.mp4", "bytes": len(whole), "type": "video/mp4"})
	wantStatus(t, a, 201)
	parts := a.body["parts"].([]any)
	if len(parts) != 3 || a.body["url"] != nil {
		t.Fatalf("%d parts, url %v", len(parts), a.body["url"])
	}
	var done []map[string]any
	rest := whole
	for i, p := range parts {
		part := p.(map[string]any)
		size := int(part["bytes"].(float64))
		u := part["url"].(string)
		if i == 1 { // as if the first URL had expired
			fresh := s.call(t, "POST", a.body["parts_url"].(string), map[string]any{"parts": []any{map[string]any{"number": 2, "bytes": size}}})
			wantStatus(t, fresh, 200)
			u = fresh.body["parts"].([]any)[0].(map[string]any)["url"].(string)
		}
		if code := s.send(t, u, rest[:size-1], nil); code != 403 {
			t.Errorf("a short part was answered %d", code)
		}
		w := httptest.NewRecorder()
		s.store.ServeHTTP(w, httptest.NewRequest(http.MethodPut, u, strings.NewReader(rest[:size])))
		if w.Code != 200 {
			t.Fatalf("part %d was answered %d", i+1, w.Code)
		}
		done = append(done, map[string]any{"number": i + 1, "etag": w.Header().Get("ETag")})
		rest = rest[size:]
	}
	complete := a.body["complete_url"].(string)
	wantProblem(t, s.call(t, "POST", complete, map[string]any{"parts": done[1:]}), 422, "invalid")
	for range 2 { // again, as after a lost reply
		state := s.call(t, "POST", complete, map[string]any{"parts": done})
		wantStatus(t, state, 200)
		if state.body["state"] != "received" {
			t.Errorf("state is %s", state.raw)
		}
	}
	if got, _ := s.store.Body("up", a.body["key"].(string)); string(got) != whole {
		t.Errorf("the object has %d bytes, want %d", len(got), len(whole))
	}
	wantProblem(t, s.call(t, "POST", a.body["parts_url"].(string), map[string]any{"parts": []any{map[string]any{"number": 1, "bytes": 6 << 20}}}), 422, "invalid")
}

func TestUploadInPartsThrownAway(t *testing.T) {
	s := newStage(t, func(c *api.Config) { c.MultipartAbove = 10 })
	a := s.call(t, "POST", "/v1/uploads", map[string]any{"name": "a.mp4", "bytes": 11, "type": "video/mp4"})
	for range 2 {
		if got := s.call(t, "POST", a.body["abort_url"].(string), nil); got.status != 204 {
			t.Errorf("abort answered %d %s", got.status, got.raw)
		}
	}
	if n := s.store.Uploads(); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
	body := map[string]any{"parts": []any{map[string]any{"number": 1, "etag": "x"}}}
	wantProblem(t, s.call(t, "POST", a.body["complete_url"].(string), body), 410, "upload-gone")
	wantProblem(t, s.call(t, "POST", "/v1/uploads/"+a.body["id"].(string)+"/complete", body), 422, "invalid")
}

func TestUploadWhenTheStoreIsDown(t *testing.T) {
	s := newStage(t)
	s.store.Fail(errors.New("dial tcp secret.internal: refused"))
	body := map[string]any{"name": "a.mp4", "bytes": 5, "type": "video/mp4"}
	wantProblem(t, s.call(t, "POST", "/v1/uploads", body), 503, "storage")
	wantProblem(t, s.call(t, "POST", "/video/pre-signed-url", nil), 503, "storage")
}
