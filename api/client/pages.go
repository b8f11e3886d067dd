package client

import (
	"fmt"
	"iter"
)

// pages goes through a list of the API, page by page: get asks for the page
// behind a cursor, nil for the first, and gives what it holds and the cursor of
// the next, "" on the last. An error, which says what was done, ends it.
func pages[Item any](what string, get func(cursor *string) ([]Item, string, error)) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		var cursor *string // It may be gone through again, from the start.
		for {
			items, next, err := get(cursor)
			if err != nil {
				var none Item
				yield(none, fmt.Errorf("%s: %w", what, err))
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			cursor = &next
		}
	}
}

// given is nil for what is left out of a query.
func given[T comparable](value T) *T {
	var none T
	if value == none {
		return nil
	}
	return &value
}
