package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/motionmill/motionmill/job"
)

// Deliveries is what the API sees of the webhooks.
type Deliveries interface {
	// ListDeliveries gives up to limit webhooks that were not delivered (yet), of
	// a job or, with "", of all, the dead first, and the cursor of what follows.
	ListDeliveries(ctx context.Context, jobID string, limit int, cursor string) ([]Delivery, string, error)
	// Redeliver has a dead one tried for another day; false when there is none.
	Redeliver(ctx context.Context, id string) (bool, error)
}

// Delivery is a webhook that has not been delivered.
type Delivery struct {
	ID       string    `json:"id" doc:"The Motionmill-Delivery of every try."`
	Job      string    `json:"job"`
	JobState string    `json:"job_state" doc:"The state that it tells of."`
	URL      string    `json:"url" doc:"The endpoint, without what may be secret in it."`
	State    string    `json:"state" enum:"waiting,dead" doc:"dead is tried no more, unless it is redelivered."`
	Tries    int       `json:"tries"`
	Status   int       `json:"status,omitempty" doc:"The HTTP status of the last answer; absent when there was none."`
	Error    string    `json:"error,omitempty" doc:"Why the last try failed."`
	Since    time.Time `json:"since" doc:"When the first try was due."`
	TriedAt  time.Time `json:"tried_at,omitzero"`
	DueAt    time.Time `json:"due_at,omitzero" doc:"When it is tried again; absent when it is dead."`
}

// DeliveryList is one page of webhooks.
type DeliveryList struct {
	Deliveries []Delivery `json:"deliveries" nullable:"false"`
	Cursor     string     `json:"cursor,omitempty" doc:"Give it back for the following page; absent on the last."`
}

// Redelivered names the webhook that is tried again.
type Redelivered struct {
	ID string `json:"id"`
}

const problemNoDelivery = "no-such-delivery"

type deliveriesInput struct {
	Job    string `query:"job" maxLength:"64" pattern:"^[0-9a-z]*$" doc:"Only webhooks of this job."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at most."`
	Cursor string `query:"cursor" maxLength:"256" doc:"Of the page before."`
}

type deliveriesOutput struct{ Body DeliveryList }

type redeliverInput struct {
	ID string `path:"id" maxLength:"128" doc:"The delivery's id."`
}

type redeliverOutput struct{ Body Redelivered }

func (a *API) registerDeliveries() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-deliveries", Method: http.MethodGet, Path: "/v1/deliveries", Tags: []string{"webhooks"},
		Summary:     "Webhooks that have not been delivered",
		Description: "The dead first: those were tried for a day, or their endpoint answered 410. They are kept for a week.",
	}, a.listDeliveries)
	huma.Register(a.huma, huma.Operation{
		OperationID: "redeliver", Method: http.MethodPost, Path: "/v1/deliveries/{id}/redeliver", Tags: []string{"webhooks"},
		Summary: "Try a dead webhook for another day", DefaultStatus: http.StatusAccepted,
		Description: "Its Motionmill-Delivery stays the same.",
	}, a.redeliver)
}

func (a *API) listDeliveries(ctx context.Context, in *deliveriesInput) (*deliveriesOutput, error) {
	out := &deliveriesOutput{DeliveryList{Deliveries: []Delivery{}}}
	if a.cfg.Deliveries == nil {
		return out, nil
	}
	found, next, err := a.cfg.Deliveries.ListDeliveries(ctx, in.Job, in.Limit, in.Cursor)
	if err != nil {
		return nil, a.broken(ctx, "list the webhooks", err)
	}
	out.Body.Deliveries = append(out.Body.Deliveries, found...)
	out.Body.Cursor = next
	return out, nil
}

func (a *API) redeliver(ctx context.Context, in *redeliverInput) (*redeliverOutput, error) {
	found := false
	if a.cfg.Deliveries != nil {
		var err error
		if found, err = a.cfg.Deliveries.Redeliver(ctx, in.ID); err != nil {
			return nil, a.broken(ctx, "redeliver the webhook", err)
		}
	}
	if !found {
		return nil, problem(http.StatusNotFound, problemNoDelivery, fmt.Sprintf("There is no dead webhook %q. Those that there are: GET /v1/deliveries.", in.ID))
	}
	return &redeliverOutput{Redelivered{ID: in.ID}}, nil
}

// Render gives a job as GET /v1/jobs/{id} answers it, for webhooks: as the
// record has it, which may be older than the ledger's.
func (a *API) Render(ctx context.Context, rec job.Record) ([]byte, error) {
	shown, err := a.shown(ctx, rec)
	if err != nil {
		return nil, fmt.Errorf("read the manifest of job %s: %w", rec.ID, err)
	}
	return json.Marshal(shown)
}
