package client

import (
	"context"
	"fmt"
	"time"

	"github.com/motionmill/motionmill/api/client/wire"
)

// CreateImport asks the stage to fetch a video from a server.
func (c *Client) CreateImport(ctx context.Context, source NewImport) (Import, error) {
	started, err := once(ctx, c, func(key *string) (Import, error) {
		resp, err := c.calls.CreateImportWithResponse(ctx, &wire.CreateImportParams{IdempotencyKey: key}, source)
		if err != nil {
			return Import{}, err
		}
		return answered(resp, resp.JSON202)
	})
	if err != nil {
		return started, fmt.Errorf("ask for an import: %w", err)
	}
	return started, nil
}

// Import asks how far an import is.
func (c *Client) Import(ctx context.Context, id string) (Import, error) {
	resp, err := c.calls.GetImportWithResponse(ctx, id)
	if err != nil {
		return Import{}, fmt.Errorf("ask for import %s: %w", id, err)
	}
	return answered(resp, resp.JSON200)
}

// WaitImport waits until an import has been fetched, and fails when it could
// not be. progress, which may be nil, is told the bytes so far and the size, 0
// while that is unknown.
func (c *Client) WaitImport(ctx context.Context, id string, progress func(done, total int64)) error {
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		var state Import
		err := c.again(ctx, func(int) error {
			var err error
			state, err = c.Import(ctx, id)
			return err
		})
		switch {
		case err != nil:
			return err
		case state.State == wire.ImportStateReceived:
			return nil
		case state.State == wire.ImportStateFailed && state.Error != nil:
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
