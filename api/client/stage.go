package client

import (
	"context"
	"fmt"
)

// Stage tells what the stage takes: profiles, limits and notices.
func (c *Client) Stage(ctx context.Context) (Stage, error) {
	resp, err := c.calls.GetStageWithResponse(ctx)
	if err != nil {
		return Stage{}, fmt.Errorf("ask for the stage: %w", err)
	}
	return answered(resp, resp.JSON200)
}

// Healthy fails when the API does not answer.
func (c *Client) Healthy(ctx context.Context) error {
	resp, err := c.calls.HealthzWithResponse(ctx)
	if err == nil {
		_, err = answered(resp, resp.JSON200)
	}
	return err
}
