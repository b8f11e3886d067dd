package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/motionmill/motionmill/auth"
)

// The cookies. Each goes no further than its path, is hidden from scripts, and
// is not sent along by pages of other sites.
const (
	sessionCookie  = "motionmill_session"
	refreshCookie  = "motionmill_refresh"
	playbackCookie = "motionmill_playback"
	sessionPath    = "/v1"
	refreshPath    = "/v1/auth"
)

// The ways in which a stage lets people in.
const (
	SignInNone     = "none"
	SignInPassword = "password"
	SignInToken    = "token"
)

const (
	problemPassword   = "wrong-password"
	problemTooMany    = "too-many-attempts"
	problemNoPassword = "no-password-sign-in"
)

// SignIn is a name and a password.
type SignIn struct {
	Name     string `json:"name"`
	Password string `json:"password" format:"password" writeOnly:"true"`
	Cookie   bool   `json:"cookie,omitempty" doc:"For browsers: the tokens are set as cookies that scripts cannot read, and are not in the answer."`
}

// SignedIn is a session, and the tokens of it unless they are in cookies.
type SignedIn struct {
	Name             string    `json:"name"`
	Role             string    `json:"role" enum:"viewer,uploader,admin"`
	TokenType        string    `json:"token_type" enum:"Bearer"`
	AccessToken      string    `json:"access_token,omitempty" doc:"For the header Authorization: Bearer."`
	ExpiresAt        time.Time `json:"expires_at" doc:"When the access token ends."`
	RefreshToken     string    `json:"refresh_token,omitempty" doc:"Good for one POST /v1/auth/refresh. Used twice, it ends the session."`
	RefreshExpiresAt time.Time `json:"refresh_expires_at" doc:"When the session ends unless it is refreshed."`
}

// RefreshRequest holds a refresh token; it may be left out where it is in a cookie.
type RefreshRequest struct {
	RefreshToken string `json:"refresh_token,omitempty" writeOnly:"true"`
}

// Caller is who asks.
type Caller struct {
	Subject   string    `json:"subject" doc:"The owner of what is uploaded; empty where nobody signs in."`
	Role      string    `json:"role" enum:"none,viewer,uploader,admin"`
	ExpiresAt time.Time `json:"expires_at,omitzero" doc:"When the credential ends."`
}

type signedInOutput struct {
	SetCookie    []http.Cookie `header:"Set-Cookie"`
	CacheControl string        `header:"Cache-Control"`
	Body         SignedIn
}

type signedOutOutput struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
}

type callerOutput struct{ Body Caller }

func (a *API) registerSignIn() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "login", Method: http.MethodPost, Path: "/v1/auth/login", Tags: []string{"access"},
		Summary: "Sign in with a name and a password", DefaultStatus: http.StatusOK,
		Description: "Where the stage keeps its own users. After five wrong passwords within a quarter of an hour the answer is 429.",
		Errors:      []int{http.StatusNotFound},
	}, a.login)
	huma.Register(a.huma, huma.Operation{
		OperationID: "refresh", Method: http.MethodPost, Path: "/v1/auth/refresh", Tags: []string{"access"},
		Summary: "Exchange a refresh token for new tokens", DefaultStatus: http.StatusOK,
		Description: "The token is then used up. Using it again ends the session, since two hold it.",
		Errors:      []int{http.StatusNotFound},
	}, a.refresh)
	huma.Register(a.huma, huma.Operation{
		OperationID: "logout", Method: http.MethodPost, Path: "/v1/auth/logout", Tags: []string{"access"},
		Summary: "End the session, at once", DefaultStatus: http.StatusNoContent,
		Description: "By the refresh token, the cookies, or the access token. A session that has ended already is fine.",
		Errors:      []int{http.StatusNotFound},
	}, a.logout)
	huma.Register(a.huma, huma.Operation{
		OperationID: "who-am-i", Method: http.MethodGet, Path: "/v1/auth/me", Tags: []string{"access"}, Summary: "Who asks, and in which role",
	}, a.whoAmI)
}

// signIn tells a page how people get in.
func (a *API) signIn() string {
	switch {
	case a.cfg.Access == nil:
		return SignInNone
	case a.cfg.Access.Accounts == nil:
		return SignInToken
	default:
		return SignInPassword
	}
}

// accounts gives the store of users, or what to answer where there is none.
func (a *API) accounts() (Accounts, *Problem) {
	switch a.signIn() {
	case SignInPassword:
		return a.cfg.Access.Accounts, nil
	case SignInToken:
		return nil, problem(http.StatusNotFound, problemNoPassword, "This stage keeps no passwords. Get a token from your identity provider and send it: Authorization: Bearer TOKEN.")
	default:
		return nil, problem(http.StatusNotFound, problemNoPassword, "Nobody has to sign in to this stage.")
	}
}

func (a *API) login(ctx context.Context, in *struct{ Body SignIn }) (*signedInOutput, error) {
	accounts, p := a.accounts()
	if p != nil {
		return nil, p
	}
	tokens, err := accounts.Login(ctx, in.Body.Name, in.Body.Password, strings.TrimPrefix(payerFrom(ctx), "address "))
	if err != nil {
		return nil, a.notSignedIn(ctx, err)
	}
	return signedIn(ctx, tokens, in.Body.Cookie), nil
}

