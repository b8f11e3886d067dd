package api_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/api/apitest"
	"github.com/motionmill/motionmill/auth"
	"github.com/motionmill/motionmill/job"
)

func TestShareLinkCalledBack(t *testing.T) {
	s := guarded(t)
	s.owned("j1", "anna", job.Succeeded)
	token, link := s.shareOf(t, "j1")
	kept, _ := s.shareOf(t, "j1")
	opened := cookiesOf(s.call(t, "GET", "/share?share="+url.QueryEscape(token), nil))["motionmill_playback"]
	cookie := "motionmill_playback=" + opened.Value
	own := "motionmill_playback=" + cookiesOf(s.call(t, "POST", "/v1/jobs/j1/playback", nil, as(t, "anna", "viewer")...))["motionmill_playback"].Value
	file := "/v1/jobs/j1/files/video.mp4"
	wantStatus(t, s.call(t, "GET", file+"?share="+token, nil), 302)
	wantStatus(t, s.call(t, "GET", file, nil, "Cookie", cookie), 302)

	path := "/v1/jobs/j1/shares/" + link
	wantProblem(t, s.call(t, "DELETE", path, nil, as(t, "ben", "uploader")...), 404, "not-found")
	wantProblem(t, s.call(t, "DELETE", path, nil, as(t, "anna", "viewer")...), 403, "forbidden-role")
	wantProblem(t, s.call(t, "DELETE", "/v1/jobs/j1/shares/..%2f..%2fimports", nil, as(t, "anna", "uploader")...), 422, "invalid")
	wantStatus(t, s.call(t, "GET", file+"?share="+token, nil), 302)
	for range 2 { // One that has ended already is fine.
		wantStatus(t, s.call(t, "DELETE", path, nil, as(t, "anna", "uploader")...), 204)
	}

	a := s.call(t, "GET", file+"?share="+token, nil)
	wantProblem(t, a, 401, "invalid-token")
	if !strings.Contains(a.raw, "has ended") {
		t.Errorf("who holds the link is told %s", a.raw)
	}
	refused := s.call(t, "GET", "/share?share="+token, nil)
	wantProblem(t, refused, 401, "invalid-token")
	if !strings.Contains(refused.raw, "has ended") || strings.Contains(refused.raw, "session") {
		t.Errorf("who has the link is told %s", refused.raw)
	}
	// A browser shows the page, which says so, instead of the problem as JSON.
	page := s.call(t, "GET", "/share?share="+token, nil, "Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	if page.status != 303 || page.header.Get("Location") != "/#/refused" {
		t.Errorf("a browser is answered %d and led to %q", page.status, page.header.Get("Location"))
	}
	wantProblem(t, s.call(t, "GET", file, nil, "Cookie", cookie), 401, "unauthenticated")
	wantStatus(t, s.call(t, "GET", file+"?share="+kept, nil), 302)
	wantStatus(t, s.call(t, "GET", file, nil, "Cookie", own), 302)
}

func TestListOfShareLinks(t *testing.T) {
	s := guarded(t)
	s.owned("j1", "anna", job.Succeeded)
	s.owned("j11", "anna", job.Succeeded)
	_, first := s.shareOf(t, "j1")
	token, second := s.shareOf(t, "j1")
	s.shareOf(t, "j11")
	ids := func() string {
		a := s.call(t, "GET", "/v1/jobs/j1/shares", nil, as(t, "anna", "viewer")...)
		wantStatus(t, a, 200)
		if strings.Contains(a.raw, token) {
			t.Errorf("the list has a token: %s", a.raw)
		}
		var found []string
		for _, link := range a.body["links"].([]any) {
			found = append(found, link.(map[string]any)["id"].(string))
		}
		return strings.Join(found, " ")
	}
	if got := ids(); got != second+" "+first && got != first+" "+second {
		t.Errorf("the links are %s, want %s %s", got, second, first)
	}
	wantStatus(t, s.call(t, "DELETE", "/v1/jobs/j1/shares/"+first, nil, as(t, "root", "admin")...), 204)
	if got := ids(); got != second {
		t.Errorf("the links are %s, want %s", got, second)
	}
	wantProblem(t, s.call(t, "GET", "/v1/jobs/j1/shares", nil, as(t, "ben", "uploader")...), 404, "not-found")
	for _, name := range must(s.notes.ListNotes(t.Context(), "")) {
		if text := must(s.notes.ReadNote(t.Context(), name)); strings.Contains(string(text)+name, token) {
			t.Errorf("note %s has a token", name)
		}
	}
	// Whether a link is good cannot be told: it is not taken for good.
	s.notes.Fail(errors.New("dial tcp secret.internal: refused"))
	other, _ := newGrants(t).Sign(auth.Share, auth.Grant{Job: "j1", Link: "ANOTHER", Expires: time.Now().Add(time.Hour)})
	wantProblem(t, s.call(t, "GET", "/v1/jobs/j1?share="+other, nil), 503, "storage")
}

