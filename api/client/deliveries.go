package client

import (
	"context"
	"fmt"
	"iter"
	"net/url"

	"github.com/motionmill/motionmill/api"
)

// Deliveries goes through the webhooks that have not been delivered, of a job
// or, with "", of all, the dead first, page by page. An error ends it.
func (c *Client) Deliveries(ctx context.Context, job string) iter.Seq2[api.Delivery, error] {
	query := url.Values{}
	if job != "" {
		query.Set("job", job)
	}
	return pages(ctx, c, "list the webhooks", "/v1/deliveries", query, func(page api.DeliveryList) ([]api.Delivery, string) {
		return page.Deliveries, page.Cursor
	})
}

// Redeliver has a dead webhook tried for another day.
func (c *Client) Redeliver(ctx context.Context, id string) error {
	if err := c.post(ctx, "/v1/deliveries/"+url.PathEscape(id)+"/redeliver", nil, &api.Redelivered{}); err != nil {
		return fmt.Errorf("redeliver %s: %w", id, err)
	}
	return nil
}
