package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/motionmill/motionmill/auth"
	"github.com/motionmill/motionmill/job"
)

// Access says who may use the API. Without it whoever reaches the API may do
// everything: it is then meant to listen on loopback.
type Access struct {
	// Verifier reads bearer tokens. Required.
	Verifier Verifier
	// Accounts, when set, lets people sign in with a name and a password.
	Accounts Accounts
	// Grants signs share links and playback cookies. Required.
	Grants *auth.Grants
}

// Verifier proves who sent a bearer token.
type Verifier interface {
	// Verify fails with a *auth.Denied when the token is at fault.
	Verify(ctx context.Context, token string) (auth.Identity, error)
}

// Accounts begins, goes on with and ends sessions of users.
type Accounts interface {
	// Login fails with a *auth.Denied or a *auth.TooMany.
	Login(ctx context.Context, name, password, address string) (auth.Tokens, error)
	// Refresh fails with a *auth.Denied.
	Refresh(ctx context.Context, refresh string) (auth.Tokens, error)
	// Logout ends a session by its id, LogoutBy by its refresh token.
	Logout(ctx context.Context, session string) error
	LogoutBy(ctx context.Context, refresh string) error
}

// The problems of access.
const (
	problemUnknown   = "unauthenticated"
	problemToken     = "invalid-token"
	problemRole      = "forbidden-role"
	problemGrantOnly = "forbidden-grant"
)

const (
	jobsPath = "/v1/jobs/"
	// grantedStream is how long an event stream may be that a link or a cookie
	// was opened to; who listens connects again.
	grantedStream = 10 * time.Minute
)

// openCalls need no credential. Whatever is not named here does.
func openCalls() []string {
	return []string{
		"GET /{$}", "GET /docs", "GET /openapi.json", "GET /openapi.yaml", "GET /openapi-3.0.json", "GET /openapi-3.0.yaml",
		"GET /healthz", "GET /v1/stage", "POST /v1/auth/login", "POST /v1/auth/refresh", "POST /v1/auth/logout", "GET /share",
	}
}

// isOpen tells whether a pattern of the mux needs no credential: those calls,
// the files of the page and of the documentation, and what is not there at all.
func (a *API) isOpen(pattern string) bool {
	_, isPage := a.page.files[strings.TrimPrefix(pattern, "GET ")]
	isDocs := strings.HasPrefix(pattern, "GET /docs/") // scripts and styles
	return pattern == "" || isPage || isDocs || slices.Contains(openCalls(), pattern)
}

// roleFor gives the least role that a call needs: what only reads, or only
// lets a player read, is for viewers.
func roleFor(pattern string) auth.Role {
	method, path, _ := strings.Cut(pattern, " ")
	switch {
	case strings.HasPrefix(path, "/v1/unreadable"), strings.HasPrefix(path, "/v1/deliveries"):
		return auth.Admin
	case method == http.MethodGet, path == "/v1/jobs/{id}/playback":
		return auth.Viewer
	default:
		return auth.Uploader
	}
}

// forGrants tells whether a call is one that a share link or a playback cookie
// is good for.
func forGrants(pattern string) bool {
	return slices.Contains([]string{"GET /v1/jobs/{id}", "GET /v1/jobs/{id}/events", "GET /v1/jobs/{id}/files/{path...}"}, pattern)
}

type refusalKey struct{}

// known finds out who asks, before anything is counted or logged. Whoever
// proves nothing is let through to permitted, which refuses them: by then they
// count for their address.
func (a *API) known(next http.Handler) http.Handler {
	if a.cfg.Access == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := a.mux.Handler(r)
		if a.isOpen(pattern) {
			next.ServeHTTP(w, r)
			return
		}
		ctx := r.Context()
		who, p := a.caller(r, pattern)
		if p != nil {
			ctx = context.WithValue(ctx, refusalKey{}, p)
		} else {
			ctx = auth.NewContext(ctx, who)
			if who.Job == "" { // Who holds a link is not its owner.
				ctx = WithOwner(ctx, who.Subject)
			}
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// permitted refuses calls that whoever asks may not make.
func (a *API) permitted(next http.Handler) http.Handler {
	if a.cfg.Access == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := a.mux.Handler(r)
		if a.isOpen(pattern) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Add("Vary", "Authorization, Cookie")
		w.Header().Set("Cache-Control", "private, no-cache")
		if p := a.forbid(r.Context(), pattern); p != nil {
			if p.Status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", challenge(p))
			}
			writeProblem(w, p)
			return
		}
		if who, _ := auth.FromContext(r.Context()); strings.HasSuffix(pattern, "/events") && !who.Expires.IsZero() {
			// A stream must not outlive the credential that it was opened with, nor a
			// link by long that is called back.
			ends := who.Expires
			if last := time.Now().Add(grantedStream); who.Job != "" && ends.After(last) {
				ends = last
			}
			ctx, cancel := context.WithDeadline(r.Context(), ends)
			defer cancel()
			r = r.WithContext(ctx)
		}
		next.ServeHTTP(w, r)
	})
}

