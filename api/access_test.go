package api_test

import (
	"context"
	"encoding/base32"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/api/apitest"
	"github.com/motionmill/motionmill/auth"
	"github.com/motionmill/motionmill/job"
)

const (
	issuerName   = "https://id.example"
	audienceName = "motionmill"
)

var (
	tokenSecret = []byte("the secret that tokens are signed with")
	grantSecret = []byte("the secret that grants are signed with")
)

// guarded is a stage whose tokens come from an identity provider.
func guarded(t *testing.T, change ...func(*api.Config)) *stage {
	t.Helper()
	verifier, err := auth.NewVerifier(auth.VerifierConfig{Issuer: issuerName, Audience: audienceName, Secret: tokenSecret})
	if err != nil {
		t.Fatal(err)
	}
	access := &api.Access{Verifier: verifier, Grants: newGrants(t)}
	return newStage(t, append([]func(*api.Config){func(c *api.Config) { c.Access = access }}, change...)...)
}

func newGrants(t *testing.T) *auth.Grants {
	t.Helper()
	grants, err := auth.NewGrants(grantSecret)
	if err != nil {
		t.Fatal(err)
	}
	return grants
}

// claimsOf are those of a good token.
func claimsOf(subject, role string) jwt.MapClaims {
	return jwt.MapClaims{"iss": issuerName, "aud": audienceName, "sub": subject, "roles": role, "exp": time.Now().Add(time.Hour).Unix()}
}

func signed(t *testing.T, method jwt.SigningMethod, key any, claims jwt.Claims) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// as gives the header of somebody's token.
func as(t *testing.T, subject, role string) []string {
	t.Helper()
	return []string{"Authorization", "Bearer " + signed(t, jwt.SigningMethodHS256, tokenSecret, claimsOf(subject, role))}
}

// owned is a job of somebody, with a result when it has succeeded.
func (s *stage) owned(id, owner string, state job.State) job.Record {
	rec := record(id, state)
	if owner != "" {
		folder := base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding).EncodeToString([]byte(owner))
		rec.Source.Key = "uploads/owner=" + folder + "/0/clip.mp4"
	}
	if state == job.Succeeded {
		rec.Manifest = "outputs/" + id + "/3/manifest.json"
		s.store.Put("out", path.Join(path.Dir(rec.Manifest), "hls/master.m3u8"), "", []byte("#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"audio/playlist.m3u8\"\n480p/playlist.m3u8\n"))
		s.store.Put("out", path.Join(path.Dir(rec.Manifest), "sprite.vtt"), "", []byte("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nsprite.jpg#xywh=0,0,160,90\n"))
		s.store.Put("out", rec.Manifest, "application/json", []byte(`{"schema":"motionmill.manifest/1","outputs":[{"path":"video.mp4"},{"path":"hls/master.m3u8"},{"path":"sprite.vtt"}]}`))
	}
	s.ledger.Set(rec)
	return rec
}

// Every call there is, from the API's own description, and the plain handlers.
func everyCall(t *testing.T, s *stage) []string {
	t.Helper()
	var doc struct{ Paths map[string]map[string]any }
	text, err := s.api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	var calls []string
	for path, methods := range doc.Paths {
		for method := range methods {
			calls = append(calls, strings.ToUpper(method)+" "+path)
		}
	}
	if len(calls) < 20 {
		t.Fatalf("only %d calls were found", len(calls))
	}
	return append(calls, "GET /", "GET /index.html", "GET /app.js", "GET /docs", "GET /openapi.json", "GET /openapi.yaml", "GET /share")
}

func TestNothingIsAnsweredWithoutACredential(t *testing.T) {
	s := guarded(t)
	open := []string{
		"GET /", "GET /index.html", "GET /app.js", "GET /docs", "GET /openapi.json", "GET /openapi.yaml", "GET /share",
		"GET /healthz", "GET /v1/stage", "POST /v1/auth/login", "POST /v1/auth/refresh", "POST /v1/auth/logout",
	}
	parameter := regexp.MustCompile(`\{[^}]+\}`)
	for _, call := range everyCall(t, s) {
		method, path, _ := strings.Cut(call, " ")
		a := s.call(t, method, parameter.ReplaceAllString(path, "x"), nil)
		if slices.Contains(open, call) {
			if a.body["type"] == "urn:motionmill:problem:unauthenticated" {
				t.Errorf("%s wants a credential", call)
			}
			continue
		}
		wantProblem(t, a, 401, "unauthenticated")
		if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer ") {
			t.Errorf("%s: WWW-Authenticate is %q", call, got)
		}
	}
}

