package api_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/auth"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/local/database"
)

const annasPassword = "correct horse battery"

// withUsers is a stage with a store of users: anna, an uploader.
func withUsers(t *testing.T, change ...func(*api.Config)) *stage {
	t.Helper()
	db, err := database.Open(filepath.Join(t.TempDir(), "users.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	accounts, err := auth.OpenAccounts(t.Context(), auth.AccountsConfig{DB: db, Cost: auth.Cost{Memory: 64, Passes: 1, Lanes: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := accounts.Add(t.Context(), "anna", annasPassword, auth.Uploader); err != nil {
		t.Fatal(err)
	}
	access := &api.Access{Verifier: accounts, Accounts: accounts, Grants: newGrants(t)}
	return newStage(t, append([]func(*api.Config){func(c *api.Config) { c.Access = access }}, change...)...)
}

func (s *stage) login(t *testing.T, inCookies bool) answer {
	t.Helper()
	a := s.call(t, "POST", "/v1/auth/login", map[string]any{"name": "anna", "password": annasPassword, "cookie": inCookies})
	wantStatus(t, a, 200)
	return a
}

func bearer(a answer) []string {
	return []string{"Authorization", "Bearer " + a.body["access_token"].(string)}
}

// cookiesOf gives the cookies that an answer sets.
func cookiesOf(a answer) map[string]*http.Cookie {
	cookies := map[string]*http.Cookie{}
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		cookies[c.Name] = c
	}
	return cookies
}

func TestSignInForPrograms(t *testing.T) {
	s := withUsers(t)
	if a := s.call(t, "GET", "/v1/stage", nil); a.body["sign_in"] != "password" {
		t.Errorf("the stage says %s", a.raw)
	}
	a := s.login(t, false)
	if a.body["name"] != "anna" || a.body["role"] != "uploader" || a.body["token_type"] != "Bearer" || len(a.header.Values("Set-Cookie")) != 0 {
		t.Errorf("answered %s with %v", a.raw, a.header)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the tokens may be kept: %v", a.header)
	}
	wantStatus(t, s.call(t, "GET", "/v1/jobs", nil, bearer(a)...), 200)
	b := s.call(t, "POST", "/v1/auth/refresh", map[string]any{"refresh_token": a.body["refresh_token"]})
	wantStatus(t, b, 200)
	wantStatus(t, s.call(t, "GET", "/v1/jobs", nil, bearer(b)...), 200)
	wantStatus(t, s.call(t, "POST", "/v1/auth/logout", nil, bearer(b)...), 204)
	wantProblem(t, s.call(t, "GET", "/v1/jobs", nil, bearer(b)...), 401, "invalid-token")
	wantProblem(t, s.call(t, "POST", "/v1/auth/refresh", map[string]any{"refresh_token": b.body["refresh_token"]}), 401, "invalid-token")
}

func TestSignInForBrowsers(t *testing.T) {
	s := withUsers(t)
	a := s.login(t, true)
	if strings.Contains(a.raw, "token\":\"ey") || a.body["access_token"] != nil || a.body["refresh_token"] != nil {
		t.Errorf("scripts can read the tokens: %s", a.raw)
	}
	cookies := cookiesOf(a)
	for name, path := range map[string]string{"motionmill_session": "/v1", "motionmill_refresh": "/v1/auth"} {
		c := cookies[name]
		if c == nil || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != path || c.Secure || c.MaxAge <= 0 || c.Domain != "" {
			t.Fatalf("the cookie %s is %+v", name, c)
		}
	}
	if age := cookies["motionmill_session"].MaxAge; age > 600 {
		t.Errorf("the session's cookie lives for %d s", age)
	}
	session := "motionmill_session=" + cookies["motionmill_session"].Value
	wantStatus(t, s.call(t, "GET", "/v1/jobs", nil, "Cookie", session), 200)
	wantStatus(t, s.call(t, "POST", "/v1/redrive", map[string]any{"all": true}, "Cookie", session, "Origin", s.url), 202)
	// What another site makes a browser send has no effect, cookie or not.
	for _, headers := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}} {
		wantProblem(t, s.call(t, "POST", "/v1/redrive", map[string]any{"all": true}, append(headers, "Cookie", session)...), 403, "forbidden-origin")
	}

	b := s.call(t, "POST", "/v1/auth/refresh", nil, "Cookie", "motionmill_refresh="+cookies["motionmill_refresh"].Value)
	wantStatus(t, b, 200)
	fresh := cookiesOf(b)
	if b.body["refresh_token"] != nil || fresh["motionmill_refresh"] == nil || fresh["motionmill_refresh"].Value == cookies["motionmill_refresh"].Value {
		t.Errorf("answered %s with %v", b.raw, fresh)
	}
	out := s.call(t, "POST", "/v1/auth/logout", nil, "Cookie", "motionmill_refresh="+fresh["motionmill_refresh"].Value)
	wantStatus(t, out, 204)
	for name, c := range cookiesOf(out) {
		if c.Value != "" || c.MaxAge >= 0 {
			t.Errorf("the cookie %s is left: %+v", name, c)
		}
	}
	wantProblem(t, s.call(t, "GET", "/v1/jobs", nil, "Cookie", "motionmill_session="+fresh["motionmill_session"].Value), 401, "invalid-token")
}

