package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
)

// Filter selects jobs for a list; empty fields select all.
type Filter struct {
	States  []job.State
	Profile string
	// Page is how many jobs one request asks for, 1 to 200. Default: 50.
	Page int
}

// Job reads one job, with its files once it has succeeded.
func (c *Client) Job(ctx context.Context, id string) (api.Job, error) {
	return c.jobCall(ctx, http.MethodGet, id, "")
}

// Cancel cancels a job that is not final.
func (c *Client) Cancel(ctx context.Context, id string) (api.Job, error) {
	return c.jobCall(ctx, http.MethodPost, id, "/cancel")
}

// Retry has a dead or cancelled job tried again. The job is returned as it
// still stands; its state changes when a worker has read the message.
func (c *Client) Retry(ctx context.Context, id string) (api.Job, error) {
	return c.jobCall(ctx, http.MethodPost, id, "/retry")
}

func (c *Client) jobCall(ctx context.Context, method, id, action string) (api.Job, error) {
	var j api.Job
	path := "/v1/jobs/" + url.PathEscape(id) + action
	if method == http.MethodPost {
		return j, c.post(ctx, path, nil, &j)
	}
	return j, c.call(ctx, method, path, nil, &j)
}

// Redrive puts the named jobs back, all or none, and returns how many.
func (c *Client) Redrive(ctx context.Context, ids ...string) (int, error) {
	return c.redrive(ctx, api.RedriveRequest{Jobs: ids})
}

// RedriveAll puts every dead job back and returns how many.
func (c *Client) RedriveAll(ctx context.Context) (int, error) {
	return c.redrive(ctx, api.RedriveRequest{All: true})
}

func (c *Client) redrive(ctx context.Context, request api.RedriveRequest) (int, error) {
	var answer api.Redriven
	if err := c.post(ctx, "/v1/redrive", request, &answer); err != nil {
		return 0, fmt.Errorf("redrive: %w", err)
	}
	return answer.Count, nil
}

// Unreadable gives the oldest messages that no worker could read, and how many
// there are.
func (c *Client) Unreadable(ctx context.Context) (api.Unreadable, error) {
	var found api.Unreadable
	if err := c.call(ctx, http.MethodGet, "/v1/unreadable", nil, &found); err != nil {
		return api.Unreadable{}, fmt.Errorf("list the unreadable messages: %w", err)
	}
	return found, nil
}

// Discard throws unreadable messages away, by id, and returns how many.
func (c *Client) Discard(ctx context.Context, ids ...string) (int, error) {
	var answer api.Discarded
	if err := c.post(ctx, "/v1/unreadable/discard", api.DiscardRequest{Messages: ids}, &answer); err != nil {
		return 0, fmt.Errorf("discard messages: %w", err)
	}
	return answer.Count, nil
}

// Jobs goes through the jobs that f selects, newest first, page by page. An
// error ends it.
func (c *Client) Jobs(ctx context.Context, f Filter) iter.Seq2[api.Job, error] {
	query := url.Values{}
	if f.Page > 0 {
		query.Set("limit", strconv.Itoa(f.Page))
	}
	if f.Profile != "" {
		query.Set("profile", f.Profile)
	}
	var states []string
	for _, s := range f.States {
		states = append(states, string(s))
	}
	if len(states) > 0 {
		query.Set("state", strings.Join(states, ","))
	}
	return pages(ctx, c, "list the jobs", "/v1/jobs", query, func(page api.JobList) ([]api.Job, string) { return page.Jobs, page.Cursor })
}
