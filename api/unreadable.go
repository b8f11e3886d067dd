package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/motionmill/motionmill/job"
)

// unreadableBody is how many bytes of a body are shown.
const unreadableBody = 2 << 10

// Unreadable is what the dead-letter queue holds besides dead jobs.
type Unreadable struct {
	Count    int                 `json:"count" doc:"How many there are in all."`
	Messages []UnreadableMessage `json:"messages" nullable:"false" doc:"One page of them, the oldest first."`
	Cursor   string              `json:"cursor,omitempty" doc:"Give it back for the following page; absent on the last."`
}

type unreadableInput struct {
	Limit  int `query:"limit" minimum:"1" maximum:"200" default:"100" doc:"How many at most."`
	Cursor int `query:"cursor" minimum:"0" maximum:"1000000000" doc:"Of the page before."`
}

// UnreadableMessage is a message that a worker could make nothing of.
type UnreadableMessage struct {
	ID     string `json:"id"`
	Reason string `json:"reason" doc:"Why it could not be read."`
	Body   string `json:"body" doc:"Its beginning as it came, 2 KiB at most."`
}

// DiscardRequest names the messages to throw away.
type DiscardRequest struct {
	Messages []string `json:"messages" minItems:"1" maxItems:"1000" nullable:"false" doc:"Ids of unreadable messages."`
}

// Discarded tells how many messages were thrown away.
type Discarded struct {
	Count int `json:"count"`
}

type unreadableOutput struct{ Body Unreadable }

type discardOutput struct{ Body Discarded }

func (a *API) registerUnreadable() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-unreadable", Method: http.MethodGet, Path: "/v1/unreadable", Tags: []string{"jobs"},
		Summary:     "Messages that no worker could read",
		Description: "They lie in the dead-letter queue with the reason. No job belongs to them: redrive does not touch them.",
	}, a.listUnreadable)
	huma.Register(a.huma, huma.Operation{
		OperationID: "discard-unreadable", Method: http.MethodPost, Path: "/v1/unreadable/discard", Tags: []string{"jobs"},
		Summary: "Throw unreadable messages away", DefaultStatus: http.StatusOK,
		Description: "Those named that are not there, or that belong to a dead job, are left alone.",
	}, a.discardUnreadable)
}

func (a *API) listUnreadable(ctx context.Context, in *unreadableInput) (*unreadableOutput, error) {
	out := &unreadableOutput{Unreadable{Messages: []UnreadableMessage{}}}
	end := in.Cursor + in.Limit
	err := a.eachUnreadable(ctx, func(m UnreadableMessage) {
		if out.Body.Count++; out.Body.Count > in.Cursor && out.Body.Count <= end {
			out.Body.Messages = append(out.Body.Messages, m)
		}
	})
	if err != nil {
		return nil, a.broken(ctx, "look through the dead-letter queue", err)
	}
	if out.Body.Count > end {
		out.Body.Cursor = strconv.Itoa(end)
	}
	return out, nil
}

func (a *API) discardUnreadable(ctx context.Context, in *struct{ Body DiscardRequest }) (*discardOutput, error) {
	var ids []string
	err := a.eachUnreadable(ctx, func(m UnreadableMessage) {
		if slices.Contains(in.Body.Messages, m.ID) {
			ids = append(ids, m.ID)
		}
	})
	if err != nil {
		return nil, a.broken(ctx, "look through the dead-letter queue", err)
	}
	count, err := a.cfg.DeadLetters.Remove(ctx, ids...)
	if err != nil {
		return nil, a.broken(ctx, "throw the messages away", err)
	}
	return &discardOutput{Discarded{Count: count}}, nil
}

// eachUnreadable shows every message of the dead-letter queue that stands for
// no dead job.
func (a *API) eachUnreadable(ctx context.Context, show func(UnreadableMessage)) error {
	return a.cfg.DeadLetters.Look(ctx, func(m job.Message) bool {
		var letter job.Letter
		err := json.Unmarshal(m.Body, &letter)
		switch {
		case err == nil && letter.Type == job.RetryLetter && letter.Job != "":
		case err == nil && letter.Type == job.UnreadableLetter:
			show(UnreadableMessage{ID: m.ID, Reason: letter.Reason, Body: beginning(letter.Body)})
		default: // Whoever put it here was no worker of ours.
			show(UnreadableMessage{ID: m.ID, Reason: "it is no dead letter of this service", Body: beginning(string(m.Body))})
		}
		return true
	})
}

// beginning cuts a body to what is shown of it.
func beginning(body string) string {
	if len(body) > unreadableBody {
		body = body[:unreadableBody]
	}
	return strings.ToValidUTF8(body, "\uFFFD")
}
