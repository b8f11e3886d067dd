package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
)

const (
	// quietFor is after how long without even a heartbeat a stream counts as dead.
	quietFor = 45 * time.Second
	// maxEvent bounds one line of a stream, in bytes.
	maxEvent = 4 << 20
	// watchPause lies between a stream that broke and the next.
	watchPause = time.Second
)

// Watch follows a job to its final state and returns it so, with its files
// when it has succeeded. update, which may be nil, is given the job at first
// and at every change. It listens to the job's events; while these cannot be
// had it asks for the job now and then. It fails when the job is unknown, when
// nobody answers several times in a row, or when ctx ends.
func (c *Client) Watch(ctx context.Context, id string, update func(Job)) (Job, error) {
	if update == nil {
		update = func(Job) {}
	}
	silent := 0
	for {
		last, streamErr := c.follow(ctx, id, update)
		if streamErr == nil && job.State(last.State).Final() {
			err := c.again(ctx, func(int) error {
				var err error
				last, err = c.Job(ctx, id)
				return err
			})
			return last, err
		}
		j, err := c.Job(ctx, id)
		switch {
		case err == nil:
			silent = 0
			update(j)
			if job.State(j.State).Final() {
				return j, nil
			}
		case !passing(err):
			return j, fmt.Errorf("watch job %s: %w", id, err)
		default:
			if silent++; silent > c.tries {
				return j, fmt.Errorf("watch job %s: %w", id, err)
			}
		}
		if err := wait(ctx, watchPause<<silent); err != nil {
			return j, fmt.Errorf("watch job %s: %w", id, err)
		}
	}
}

// follow listens to one stream until it ends, and returns the last job told.
func (c *Client) follow(ctx context.Context, id string, update func(Job)) (Job, error) {
	var last Job
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alive := time.AfterFunc(quietFor, func() { cancel(errors.New("the stream of events went quiet")) })
	defer alive.Stop()
	resp, err := c.events.JobEvents(ctx, id, wanting("Accept", "text/event-stream"))
	if err != nil {
		return last, err
	}
	defer func() { _ = resp.Body.Close() }() // not drained: it need not end
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		alive.Reset(quietFor)
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		var j Job
		if err := json.Unmarshal([]byte(data), &j); err != nil {
			return last, fmt.Errorf("read an event of job %s: %w", id, err)
		}
		last = j
		update(j)
	}
	if err := lines.Err(); err != nil {
		return last, fmt.Errorf("read the events of job %s: %w", id, err)
	}
	return last, nil
}
