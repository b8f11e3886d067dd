package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/auth"
	"github.com/motionmill/motionmill/job"
)

// grantFor signs a grant. A share link that nobody wrote down is none: shareOf
// makes one as the API does.
func grantFor(t *testing.T, purpose auth.Purpose, id string, within time.Duration) string {
	t.Helper()
	grant := auth.Grant{Job: id, By: "anna", Expires: time.Now().Add(within)}
	if purpose == auth.Share {
		grant.Link = "UNNOTED"
	}
	token, err := newGrants(t).Sign(purpose, grant)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// shareOf asks for a link to a job of anna's, and gives its token and its id.
func (s *stage) shareOf(t *testing.T, id string) (token, link string) {
	t.Helper()
	a := s.call(t, "POST", "/v1/jobs/"+id+"/shares", nil, as(t, "anna", "uploader")...)
	wantStatus(t, a, 201)
	return a.body["token"].(string), a.body["id"].(string)
}

func TestShareLink(t *testing.T) {
	s := guarded(t)
	s.owned("j1", "anna", job.Succeeded)
	a := s.call(t, "POST", "/v1/jobs/j1/shares", map[string]any{"expires_in_s": 3600}, as(t, "anna", "uploader")...)
	wantStatus(t, a, 201)
	ends, err := time.Parse(time.RFC3339, a.body["expires_at"].(string))
	if err != nil || time.Until(ends) > time.Hour || time.Until(ends) < 59*time.Minute {
		t.Errorf("it ends at %v, %v", a.body["expires_at"], err)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the link may be kept: %v", a.header)
	}

	// For programs: the token at the end of an address.
	token := url.QueryEscape(a.body["token"].(string))
	for path, want := range map[string]int{
		"/v1/jobs/j1": 200, "/v1/jobs/j1/files/video.mp4": 302, "/v1/jobs/j1/files/hls/master.m3u8": 200, "/v1/jobs/j1/events": 200,
	} {
		wantStatus(t, s.call(t, "GET", path+"?share="+token, nil), want)
	}
	if got := s.call(t, "GET", "/v1/jobs/j1/files/video.mp4?share="+token, nil).header.Get("Cross-Origin-Resource-Policy"); got != "" {
		t.Errorf("a shared file cannot be embedded: %q", got)
	}

	// For people: the link leads to the page, and the address is clean.
	link, err := url.Parse(a.body["url"].(string))
	if err != nil || link.Scheme+"://"+link.Host != s.url || link.Path != "/share" {
		t.Fatalf("the link is %s, %v", link, err)
	}
	b := s.call(t, "GET", link.RequestURI(), nil)
	if b.status != http.StatusSeeOther || b.header.Get("Location") != "/#/jobs/j1" {
		t.Fatalf("opened, it is %d to %s", b.status, b.header.Get("Location"))
	}
	c := cookiesOf(b)["motionmill_playback"]
	if c == nil || c.Path != "/v1/jobs/j1" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.MaxAge > 3600 || c.MaxAge <= 0 {
		t.Fatalf("the cookie is %+v", c)
	}
	wantStatus(t, s.call(t, "GET", "/v1/jobs/j1/files/video.mp4", nil, "Cookie", c.Name+"="+c.Value), 302)
}

func TestShareLinkOfAnotherJob(t *testing.T) {
	s := guarded(t)
	s.owned("j1", "anna", job.Succeeded)
	s.owned("j2", "anna", job.Succeeded)
	token, link := s.shareOf(t, "j1")
	for _, path := range []string{"/v1/jobs/j2", "/v1/jobs/j2/events", "/v1/jobs/j2/files/video.mp4", "/v1/jobs/absent"} {
		wantProblem(t, s.call(t, "GET", path+"?share="+token, nil), 404, "not-found")
	}
	// It is good for nothing but reading that job.
	for _, call := range []string{
		"GET /v1/jobs", "GET /v1/auth/me", "GET /v1/unreadable", "POST /v1/jobs/j1/cancel", "POST /v1/jobs/j1/retry", "POST /v1/jobs/j1/shares", "GET /v1/jobs/j1/shares",
		"DELETE /v1/jobs/j1/shares/" + link, "POST /v1/jobs/j1/playback", "POST /v1/uploads", "POST /v1/redrive",
	} {
		method, path, _ := strings.Cut(call, " ")
		wantProblem(t, s.call(t, method, path+"?share="+token, nil), 401, "unauthenticated")
		wantProblem(t, s.call(t, method, path, nil, "Cookie", "motionmill_playback="+grantFor(t, auth.Playback, "j1", time.Hour)), 401, "unauthenticated")
		wantProblem(t, s.call(t, method, path, nil, "Cookie", "motionmill_session="+token), 401, "invalid-token")
	}
}

func TestShareLinkExpired(t *testing.T) {
	s := guarded(t)
	s.owned("j1", "anna", job.Succeeded)
	token := grantFor(t, auth.Share, "j1", -time.Second)
	for _, path := range []string{"/v1/jobs/j1?share=", "/v1/jobs/j1/files/video.mp4?share=", "/share?share="} {
		a := s.call(t, "GET", path+token, nil)
		wantProblem(t, a, 401, "invalid-token")
		if !strings.Contains(a.raw, "expired") || len(a.header.Values("Set-Cookie")) != 0 {
			t.Errorf("%s: %s %v", path, a.raw, a.header)
		}
	}
	for _, seconds := range []int{1, 59, 30*24*3600 + 1, -5} {
		wantProblem(t, s.call(t, "POST", "/v1/jobs/j1/shares", map[string]any{"expires_in_s": seconds}, as(t, "anna", "uploader")...), 422, "invalid")
	}
}

func TestShareLinkChanged(t *testing.T) {
	s := guarded(t)
	s.owned("j1", "anna", job.Succeeded)
	s.owned("j2", "anna", job.Succeeded)
	token, _ := s.shareOf(t, "j1")
	wantStatus(t, s.call(t, "GET", "/v1/jobs/j1?share="+token, nil), 200)
	parts := strings.Split(token, ".")
	second, _ := s.shareOf(t, "j2")
	other := strings.Split(second, ".")
	for what, changed := range map[string]string{
		"the claims of another": parts[0] + "." + other[1] + "." + parts[2], "no signature": parts[0] + "." + parts[1] + ".",
		"cut": token[:len(token)-2], "longer": token + "A", "nothing inside": "..", "a playback cookie": grantFor(t, auth.Playback, "j1", time.Hour),
	} {
		for _, path := range []string{"/v1/jobs/j1?share=", "/share?share="} {
			if a := s.call(t, "GET", path+changed, nil); a.status != 401 {
				t.Errorf("%s is answered %d %s", what, a.status, a.raw)
			}
		}
	}
	wantProblem(t, s.call(t, "GET", "/share", nil), 401, "invalid-token")
}

func TestPlaybackCookie(t *testing.T) {
	s := guarded(t)
	s.owned("j1", "anna", job.Succeeded)
	s.owned("j2", "anna", job.Succeeded)
	s.owned("b1", "ben", job.Succeeded)
	a := s.call(t, "POST", "/v1/jobs/j1/playback", nil, as(t, "anna", "viewer")...)
	wantStatus(t, a, 200)
	c := cookiesOf(a)["motionmill_playback"]
	if c == nil || c.Path != "/v1/jobs/j1" || !c.HttpOnly || c.MaxAge > 4*3600 || c.MaxAge < 4*3600-60 {
		t.Fatalf("the cookie is %+v", c)
	}
	mine := c.Name + "=" + c.Value
	for path, want := range map[string]int{
		"/v1/jobs/j1": 200, "/v1/jobs/j1/files/video.mp4": 302, "/v1/jobs/j1/files/hls/master.m3u8": 200, "/v1/jobs/j2": 404, "/v1/jobs/b1/files/video.mp4": 404,
	} {
		if got := s.call(t, "GET", path, nil, "Cookie", mine); got.status != want {
			t.Errorf("%s is answered %d, want %d", path, got.status, want)
		}
	}
	share, _ := s.shareOf(t, "j1")
	for what, value := range map[string]string{
		"expired": grantFor(t, auth.Playback, "j1", -time.Second), "a share link": share, "changed": c.Value + "A",
	} {
		if got := s.call(t, "GET", "/v1/jobs/j1", nil, "Cookie", "motionmill_playback="+value); got.status != 401 {
			t.Errorf("a cookie that is %s is answered %d", what, got.status)
		}
	}
	// A token that is sent on purpose is not made up for by a cookie.
	wantProblem(t, s.call(t, "GET", "/v1/jobs/j1", nil, "Cookie", mine, "Authorization", "Bearer nonsense"), 401, "invalid-token")
}

// Who is signed in and opens the link of somebody else's job sees that job.
func TestShareLinkBesideASession(t *testing.T) {
	s := withUsers(t)
	s.owned("b1", "ben", job.Succeeded)
	s.owned("a1", "anna", job.Succeeded)
	session := "motionmill_session=" + cookiesOf(s.login(t, true))["motionmill_session"].Value
	playback := "motionmill_playback=" + grantFor(t, auth.Playback, "b1", time.Hour)
	wantStatus(t, s.call(t, "GET", "/v1/jobs/a1", nil, "Cookie", session), 200)
	wantProblem(t, s.call(t, "GET", "/v1/jobs/b1", nil, "Cookie", session), 404, "not-found")
	wantStatus(t, s.call(t, "GET", "/v1/jobs/b1/files/video.mp4", nil, "Cookie", session+"; "+playback), 302)
	wantProblem(t, s.call(t, "POST", "/v1/jobs/b1/cancel", nil, "Cookie", session+"; "+playback), 404, "not-found")
	expired := "motionmill_playback=" + grantFor(t, auth.Playback, "a1", -time.Hour)
	wantStatus(t, s.call(t, "GET", "/v1/jobs/a1", nil, "Cookie", session+"; "+expired), 200)
}

func TestAccessThatIsNotWhole(t *testing.T) {
	for _, access := range []*api.Access{{}, {Grants: newGrants(t)}, {Verifier: adminFor(time.Hour)}} {
		if _, err := api.New(api.Config{Access: access}); err == nil || !strings.Contains(err.Error(), "Access") {
			t.Errorf("%+v gave %v", access, err)
		}
	}
}

// Players resolve what a playlist or the sprite's index names against the
// address that it came from.
func TestIndexesAreAnsweredAndKeepTheShare(t *testing.T) {
	s := guarded(t)
	s.owned("j1", "anna", job.Succeeded)
	token, _ := s.shareOf(t, "j1")
	query := "?share=" + url.QueryEscape(token)
	for _, c := range []struct{ file, mediaType, text string }{ // SHARE is where the token goes.
		{"hls/master.m3u8", "application/vnd.apple.mpegurl", "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"audio/playlist.m3u8SHARE\"\n480p/playlist.m3u8SHARE\n"},
		{"sprite.vtt", "text/vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nsprite.jpgSHARE#xywh=0,0,160,90\n"},
	} {
		file := "/v1/jobs/j1/files/" + c.file
		a := s.call(t, "GET", file, nil, as(t, "anna", "viewer")...)
		wantStatus(t, a, 200)
		if want := strings.ReplaceAll(c.text, "SHARE", ""); a.raw != want || a.header.Get("Content-Type") != c.mediaType {
			t.Errorf("it is %q of %s", a.raw, a.header.Get("Content-Type"))
		}
		if b := s.call(t, "GET", file+query, nil); b.raw != strings.ReplaceAll(c.text, "SHARE", query) {
			t.Errorf("shared, it is %q", b.raw)
		}
		wantStatus(t, s.call(t, "GET", file+"?download=true", nil, as(t, "anna", "viewer")...), 302)
	}
}
