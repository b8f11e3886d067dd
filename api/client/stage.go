package client

import (
	"context"
	"fmt"
	"net/http"

	"github.com/motionmill/motionmill/api"
)

// Stage tells what the stage takes: profiles, limits and notices.
func (c *Client) Stage(ctx context.Context) (api.Stage, error) {
	var stage api.Stage
	if err := c.call(ctx, http.MethodGet, "/v1/stage", nil, &stage); err != nil {
		return stage, fmt.Errorf("ask for the stage: %w", err)
	}
	return stage, nil
}

// Healthy fails when the API does not answer.
func (c *Client) Healthy(ctx context.Context) error {
	return c.call(ctx, http.MethodGet, "/healthz", nil, nil)
}
