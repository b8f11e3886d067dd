package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/motionmill/motionmill/api"
)

// Login signs in with a name and a password. The access token is for Config.Token.
func (c *Client) Login(ctx context.Context, name, password string) (api.SignedIn, error) {
	var session api.SignedIn
	err := c.call(ctx, http.MethodPost, "/v1/auth/login", api.SignIn{Name: name, Password: password}, &session)
	return session, err
}

// Refresh exchanges a refresh token, which is then used up, for new tokens.
func (c *Client) Refresh(ctx context.Context, refresh string) (api.SignedIn, error) {
	var session api.SignedIn
	err := c.call(ctx, http.MethodPost, "/v1/auth/refresh", api.RefreshRequest{RefreshToken: refresh}, &session)
	return session, err
}

// Logout ends the session of a refresh token.
func (c *Client) Logout(ctx context.Context, refresh string) error {
	return c.call(ctx, http.MethodPost, "/v1/auth/logout", api.RefreshRequest{RefreshToken: refresh}, nil)
}

// WhoAmI tells whom the token stands for.
func (c *Client) WhoAmI(ctx context.Context) (api.Caller, error) {
	var who api.Caller
	err := c.call(ctx, http.MethodGet, "/v1/auth/me", nil, &who)
	return who, err
}

// Share makes a link that lets others read one job, for a while; 0 is the
// stage's own choice.
func (c *Client) Share(ctx context.Context, id string, within time.Duration) (api.ShareLink, error) {
	var link api.ShareLink
	request := api.ShareRequest{ExpiresInS: int64(within.Seconds())}
	if err := c.call(ctx, http.MethodPost, "/v1/jobs/"+url.PathEscape(id)+"/shares", request, &link); err != nil {
		return link, fmt.Errorf("share job %s: %w", id, err)
	}
	return link, nil
}

// Play asks for the cookie with which a player fetches a job's files, for
// clients whose transport keeps cookies.
func (c *Client) Play(ctx context.Context, id string) (api.PlaybackGrant, error) {
	var grant api.PlaybackGrant
	if err := c.call(ctx, http.MethodPost, "/v1/jobs/"+url.PathEscape(id)+"/playback", nil, &grant); err != nil {
		return grant, fmt.Errorf("play job %s: %w", id, err)
	}
	return grant, nil
}