func TestForgedTokensOverHTTP(t *testing.T) {
	s := guarded(t)
	s.owned("j1", "anna", job.Running)
	good := signed(t, jwt.SigningMethodHS256, tokenSecret, claimsOf("anna", "viewer"))
	wantStatus(t, s.call(t, "GET", "/v1/jobs/j1", nil, "Authorization", "bearer  "+good), 200)
	change := func(name string, value any) string {
		claims := claimsOf("anna", "admin")
		claims[name] = value
		return signed(t, jwt.SigningMethodHS256, tokenSecret, claims)
	}
	for what, token := range map[string]string{
		"forged":           signed(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), claimsOf("anna", "admin")),
		"alg none":         signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claimsOf("anna", "admin")),
		"another audience": change("aud", "billing"),
		"another issuer":   change("iss", "https://evil.example"),
		"expired":          change("exp", time.Now().Add(-time.Hour).Unix()),
		"not yet valid":    change("nbf", time.Now().Add(time.Hour).Unix()),
		"a grant":          grantFor(t, auth.Share, "j1", time.Hour),
		"nothing":          "",
		"noise":            "\xff\"{}",
	} {
		a := s.call(t, "GET", "/v1/jobs", nil, "Authorization", "Bearer "+token)
		wantProblem(t, a, 401, "invalid-token")
		if got := a.header.Get("WWW-Authenticate"); !strings.Contains(got, `error="invalid_token"`) {
			t.Errorf("%s: WWW-Authenticate is %q", what, got)
		}
		if token != "" && strings.Contains(a.raw, token) {
			t.Errorf("%s: the answer repeats the token", what)
		}
	}
	wantProblem(t, s.call(t, "GET", "/v1/jobs", nil, "Authorization", "Basic YW5uYTpodW50ZXIy"), 401, "unauthenticated")
	// A token in the address would be in every log on the way.
	wantProblem(t, s.call(t, "GET", "/v1/jobs?access_token="+good, nil), 401, "unauthenticated")
}

func TestRolesOfCalls(t *testing.T) {
	s := guarded(t)
	upload := map[string]any{"name": "a.mp4", "bytes": 5, "type": "video/mp4"}
	for _, c := range []struct {
		method, path string
		body         any
		least        auth.Role
	}{
		{"GET", "/v1/jobs", nil, auth.Viewer},
		{"GET", "/v1/auth/me", nil, auth.Viewer},
		{"POST", "/v1/jobs/j1/playback", nil, auth.Viewer},
		{"POST", "/v1/uploads", upload, auth.Uploader},
		{"POST", "/video/pre-signed-url", nil, auth.Uploader},
		{"POST", "/v1/jobs/j1/cancel", nil, auth.Uploader},
		{"POST", "/v1/jobs/j1/retry", nil, auth.Uploader},
		{"POST", "/v1/jobs/j1/shares", nil, auth.Uploader},
		{"POST", "/v1/redrive", map[string]any{"all": true}, auth.Uploader},
		{"GET", "/v1/unreadable", nil, auth.Admin},
		{"POST", "/v1/unreadable/discard", map[string]any{"messages": []string{"m"}}, auth.Admin},
		{"GET", "/v1/deliveries", nil, auth.Admin},
		{"POST", "/v1/deliveries/j1-3-x/redeliver", nil, auth.Admin},
	} {
		for role := auth.None; role <= auth.Admin; role++ {
			s.owned("j1", "anna", job.Running)
			a := s.call(t, c.method, c.path, c.body, as(t, "anna", role.String())...)
			if role < c.least {
				wantProblem(t, a, 403, "forbidden-role")
			} else if a.status == 401 || a.status == 403 || a.status >= 500 {
				t.Errorf("%s %s as %s was answered %d %s", c.method, c.path, role, a.status, a.raw)
			}
		}
	}
	a := s.call(t, "GET", "/v1/auth/me", nil, as(t, "anna", "uploader")...)
	if a.body["subject"] != "anna" || a.body["role"] != "uploader" || a.body["expires_at"] == nil {
		t.Errorf("answered %s", a.raw)
	}
}

