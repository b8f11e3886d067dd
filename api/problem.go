package api

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/motionmill/motionmill/job"
)

// Problem is an RFC 9457 problem document: how every error is answered.
type Problem = huma.ErrorModel

// ProblemPrefix begins the type of every problem; the words after it are stable.
const ProblemPrefix = "urn:motionmill:problem:"

// The problems that the API itself finds; others are named after their status.
const (
	problemForbidden    = "forbidden-origin"
	problemNotFound     = "not-found"
	problemFinal        = "already-final"
	problemNotRevivable = "not-revivable"
	problemBusy         = "busy"
	problemTooLarge     = "too-large"
	problemInvalid      = "invalid"
	problemStorage      = "storage"
	problemInternal     = "internal"
	problemNoFile       = "no-such-file"
	problemUploadGone   = "upload-gone"
	problemRate         = "too-many-requests"
	problemQuota        = "quota"
	problemAddress      = "address-not-public"
	problemInProgress   = "in-progress"
	problemKeyReused    = "idempotency-key-reused"
)

// typeOf names problems that only a status is known of.
func typeOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return ProblemPrefix + "malformed"
	case http.StatusNotFound:
		return ProblemPrefix + problemNotFound
	case http.StatusMethodNotAllowed:
		return ProblemPrefix + "method-not-allowed"
	case http.StatusRequestTimeout:
		return ProblemPrefix + "timeout"
	case http.StatusRequestEntityTooLarge:
		return ProblemPrefix + "body-too-large"
	case http.StatusUnsupportedMediaType:
		return ProblemPrefix + "unsupported-media-type"
	case http.StatusUnprocessableEntity:
		return ProblemPrefix + problemInvalid
	case http.StatusInternalServerError:
		return ProblemPrefix + problemInternal
	default:
		return ProblemPrefix + "http-" + strconv.Itoa(status)
	}
}

// problem makes an answer of a status with a stable type and a text that says
// what is wrong and what to do.
func problem(status int, name, detail string, errs ...*huma.ErrorDetail) *Problem {
	return &Problem{
		Type: ProblemPrefix + name, Title: http.StatusText(status), Status: status, Detail: detail, Errors: errs,
	}
}

// nameProblem gives the framework's own errors their type. A body that is not
// JSON comes from it as a validation error; it is told apart by its status.
func nameProblem(hc huma.Context, status string, v any) (any, error) {
	p, ok := v.(*Problem)
	if !ok {
		return v, nil
	}
	if code, err := strconv.Atoi(status); err == nil && p.Type == "" {
		p.Type = typeOf(code)
	}
	if p.Detail == "validation failed" && len(p.Errors) > 0 { // the framework's; people are shown the detail alone
		first := p.Errors[0]
		p.Detail = fmt.Sprintf("The request is not as /docs describes it, in %s: %s.", first.Location, strings.TrimSuffix(first.Message, "."))
	}
	if id := RequestFrom(hc.Context()); id != "" {
		p.Instance = requestPrefix + id
	}
	return v, nil
}

// writeProblem answers outside the framework.
func writeProblem(w http.ResponseWriter, p *Problem) {
	if id := w.Header().Get(RequestHeader); id != "" {
		p.Instance = requestPrefix + id
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(p) // The client has gone; there is nobody left to tell.
}

// broken logs why something of the stage did not answer, and returns what the
// client is told: that it may try again, and nothing of the inside.
func (a *API) broken(ctx context.Context, op string, err error) *Problem {
	level := slog.LevelError
	if ctx.Err() != nil { // The client has gone, and the work was broken off for that.
		level = slog.LevelDebug
	}
	a.log.Log(ctx, level, "request failed", "operation", op, "kind", job.KindOf(err), "error", err)
	return problem(http.StatusServiceUnavailable, problemStorage,
		"Could not "+op+". Try again; the log of the API has the cause.")
}

func noJob(id string) *Problem {
	return problem(http.StatusNotFound, problemNotFound, "There is no job "+strconv.Quote(id)+". List the jobs with GET /v1/jobs.")
}
