package client

import (
	"context"
	"fmt"
	"time"

	"github.com/motionmill/motionmill/api/client/wire"
)

// Login signs in with a name and a password. The access token is for Config.Token.
func (c *Client) Login(ctx context.Context, name, password string) (SignedIn, error) {
	resp, err := c.calls.LoginWithResponse(ctx, wire.SignIn{Name: name, Password: password})
	if err != nil {
		return SignedIn{}, err
	}
	return answered(resp, resp.JSON200)
}

// Refresh exchanges a refresh token, which is then used up, for new tokens.
func (c *Client) Refresh(ctx context.Context, refresh string) (SignedIn, error) {
	resp, err := c.calls.RefreshWithResponse(ctx, nil, wire.RefreshRequest{RefreshToken: refresh})
	if err != nil {
		return SignedIn{}, err
	}
	return answered(resp, resp.JSON200)
}

// Logout ends the session of a refresh token.
func (c *Client) Logout(ctx context.Context, refresh string) error {
	_, err := c.calls.LogoutWithResponse(ctx, nil, wire.RefreshRequest{RefreshToken: refresh})
	return err
}

// WhoAmI tells whom the token stands for.
func (c *Client) WhoAmI(ctx context.Context) (Caller, error) {
	resp, err := c.calls.WhoAmIWithResponse(ctx)
	if err != nil {
		return Caller{}, err
	}
	return answered(resp, resp.JSON200)
}

// Share makes a link that lets others read one job, for a while; 0 is the
// stage's own choice.
func (c *Client) Share(ctx context.Context, id string, within time.Duration) (ShareLink, error) {
	resp, err := c.calls.ShareJobWithResponse(ctx, id, wire.ShareRequest{ExpiresInSeconds: int64(within.Seconds())})
	if err != nil {
		return ShareLink{}, fmt.Errorf("share job %s: %w", id, err)
	}
	return answered(resp, resp.JSON201)
}

// Shares gives the links to a job that are good.
func (c *Client) Shares(ctx context.Context, id string) ([]ShareNote, error) {
	resp, err := c.calls.ListSharesWithResponse(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("list the links to job %s: %w", id, err)
	}
	list, err := answered(resp, resp.JSON200)
	return list.Links, err
}

// Unshare calls a link to a job back, by the id of the link.
func (c *Client) Unshare(ctx context.Context, id, link string) error {
	if _, err := c.calls.UnshareJobWithResponse(ctx, id, link); err != nil {
		return fmt.Errorf("call back a link to job %s: %w", id, err)
	}
	return nil
}

// Play asks for the cookie with which a player fetches a job's files, for
// clients whose transport keeps cookies.
func (c *Client) Play(ctx context.Context, id string) (PlaybackGrant, error) {
	resp, err := c.calls.PlayJobWithResponse(ctx, id)
	if err != nil {
		return PlaybackGrant{}, fmt.Errorf("play job %s: %w", id, err)
	}
	return answered(resp, resp.JSON200)
}