func TestAnotherOwnersJobIsNotThere(t *testing.T) {
	s := guarded(t)
	for _, state := range []job.State{job.Running, job.Succeeded, job.Dead} {
		for _, c := range []struct{ method, path string }{
			{"GET", "/v1/jobs/ID"}, {"GET", "/v1/jobs/ID/events"}, {"GET", "/v1/jobs/ID/files/video.mp4"}, {"GET", "/v1/jobs/ID/files/manifest.json"},
			{"POST", "/v1/jobs/ID/cancel"}, {"POST", "/v1/jobs/ID/retry"}, {"POST", "/v1/jobs/ID/shares"}, {"POST", "/v1/jobs/ID/playback"},
		} {
			s.owned("theirs", "ben", state)
			s.owned("nobodys", "", state)
			ask := func(id string) answer {
				return s.call(t, c.method, strings.Replace(c.path, "ID", id, 1), nil, append(as(t, "anna", "uploader"), "X-Request-Id", "same")...)
			}
			absent := ask("absent")
			wantProblem(t, absent, 404, "not-found")
			for _, id := range []string{"theirs", "nobodys"} {
				a := ask(id)
				wantProblem(t, a, 404, "not-found")
				if a.raw != strings.ReplaceAll(absent.raw, "absent", id) {
					t.Errorf("%s %s tells that the job is there: %s", c.method, c.path, a.raw)
				}
			}
		}
		if rec, err := s.ledger.Get(t.Context(), "theirs"); err != nil || rec.State != state {
			t.Errorf("the job is %s now, %v", rec.State, err)
		}
	}
	wantProblem(t, s.call(t, "POST", "/v1/redrive", map[string]any{"jobs": []string{"theirs"}}, as(t, "anna", "uploader")...), 404, "not-found")
	if sent, _ := s.queue.Sent(); len(sent) != 0 {
		t.Errorf("sent %q", sent)
	}
	// An owner whose name begins with another's, and one that looks like a path.
	for _, owner := range []string{"an", "anna2", "anna/../ben", "ANNA"} {
		s.owned("j", owner, job.Running)
		wantProblem(t, s.call(t, "GET", "/v1/jobs/j", nil, as(t, "anna", "uploader")...), 404, "not-found")
		wantStatus(t, s.call(t, "GET", "/v1/jobs/j", nil, as(t, owner, "viewer")...), 200)
	}
}

func TestListsHoldOwnJobs(t *testing.T) {
	s := guarded(t)
	for id, owner := range map[string]string{"a1": "anna", "a2": "anna", "b1": "ben", "c1": "", "d1": "annabel"} {
		s.owned(id, owner, job.Dead)
	}
	list := func(subject, role, query string) string {
		a := s.call(t, "GET", "/v1/jobs"+query, nil, as(t, subject, role)...)
		wantStatus(t, a, 200)
		var ids []string
		for _, j := range a.body["jobs"].([]any) {
			ids = append(ids, j.(map[string]any)["id"].(string))
		}
		slices.Sort(ids)
		return strings.Join(ids, " ")
	}
	for _, c := range []struct{ subject, role, query, want string }{
		{"anna", "viewer", "", "a1 a2"}, {"anna", "uploader", "?state=dead", "a1 a2"}, {"ben", "viewer", "", "b1"}, {"nobody", "viewer", "", ""},
		{"root", "admin", "", "a1 a2 b1 c1 d1"}, {"anna", "viewer", "?state=running", ""},
	} {
		if got := list(c.subject, c.role, c.query); got != c.want {
			t.Errorf("%s %s sees %q, want %q", c.role, c.subject, got, c.want)
		}
	}
	// All dead jobs are all of one's own.
	a := s.call(t, "POST", "/v1/redrive", map[string]any{"all": true}, as(t, "anna", "uploader")...)
	if a.body["count"] != 2.0 {
		t.Errorf("anna put back %s", a.raw)
	}
	sent, _ := s.queue.Sent()
	for _, body := range sent {
		if !strings.Contains(body, `"a1"`) && !strings.Contains(body, `"a2"`) {
			t.Errorf("anna put back %s", body)
		}
	}
}

func TestUploadsBelongToWhoeverAsked(t *testing.T) {
	s := guarded(t)
	a := s.call(t, "POST", "/v1/uploads", map[string]any{"name": "a.mp4", "bytes": 5, "type": "video/mp4"}, as(t, "anna", "uploader")...)
	wantStatus(t, a, 201)
	key := a.body["key"].(string)
	if got := api.OwnerOf(job.Record{Source: job.Source{Key: key}}); got != "anna" {
		t.Errorf("the upload to %s is owned by %q", key, got)
	}
	s.ledger.SetHighWater("up", key, job.HighWater{Job: "annas-job"})
	path := "/v1/uploads/" + a.body["id"].(string)
	if got := s.call(t, "GET", path, nil, as(t, "anna", "uploader")...); got.body["job"] != "annas-job" {
		t.Errorf("anna sees %s", got.raw)
	}
	for _, other := range []string{"ben", "root"} {
		if got := s.call(t, "GET", path, nil, as(t, other, "uploader")...); strings.Contains(got.raw, "annas-job") {
			t.Errorf("%s sees %s", other, got.raw)
		}
	}
}

