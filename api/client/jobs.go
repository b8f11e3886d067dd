package client

import (
	"context"
	"fmt"
	"iter"

	"github.com/motionmill/motionmill/api/client/wire"
)

// Filter selects jobs for a list; empty fields select all.
type Filter struct {
	States  []JobState
	Profile string
	// Page is how many jobs one request asks for, 1 to 200. Default: 50.
	Page int
}

// Job reads one job, with its files once it has succeeded.
func (c *Client) Job(ctx context.Context, id string) (Job, error) {
	resp, err := c.calls.GetJobWithResponse(ctx, id)
	if err != nil {
		return Job{}, err
	}
	return answered(resp, resp.JSON200)
}

// Cancel cancels a job that is not final.
func (c *Client) Cancel(ctx context.Context, id string) (Job, error) {
	return once(ctx, c, func(key *string) (Job, error) {
		resp, err := c.calls.CancelJobWithResponse(ctx, id, &wire.CancelJobParams{IdempotencyKey: key})
		if err != nil {
			return Job{}, err
		}
		return answered(resp, resp.JSON202)
	})
}

// Retry has a dead or cancelled job tried again. The job is returned as it
// still stands; its state changes when a worker has read the message.
func (c *Client) Retry(ctx context.Context, id string) (Job, error) {
	return once(ctx, c, func(key *string) (Job, error) {
		resp, err := c.calls.RetryJobWithResponse(ctx, id, &wire.RetryJobParams{IdempotencyKey: key})
		if err != nil {
			return Job{}, err
		}
		return answered(resp, resp.JSON202)
	})
}

// Redrive puts the named jobs back, all or none, and returns how many.
func (c *Client) Redrive(ctx context.Context, ids ...string) (int, error) {
	return c.redrive(ctx, wire.RedriveRequest{Jobs: ids})
}

// RedriveAll puts every dead job back and returns how many.
func (c *Client) RedriveAll(ctx context.Context) (int, error) {
	return c.redrive(ctx, wire.RedriveRequest{All: true})
}

func (c *Client) redrive(ctx context.Context, request wire.RedriveRequest) (int, error) {
	done, err := once(ctx, c, func(key *string) (wire.Redriven, error) {
		resp, err := c.calls.RedriveWithResponse(ctx, &wire.RedriveParams{IdempotencyKey: key}, request)
		if err != nil {
			return wire.Redriven{}, err
		}
		return answered(resp, resp.JSON202)
	})
	if err != nil {
		return 0, fmt.Errorf("redrive: %w", err)
	}
	return int(done.Count), nil
}

// Unreadable gives the oldest messages that no worker could read, and how many
// there are.
func (c *Client) Unreadable(ctx context.Context) (Unreadable, error) {
	resp, err := c.calls.ListUnreadableWithResponse(ctx, nil)
	if err != nil {
		return Unreadable{}, fmt.Errorf("list the unreadable messages: %w", err)
	}
	return answered(resp, resp.JSON200)
}

// Discard throws unreadable messages away, by id, and returns how many.
func (c *Client) Discard(ctx context.Context, ids ...string) (int, error) {
	done, err := once(ctx, c, func(key *string) (wire.Discarded, error) {
		resp, err := c.calls.DiscardUnreadableWithResponse(ctx, &wire.DiscardUnreadableParams{IdempotencyKey: key}, wire.DiscardRequest{Messages: ids})
		if err != nil {
			return wire.Discarded{}, err
		}
		return answered(resp, resp.JSON200)
	})
	if err != nil {
		return 0, fmt.Errorf("discard messages: %w", err)
	}
	return int(done.Count), nil
}

// Jobs goes through the jobs that f selects, newest first, page by page. An
// error ends it.
func (c *Client) Jobs(ctx context.Context, f Filter) iter.Seq2[Job, error] {
	query := wire.ListJobsParams{Limit: given(int64(f.Page)), Profile: given(f.Profile)}
	if len(f.States) > 0 {
		query.State = &f.States
	}
	return pages("list the jobs", func(cursor *string) ([]Job, string, error) {
		query := query
		query.Cursor = cursor
		resp, err := c.calls.ListJobsWithResponse(ctx, &query)
		if err != nil {
			return nil, "", err
		}
		page, err := answered(resp, resp.JSON200)
		return page.Jobs, page.Cursor, err
	})
}