// notSignedIn answers a sign-in that failed. The name is not logged: people
// type passwords into that field.
func (a *API) notSignedIn(ctx context.Context, err error) error {
	var denied *auth.Denied
	var tooMany *auth.TooMany
	switch {
	case errors.As(err, &tooMany):
		p := problem(http.StatusTooManyRequests, problemTooMany, "There were "+tooMany.Error()+".")
		return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {seconds(tooMany.RetryAfter)}})
	case errors.As(err, &denied):
		a.log.InfoContext(ctx, "sign-in refused", "reason", denied.Reason, "payer", payerFrom(ctx))
		return problem(http.StatusUnauthorized, problemPassword, "Name or password is wrong.")
	default:
		return a.broken(ctx, "sign in", err)
	}
}

func (a *API) refresh(ctx context.Context, in *struct {
	Cookie string `cookie:"motionmill_refresh" doc:"The refresh token, where the body has none."`
	Body   *RefreshRequest
}) (*signedInOutput, error) {
	accounts, p := a.accounts()
	if p != nil {
		return nil, p
	}
	token, inCookie := in.Cookie, true
	if in.Body != nil && in.Body.RefreshToken != "" {
		token, inCookie = in.Body.RefreshToken, false
	}
	tokens, err := accounts.Refresh(ctx, token)
	if err == nil {
		return signedIn(ctx, tokens, inCookie), nil
	}
	var denied *auth.Denied
	if errors.As(err, &denied) && denied.Reason == auth.Reused {
		a.log.WarnContext(ctx, "a refresh token came twice; its session is ended", "owner", denied.Subject, "payer", payerFrom(ctx))
	}
	p = a.denied(ctx, "refresh the session", err)
	if denied == nil || !inCookie {
		return nil, p
	}
	head := http.Header{}
	for _, cookie := range noCookies(ctx) {
		head.Add("Set-Cookie", cookie.String())
	}
	return nil, huma.ErrorWithHeaders(p, head)
}

func (a *API) logout(ctx context.Context, in *struct {
	Refresh       string `cookie:"motionmill_refresh"`
	Session       string `cookie:"motionmill_session"`
	Authorization string `header:"Authorization"`
	Body          *RefreshRequest
}) (*signedOutOutput, error) {
	accounts, p := a.accounts()
	if p != nil {
		return nil, p
	}
	refresh := in.Refresh
	if in.Body != nil && in.Body.RefreshToken != "" {
		refresh = in.Body.RefreshToken
	}
	if refresh != "" {
		if err := accounts.LogoutBy(ctx, refresh); err != nil {
			return nil, a.broken(ctx, "sign out", err)
		}
	}
	_, bearer, _ := strings.Cut(in.Authorization, " ")
	for _, access := range []string{strings.TrimSpace(bearer), in.Session} {
		who, err := a.cfg.Access.Verifier.Verify(ctx, access)
		if err == nil {
			err = accounts.Logout(ctx, who.Session)
		}
		var denied *auth.Denied
		if err != nil && !errors.As(err, &denied) { // A token that is refused belongs to no session.
			return nil, a.broken(ctx, "sign out", err)
		}
	}
	return &signedOutOutput{noCookies(ctx)}, nil
}

func (a *API) whoAmI(ctx context.Context, _ *struct{}) (*callerOutput, error) {
	if a.cfg.Access == nil {
		return &callerOutput{Caller{Role: auth.Admin.String()}}, nil
	}
	who, _ := auth.FromContext(ctx)
	return &callerOutput{Caller{Subject: who.Subject, Role: who.Role.String(), ExpiresAt: utc(who.Expires)}}, nil
}

func signedIn(ctx context.Context, tokens auth.Tokens, inCookies bool) *signedInOutput {
	out := &signedInOutput{CacheControl: "no-store", Body: SignedIn{
		Name: tokens.Identity.Subject, Role: tokens.Identity.Role.String(), TokenType: "Bearer",
		ExpiresAt: tokens.AccessExpires.UTC(), RefreshExpiresAt: tokens.RefreshExpires.UTC(),
	}}
	if inCookies {
		out.SetCookie = []http.Cookie{
			cookie(ctx, sessionCookie, tokens.Access, sessionPath, tokens.AccessExpires),
			cookie(ctx, refreshCookie, tokens.Refresh, refreshPath, tokens.RefreshExpires),
		}
		return out
	}
	out.Body.AccessToken, out.Body.RefreshToken = tokens.Access, tokens.Refresh
	return out
}

// noCookies has a browser forget the session.
func noCookies(ctx context.Context) []http.Cookie {
	return []http.Cookie{cookie(ctx, sessionCookie, "", sessionPath, time.Time{}), cookie(ctx, refreshCookie, "", refreshPath, time.Time{})}
}

// cookie makes a cookie that ends at a time; the zero time has it forgotten.
func cookie(ctx context.Context, name, value, path string, ends time.Time) http.Cookie {
	origin, _ := ctx.Value(originKey{}).(string)
	c := http.Cookie{
		Name: name, Value: value, Path: path, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: strings.HasPrefix(origin, "https://"), MaxAge: -1,
	}
	if left := int(time.Until(ends).Seconds()); !ends.IsZero() && left > 0 {
		c.MaxAge = left
	}
	return c
}

// hardened sets the headers that keep a browser from what no answer needs.
func (a *API) hardened(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("X-Frame-Options", "DENY") // what frame-ancestors says, for older browsers
	head.Set("Permissions-Policy", "camera=(self), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()")
	if r.URL.Query().Get(shareParameter) == "" { // A shared result may be embedded anywhere.
		head.Set("Cross-Origin-Resource-Policy", "same-site")
	}
	if strings.HasPrefix(a.originOf(r), "https://") {
		head.Set("Strict-Transport-Security", "max-age="+strconv.Itoa(365*24*60*60))
	}
}