func TestAnotherOwnersImportIsNotThere(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	videos := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-release
	}))
	defer videos.Close()
	defer close(release)
	s := guarded(t, func(c *api.Config) { c.ImportNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	a := s.call(t, "POST", "/v1/imports", map[string]any{"url": videos.URL + "/clip.mp4"}, as(t, "anna", "uploader")...)
	wantStatus(t, a, 202)
	<-asked
	path := "/v1/imports/" + a.body["id"].(string)
	wantStatus(t, s.call(t, "GET", path, nil, as(t, "anna", "viewer")...), 200)
	wantProblem(t, s.call(t, "GET", path, nil, as(t, "ben", "viewer")...), 404, "not-found")
}

func TestStreamsEndWithTheirCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ledger := apitest.NewStore("http://store.test"), apitest.NewLedger()
		ledger.Set(record("j1", job.Running))
		a, err := api.New(api.Config{
			Ledger: ledger, Queue: &apitest.Queue{}, DeadLetters: &apitest.DeadLetters{}, Signer: store, Objects: store, Multipart: store,
			Intake: store, Notes: apitest.NewNotes(), UploadsBucket: "up", OutputsBucket: "out",
			Access: &api.Access{Verifier: adminFor(time.Minute), Grants: newGrants(t)},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/v1/jobs/j1/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer x")
		began := time.Now()
		a.ServeHTTP(&pipeWriter{header: http.Header{}, Writer: &strings.Builder{}}, req)
		if open := time.Since(began); open != time.Minute {
			t.Errorf("the stream was open for %v", open)
		}
	})
}

// adminFor takes every token, for a while.
type adminFor time.Duration

func (d adminFor) Verify(context.Context, string) (auth.Identity, error) {
	return auth.Identity{Subject: "root", Role: auth.Admin, Expires: time.Now().Add(time.Duration(d))}, nil
}

func TestAnswersAreNotForSharedCaches(t *testing.T) {
	s := guarded(t)
	s.owned("j1", "anna", job.Succeeded)
	for _, path := range []string{"/v1/jobs", "/v1/jobs/j1", "/v1/jobs/j1/files/video.mp4", "/v1/jobs/absent"} {
		a := s.call(t, "GET", path, nil, as(t, "anna", "viewer")...)
		if vary := strings.Join(a.header.Values("Vary"), ", "); !strings.Contains(vary, "Authorization") || !strings.Contains(vary, "Cookie") {
			t.Errorf("%s varies by %q", path, vary)
		}
		if got := a.header.Get("Cache-Control"); !strings.Contains(got, "private") && !strings.Contains(got, "no-store") {
			t.Errorf("%s may be kept: %q", path, got)
		}
	}
}

// What a stage on a laptop did before there were users, it does still.
func TestWithoutAccessEverythingIsAsBefore(t *testing.T) {
	s := newStage(t)
	s.owned("j1", "anna", job.Succeeded)
	s.owned("j2", "", job.Running)
	for _, path := range []string{"/v1/jobs/j1", "/v1/jobs/j2", "/v1/jobs", "/v1/unreadable"} {
		a := s.call(t, "GET", path, nil, "Authorization", "Bearer nonsense", "Cookie", "motionmill_session=nonsense")
		wantStatus(t, a, 200)
		if a.header.Get("Vary") != "" {
			t.Errorf("%s varies by %q", path, a.header.Get("Vary"))
		}
	}
	a := s.call(t, "POST", "/v1/uploads", map[string]any{"name": "a.mp4", "bytes": 5, "type": "video/mp4"})
	if key := a.body["key"].(string); strings.Contains(key, "owner=") {
		t.Errorf("the key %s has an owner", key)
	}
	if a := s.call(t, "GET", "/v1/auth/me", nil); a.body["role"] != "admin" || a.body["subject"] != "" {
		t.Errorf("answered %s", a.raw)
	}
	if a := s.call(t, "GET", "/v1/stage", nil); a.body["sign_in"] != "none" {
		t.Errorf("answered %s", a.raw)
	}
	wantProblem(t, s.call(t, "POST", "/v1/auth/login", map[string]any{"name": "anna", "password": "x"}), 404, "no-password-sign-in")
	wantProblem(t, s.call(t, "POST", "/v1/auth/refresh", nil), 404, "no-password-sign-in")
	wantProblem(t, s.call(t, "POST", "/v1/jobs/j1/shares", nil), 409, "no-sign-in")
	wantProblem(t, s.call(t, "POST", "/v1/jobs/j1/playback", nil), 409, "no-sign-in")
	wantProblem(t, s.call(t, "GET", "/share?share=x", nil), 409, "no-sign-in")
}

func TestHeadersThatKeepBrowsersIn(t *testing.T) {
	s := newStage(t)
	for _, path := range []string{"/", "/app.js", "/v1/jobs", "/nothing", "/docs"} {
		a := s.call(t, "GET", path, nil)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-site", "Strict-Transport-Security": "",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		policy := a.header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "script-src 'self';") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
		if got := a.header.Get("Permissions-Policy"); !strings.Contains(got, "camera=(self)") || !strings.Contains(got, "microphone=()") {
			t.Errorf("%s: Permissions-Policy is %q", path, got)
		}
	}
}