func TestCookiesAreSecureBehindTLS(t *testing.T) {
	s := withUsers(t, func(c *api.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	a := s.call(t, "POST", "/v1/auth/login", map[string]any{"name": "anna", "password": annasPassword, "cookie": true}, "X-Forwarded-Proto", "https")
	for name, c := range cookiesOf(a) {
		if !c.Secure {
			t.Errorf("the cookie %s goes over plain HTTP", name)
		}
	}
	if len(cookiesOf(a)) != 2 || !strings.HasPrefix(a.header.Get("Strict-Transport-Security"), "max-age=31536000") {
		t.Errorf("headers are %v", a.header)
	}
}

func TestReusedRefreshTokenOverHTTP(t *testing.T) {
	var logged lockedBuffer
	s := withUsers(t, func(c *api.Config) { c.Logger = loggerTo(&logged) })
	a := s.login(t, true)
	stolen := "motionmill_refresh=" + cookiesOf(a)["motionmill_refresh"].Value
	b := s.call(t, "POST", "/v1/auth/refresh", nil, "Cookie", stolen)
	wantStatus(t, b, 200)
	c := s.call(t, "POST", "/v1/auth/refresh", nil, "Cookie", stolen)
	wantProblem(t, c, 401, "invalid-token")
	if left := cookiesOf(c)["motionmill_refresh"]; left == nil || left.MaxAge >= 0 {
		t.Errorf("the browser keeps the token: %v", c.header)
	}
	for name, cookie := range cookiesOf(b) { // the thief's, or the owner's
		path := map[string]string{"motionmill_session": "/v1/jobs", "motionmill_refresh": "/v1/auth/refresh"}[name]
		method := map[string]string{"motionmill_session": "GET", "motionmill_refresh": "POST"}[name]
		wantProblem(t, s.call(t, method, path, nil, "Cookie", name+"="+cookie.Value), 401, "invalid-token")
	}
	if !strings.Contains(logged.String(), "came twice") || !strings.Contains(logged.String(), "owner=anna") {
		t.Errorf("nobody is told: %s", logged.String())
	}
}

func TestGuessingOverHTTP(t *testing.T) {
	s := withUsers(t)
	wrong := func(name string) answer {
		return s.call(t, "POST", "/v1/auth/login", map[string]any{"name": name, "password": "guess number one"}, "X-Request-Id", "same")
	}
	known, unknown := wrong("anna"), wrong("nobody")
	wantProblem(t, known, 401, "wrong-password")
	if known.raw != unknown.raw {
		t.Errorf("the answers tell which names there are: %s, %s", known.raw, unknown.raw)
	}
	for range 4 {
		wantProblem(t, wrong("anna"), 401, "wrong-password")
	}
	a := s.call(t, "POST", "/v1/auth/login", map[string]any{"name": "anna", "password": annasPassword})
	wantProblem(t, a, 429, "too-many-attempts")
	if got := a.header.Get("Retry-After"); got == "" || got == "0" {
		t.Errorf("Retry-After is %q", got)
	}
}

func TestIdempotencyKeepsNoTokens(t *testing.T) {
	s := withUsers(t)
	var tokens []string
	for range 2 {
		a := s.call(t, "POST", "/v1/auth/login", map[string]any{"name": "anna", "password": annasPassword}, "Idempotency-Key", "k")
		wantStatus(t, a, 200)
		tokens = append(tokens, a.body["refresh_token"].(string))
	}
	if tokens[0] == tokens[1] {
		t.Error("the tokens of a sign-in were kept and given again")
	}
	if names, err := s.notes.ListNotes(t.Context(), ""); err != nil || len(names) != 0 {
		t.Errorf("notes were made: %q, %v", names, err)
	}
	// A share link's note has its id alone.
	s.owned("j1", "anna", job.Succeeded)
	in := bearer(s.login(t, false))
	for range 2 {
		tokens = append(tokens, s.call(t, "POST", "/v1/jobs/j1/shares", nil, append(in, "Idempotency-Key", "k")...).body["token"].(string))
	}
	for _, name := range must(s.notes.ListNotes(t.Context(), "")) {
		for _, token := range tokens {
			if text := must(s.notes.ReadNote(t.Context(), name)); strings.Contains(string(text), token) {
				t.Errorf("note %s has a token", name)
			}
		}
	}
}

// lockedBuffer is written by requests that end after their answers.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Every secret that a request can carry is planted in every place that it can
// be in, everything is logged, and the log is searched.
func TestNoSecretGetsIntoTheLog(t *testing.T) {
	var logged lockedBuffer
	fail := false
	s := withUsers(t, func(c *api.Config) {
		c.Logger = slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))
		c.StarterNotice = func() string {
			if fail {
				panic("a panic for the log")
			}
			return ""
		}
	})
	s.owned("j1", "anna", job.Succeeded)
	in := s.login(t, false)
	access, refresh := in.body["access_token"].(string), in.body["refresh_token"].(string)
	share := s.call(t, "POST", "/v1/jobs/j1/shares", nil, bearer(in)...)
	wantStatus(t, share, 201)
	link := share.body["token"].(string)
	play := cookiesOf(s.call(t, "POST", "/v1/jobs/j1/playback", nil, bearer(in)...))["motionmill_playback"].Value

	planted := map[string]string{
		"password": annasPassword, "wrong password": "planted-wrong-password", "access": access, "refresh": refresh,
		"share": link, "playback": play, "invented": "planted-invented-token", "basic": "cGxhbnRlZDpiYXNpYw==",
	}
	cookies := fmt.Sprintf("motionmill_session=%s; motionmill_refresh=%s; motionmill_playback=%s", access, refresh, play)
	for range 2 {
		for _, path := range []string{"/v1/jobs", "/v1/jobs/j1", "/v1/jobs/j1/files/video.mp4", "/v1/stage", "/share", "/nothing", "/docs"} {
			for _, headers := range [][]string{
				{"Authorization", "Bearer " + access}, {"Authorization", "Bearer " + refresh}, {"Authorization", "Bearer planted-invented-token"},
				{"Authorization", "Basic cGxhbnRlZDpiYXNpYw=="}, {"Cookie", cookies}, {},
			} {
				for _, token := range []string{"", link, play, "planted-invented-token"} {
					s.call(t, "GET", path+"?share="+token, nil, headers...)
				}
			}
		}
		s.call(t, "POST", "/v1/auth/login", map[string]any{"name": "planted-wrong-password", "password": "planted-wrong-password"})
		s.call(t, "POST", "/v1/auth/login", `{"name": "anna", "password": 1, "password": "planted-wrong-password"`)
		s.call(t, "POST", "/v1/auth/refresh", map[string]any{"refresh_token": "planted-invented-token"}, "Cookie", cookies)
		s.ledger.Fail(job.Fail(job.Storage, "read", "j1", "down", "", nil)) // once more, with everything broken
		fail = true
	}
	s.ledger.Fail(nil)
	s.call(t, "POST", "/v1/auth/refresh", map[string]any{"refresh_token": refresh})
	s.call(t, "POST", "/v1/auth/refresh", map[string]any{"refresh_token": refresh})

	log := logged.String()
	for _, want := range []string{"a panic for the log", "request failed", "sign-in refused", "came twice"} {
		if !strings.Contains(log, want) {
			t.Fatalf("the log lacks %q: it was not put to the test", want)
		}
	}
	for what, secret := range planted {
		if strings.Contains(log, secret) {
			t.Errorf("the log has the %s: %s", what, secret)
		}
		if _, signature, found := strings.Cut(secret, "."); found && strings.Contains(log, signature) {
			t.Errorf("the log has a part of the %s", what)
		}
	}
}
