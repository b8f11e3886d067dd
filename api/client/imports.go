package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/motionmill/motionmill/api"
)

// CreateImport asks the stage to fetch a video from a server.
func (c *Client) CreateImport(ctx context.Context, source api.NewImport) (api.Import, error) {
	var started api.Import
	if err := c.post(ctx, "/v1/imports", source, &started); err != nil {
		return started, fmt.Errorf("ask for an import: %w", err)
	}
	return started, nil
}

// Import asks how far an import is.
func (c *Client) Import(ctx context.Context, id string) (api.Import, error) {
	var state api.Import
	if err := c.call(ctx, http.MethodGet, "/v1/imports/"+url.PathEscape(id), nil, &state); err != nil {
		return state, fmt.Errorf("ask for import %s: %w", id, err)
	}
	return state, nil
}

// WaitImport waits until an import has been fetched, and fails when it could
// not be. progress, which may be nil, is told the bytes so far and the size, 0
// while that is unknown.
func (c *Client) WaitImport(ctx context.Context, id string, progress func(done, total int64)) error {
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		var state api.Import
		err := c.again(ctx, func(int) error {
			var err error
			state, err = c.Import(ctx, id)
			return err
		})
		switch {
		case err != nil:
			return err
		case state.State == api.ImportReceived:
			return nil
		case state.State == api.ImportFailed && state.Error != nil:
			return fmt.Errorf("import %s: %s: %s", id, state.Error.Kind, state.Error.Message)
		}
		if progress != nil && state.Bytes > 0 {
			progress(state.Bytes, state.Total)
		}
		if err := wait(ctx, pause); err != nil {
			return fmt.Errorf("wait for import %s (%s so far): %w", id, state.State, err)
		}
	}
}