// challenge is the header of RFC 6750, section 3.
func challenge(p *Problem) string {
	if p.Type == ProblemPrefix+problemToken {
		return `Bearer realm="motionmill", error="invalid_token"`
	}
	return `Bearer realm="motionmill"`
}

// forbid says why a call may not be made; nil when it may.
func (a *API) forbid(ctx context.Context, pattern string) *Problem {
	if p, refused := ctx.Value(refusalKey{}).(*Problem); refused {
		return p
	}
	who, ok := auth.FromContext(ctx)
	need := roleFor(pattern)
	switch {
	case !ok:
		return unknownCaller()
	case who.Job != "" && !forGrants(pattern):
		return problem(http.StatusForbidden, problemGrantOnly, "A share link or a playback cookie lets you read one job and nothing else. Sign in for more.")
	case who.Role < need:
		return problem(http.StatusForbidden, problemRole, "This takes the role "+need.String()+", and yours is "+who.Role.String()+". Ask who runs this stage for it.")
	}
	return nil
}

func unknownCaller() *Problem {
	return problem(http.StatusUnauthorized, problemUnknown, "Sign in, or send a token: Authorization: Bearer TOKEN.")
}

// caller reads the credentials of a request: the header, else the token of a
// share link, else cookies. What is sent on purpose is not made up for by what
// a browser adds.
func (a *API) caller(r *http.Request, pattern string) (auth.Identity, *Problem) {
	ctx := r.Context()
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return auth.Identity{}, unknownCaller()
		}
		return a.verify(ctx, strings.TrimSpace(token))
	}
	if token := r.URL.Query().Get(shareParameter); token != "" && forGrants(pattern) {
		return a.granted(ctx, auth.Share, token)
	}
	if forGrants(pattern) { // Before the session: a link of somebody else's job may have set it.
		for _, cookie := range r.CookiesNamed(playbackCookie) {
			if who, denied := a.granted(ctx, auth.Playback, cookie.Value); denied == nil {
				return who, nil
			}
		}
	}
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		return a.verify(ctx, cookie.Value)
	}
	return auth.Identity{}, unknownCaller()
}

func (a *API) verify(ctx context.Context, token string) (auth.Identity, *Problem) {
	who, err := a.cfg.Access.Verifier.Verify(ctx, token)
	if err != nil {
		return who, a.denied(ctx, "check the token", err)
	}
	return who, nil
}

func (a *API) granted(ctx context.Context, purpose auth.Purpose, token string) (auth.Identity, *Problem) {
	grant, p := a.opened(ctx, purpose, token)
	if p != nil {
		return auth.Identity{}, p
	}
	return auth.Identity{Subject: grant.By, Role: auth.Viewer, Expires: grant.Expires, Job: grant.Job}, nil
}

// opened reads a grant that has not been called back.
func (a *API) opened(ctx context.Context, purpose auth.Purpose, token string) (auth.Grant, *Problem) {
	grant, err := a.cfg.Access.Grants.Open(purpose, token)
	if err == nil && grant.Link != "" {
		err = a.links.good(ctx, grant)
	}
	if err != nil {
		return auth.Grant{}, a.denied(ctx, "check the link", err)
	}
	return grant, nil
}

// denied tells a client what is wrong with a credential, and the log when it is
// not the client's fault.
func (a *API) denied(ctx context.Context, op string, err error) *Problem {
	var denied *auth.Denied
	if !errors.As(err, &denied) {
		return a.broken(ctx, op, err)
	}
	return problem(http.StatusUnauthorized, problemToken, "The credential is refused: "+denied.Error()+".")
}

// mayRead tells whether whoever asks may know of a job.
func (a *API) mayRead(ctx context.Context, rec job.Record) bool {
	if a.cfg.Access == nil {
		return true
	}
	who, ok := auth.FromContext(ctx)
	switch {
	case !ok:
		return false
	case who.Job != "":
		return who.Job == rec.ID
	case who.Role == auth.Admin:
		return true
	default:
		return OwnerOf(rec) == who.Subject
	}
}

// readable narrows a filter to the jobs that whoever asks may know of.
func (a *API) readable(ctx context.Context, f job.Filter) job.Filter {
	if who, ok := auth.FromContext(ctx); ok && who.Role < auth.Admin {
		f.KeyPrefix = ownerPrefix(who.Subject)
	}
	return f
}

// ownerPrefix is what the keys of an owner's uploads begin with.
func ownerPrefix(owner string) string {
	return "uploads/" + ownerFolder + ownerEncoding.EncodeToString([]byte(owner)) + "/"
}
