package client

import (
	"context"
	"fmt"
	"iter"

	"github.com/motionmill/motionmill/api/client/wire"
)

// Deliveries goes through the webhooks that have not been delivered, of a job
// or, with "", of all, the dead first, page by page. An error ends it.
func (c *Client) Deliveries(ctx context.Context, job string) iter.Seq2[Delivery, error] {
	return pages("list the webhooks", func(cursor *string) ([]Delivery, string, error) {
		resp, err := c.calls.ListDeliveriesWithResponse(ctx, &wire.ListDeliveriesParams{Job: given(job), Cursor: cursor})
		if err != nil {
			return nil, "", err
		}
		page, err := answered(resp, resp.JSON200)
		return page.Deliveries, page.Cursor, err
	})
}

// Redeliver has a dead webhook tried for another day.
func (c *Client) Redeliver(ctx context.Context, id string) error {
	_, err := once(ctx, c, func(key *string) (wire.Redelivered, error) {
		resp, err := c.calls.RedeliverWithResponse(ctx, id, wanting("Idempotency-Key", *key))
		if err != nil {
			return wire.Redelivered{}, err
		}
		return answered(resp, resp.JSON202)
	})
	if err != nil {
		return fmt.Errorf("redeliver %s: %w", id, err)
	}
	return nil
}
