package client

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
)

// pages goes through a list of the API, page by page; parts gives what a page
// holds and the cursor of the next, "" on the last. An error, which says what was
// done, ends it.
func pages[Page, Item any](
	ctx context.Context, c *Client, what, path string, query url.Values, parts func(Page) ([]Item, string),
) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		query := maps.Clone(query) // It may be gone through again, from the start.
		for {
			var page Page
			if err := c.call(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &page); err != nil {
				var none Item
				yield(none, fmt.Errorf("%s: %w", what, err))
				return
			}
			items, cursor := parts(page)
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if cursor == "" {
				return
			}
			query.Set("cursor", cursor)
		}
	}
}
