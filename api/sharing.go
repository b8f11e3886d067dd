package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/motionmill/motionmill/auth"
)

const (
	// shareParameter carries the token of a share link in a URL.
	shareParameter = "share"
	// shareFor is how long a share link is good unless it is said.
	shareFor = 7 * 24 * time.Hour
	// playbackFor is how long a playback cookie is good.
	playbackFor = 4 * time.Hour

	problemNoSignIn = "no-sign-in"
)

// ShareRequest says how long a link is to be good.
type ShareRequest struct {
	ExpiresInS int64 `json:"expires_in_s,omitempty" minimum:"60" maximum:"2592000" doc:"Seconds; a week when left out, 30 days at most."`
}

// ShareLink lets whoever has it read one job until it ends.
type ShareLink struct {
	URL       string    `json:"url" doc:"For people: opens the result on the page."`
	Token     string    `json:"token" doc:"For programs and players: add ?share=TOKEN to the job, its events and its files."`
	ID        string    `json:"id" doc:"For calling it back: DELETE /v1/jobs/{id}/shares/{link}."`
	ExpiresAt time.Time `json:"expires_at"`
}

// PlaybackGrant tells how long the cookie is good that came with it.
type PlaybackGrant struct {
	ExpiresAt time.Time `json:"expires_at"`
}

type shareOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         ShareLink
}

type playbackOutput struct {
	SetCookie    []http.Cookie `header:"Set-Cookie"`
	CacheControl string        `header:"Cache-Control"`
	Body         PlaybackGrant
}

func (a *API) registerSharing() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "share-job", Method: http.MethodPost, Path: "/v1/jobs/{id}/shares", Tags: []string{"access"},
		Summary: "A link that lets others read this job", DefaultStatus: http.StatusCreated,
		Description: "Whoever has the link can read the job and its files until it ends, and nothing else. It can be called back before.",
		Errors:      []int{http.StatusConflict},
	}, a.shareJob)
	huma.Register(a.huma, huma.Operation{
		OperationID: "play-job", Method: http.MethodPost, Path: "/v1/jobs/{id}/playback", Tags: []string{"access"},
		Summary: "A cookie with which a player can fetch this job's files", DefaultStatus: http.StatusOK,
		Description: "For <video>, <img> and EventSource, which send no header. It is good for four hours, for reading this one job, and is sent for its paths alone.",
		Errors:      []int{http.StatusConflict},
	}, a.playJob)
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-shares", Method: http.MethodGet, Path: "/v1/jobs/{id}/shares", Tags: []string{"access"},
		Summary: "The links to this job that are good", Description: "Without their tokens, which are kept nowhere.",
		Errors: []int{http.StatusConflict},
	}, a.listShares)
	huma.Register(a.huma, huma.Operation{
		OperationID: "unshare-job", Method: http.MethodDelete, Path: "/v1/jobs/{id}/shares/{link}", Tags: []string{"access"},
		Summary: "Call a link back", DefaultStatus: http.StatusNoContent,
		Description: "It ends within seconds, and so do the cookies that it was opened to; URLs of the object store that were given out on it end within their 15 minutes. One that has ended already is fine.",
		Errors:      []int{http.StatusConflict},
	}, a.unshareJob)
	a.mux.HandleFunc("GET /share", a.openShare)
}

// grants gives the signer, or what to answer where nobody signs in.
func (a *API) grants() (*auth.Grants, *Problem) {
	if a.cfg.Access == nil {
		return nil, problem(http.StatusConflict, problemNoSignIn, "Whoever reaches this stage can read every job: there is nothing to grant.")
	}
	return a.cfg.Access.Grants, nil
}

func (a *API) shareJob(ctx context.Context, in *struct {
	JobPath
	Body *ShareRequest
}) (*shareOutput, error) {
	rec, p := a.record(ctx, in.ID)
	if p != nil {
		return nil, p
	}
	grants, p := a.grants()
	if p != nil {
		return nil, p
	}
	within := shareFor
	if in.Body != nil && in.Body.ExpiresInS > 0 {
		within = time.Duration(in.Body.ExpiresInS) * time.Second
	}
	who, _ := auth.FromContext(ctx)
	grant := auth.Grant{Job: rec.ID, By: who.Subject, Link: rand.Text(), Expires: time.Now().Add(within).Truncate(time.Second)}
	token, err := grants.Sign(auth.Share, grant)
	if err == nil {
		err = a.links.note(ctx, grant)
	}
	if err != nil {
		return nil, a.broken(ctx, "make the link", err)
	}
	origin, _ := ctx.Value(originKey{}).(string)
	link := origin + "/share" + shareQuery(token)
	return &shareOutput{CacheControl: "no-store", Body: ShareLink{URL: link, Token: token, ID: grant.Link, ExpiresAt: grant.Expires.UTC()}}, nil
}

func (a *API) playJob(ctx context.Context, in *JobPath) (*playbackOutput, error) {
	rec, p := a.record(ctx, in.ID)
	if p != nil {
		return nil, p
	}
	if _, p := a.grants(); p != nil {
		return nil, p
	}
	who, _ := auth.FromContext(ctx)
	set, grant, err := a.playback(ctx, auth.Grant{Job: rec.ID, By: who.Subject, Expires: time.Now().Add(playbackFor)})
	if err != nil {
		return nil, a.broken(ctx, "make the cookie", err)
	}
	return &playbackOutput{SetCookie: []http.Cookie{set}, CacheControl: "no-store", Body: PlaybackGrant{ExpiresAt: grant.Expires.UTC()}}, nil
}

// playback makes the cookie of a grant.
func (a *API) playback(ctx context.Context, grant auth.Grant) (http.Cookie, auth.Grant, error) {
	grant.Expires = grant.Expires.Truncate(time.Second)
	token, err := a.cfg.Access.Grants.Sign(auth.Playback, grant)
	if err != nil {
		return http.Cookie{}, grant, fmt.Errorf("grant playback: %w", err)
	}
	return cookie(ctx, playbackCookie, token, jobsPath+grant.Job, grant.Expires), grant, nil
}

// openShare exchanges a link for a playback cookie and leads to the page, so
// that the token does not stay in the browser's address.
func (a *API) openShare(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	_, p := a.grants()
	if p != nil {
		writeProblem(w, p)
		return
	}
	grant, p := a.opened(r.Context(), auth.Share, r.URL.Query().Get(shareParameter))
	if p != nil {
		if p.Status == http.StatusUnauthorized && strings.Contains(r.Header.Get("Accept"), "text/html") { // a person, who is told by the page
			http.Redirect(w, r, "/#/refused", http.StatusSeeOther)
			return
		}
		p.Detail = strings.Replace(p.Detail, "The credential", "The link", 1)
		writeProblem(w, p)
		return
	}
	if last := time.Now().Add(playbackFor); grant.Expires.After(last) {
		grant.Expires = last
	}
	set, _, err := a.playback(r.Context(), grant)
	if err != nil {
		writeProblem(w, a.broken(r.Context(), "open the link", err))
		return
	}
	http.SetCookie(w, &set)
	http.Redirect(w, r, "/#/jobs/"+url.PathEscape(grant.Job), http.StatusSeeOther)
}

// shareQuery is the query of a URL that carries the token of a share link.
func shareQuery(token string) string { return "?" + url.Values{shareParameter: {token}}.Encode() }