// Another process may have called the link back: none takes it for good for long.
func TestShareLinkCalledBackElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStageInBubble(t, func(c *api.Config) {
			c.Access = &api.Access{Verifier: adminFor(time.Hour), Grants: newGrants(t)}
		})
		s.owned("j1", "anna", job.Running)
		grant := auth.Grant{Job: "j1", Link: "LINK", Expires: time.Now().Add(time.Hour)}
		token := must(newGrants(t).Sign(auth.Share, grant))
		must(s.notes.CreateNote(t.Context(), "shares/j1/LINK", []byte("{}")))
		wantStatus(t, s.do(t, "GET", "/v1/jobs/j1?share="+token, ""), 200)
		if err := s.notes.RemoveNote(t.Context(), "shares/j1/LINK"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		wantProblem(t, s.do(t, "GET", "/v1/jobs/j1?share="+token, ""), 401, "invalid-token")
	})
}

// A stream that a link was opened to ends, so that who listens asks anew.
func TestStreamsOfALinkEndSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStageInBubble(t, func(c *api.Config) {
			c.Access = &api.Access{Verifier: adminFor(time.Hour), Grants: newGrants(t)}
		})
		s.owned("j1", "anna", job.Running)
		began := time.Now()
		s.do(t, "GET", "/v1/jobs/j1/events?share="+must(newGrants(t).Sign(auth.Share, s.noted(t, "j1", 7*24*time.Hour))), "")
		if open := time.Since(began); open != 10*time.Minute {
			t.Errorf("the stream was open for %v", open)
		}
	})
}

// noted writes a link down as good, and gives its grant.
func (s *stage) noted(t *testing.T, id string, within time.Duration) auth.Grant {
	t.Helper()
	must(s.notes.CreateNote(t.Context(), "shares/"+id+"/NOTED", []byte("{}")))
	return auth.Grant{Job: id, Link: "NOTED", Expires: time.Now().Add(within)}
}

func TestEndedShareLinksAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notes := apitest.NewNotes()
		s := newStageInBubble(t, func(c *api.Config) {
			c.Notes = notes
			c.Access = &api.Access{Verifier: adminFor(60 * 24 * time.Hour), Grants: newGrants(t)}
		})
		s.owned("j1", "anna", job.Running)
		wantStatus(t, s.do(t, "POST", "/v1/jobs/j1/shares", `{"expires_in_s":3600}`, "Authorization", "Bearer x"), 201)
		wantStatus(t, s.do(t, "POST", "/v1/jobs/j1/shares", `{"expires_in_s":86400}`, "Authorization", "Bearer x"), 201)
		go s.api.Run(t.Context())
		time.Sleep(2*time.Hour + time.Minute)
		if left := must(notes.ListNotes(t.Context(), "shares/")); len(left) != 1 {
			t.Errorf("after two hours there are %q", left)
		}
		if a := s.do(t, "GET", "/v1/jobs/j1/shares", "", "Authorization", "Bearer x"); len(a.body["links"].([]any)) != 1 {
			t.Errorf("the list is %s", a.raw)
		}
	})
}
