package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"

	"github.com/motionmill/motionmill/api"
)

// Deliveries goes through the webhooks that have not been delivered, of a job
// or, with "", of all, the dead first, page by page. An error ends it.
func (c *Client) Deliveries(ctx context.Context, job string) iter.Seq2[api.Delivery, error] {
	return func(yield func(api.Delivery, error) bool) {
		query := url.Values{}
		if job != "" {
			query.Set("job", job)
		}
		for {
			var page api.DeliveryList
			if err := c.call(ctx, http.MethodGet, "/v1/deliveries?"+query.Encode(), nil, &page); err != nil {
				yield(api.Delivery{}, fmt.Errorf("list the webhooks: %w", err))
				return
			}
			for _, d := range page.Deliveries {
				if !yield(d, nil) {
					return
				}
			}
			if page.Cursor == "" {
				return
			}
			query.Set("cursor", page.Cursor)
		}
	}
}

// Redeliver has a dead webhook tried for another day.
func (c *Client) Redeliver(ctx context.Context, id string) error {
	if err := c.post(ctx, "/v1/deliveries/"+url.PathEscape(id)+"/redeliver", nil, &api.Redelivered{}); err != nil {
		return fmt.Errorf("redeliver %s: %w", id, err)
	}
	return nil
}
