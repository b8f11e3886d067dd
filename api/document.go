package api

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// document completes the description of every call with what is the same for
// all: the problems that it may be answered with, tags of content, and keys
// that make it safe to send again. It comes last, when all are registered.
func (a *API) document() {
	doc := a.huma.OpenAPI()
	problems := doc.Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	for route, item := range doc.Paths {
		for method, op := range operations(item) {
			delete(op.Responses, "default")
			for _, status := range statuses(method, route, op) {
				code := strconv.Itoa(status)
				if op.Responses[code] == nil {
					op.Responses[code] = &huma.Response{
						Description: http.StatusText(status),
						Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: problems}},
					}
				}
			}
			if ok := op.Responses["200"]; method == http.MethodGet && ok != nil && ok.Content["application/json"] != nil {
				tag := &huma.Param{Description: "Of the content; give it back as If-None-Match.", Schema: &huma.Schema{Type: huma.TypeString}}
				ok.Headers = map[string]*huma.Param{"ETag": tag}
				op.Responses["304"] = &huma.Response{Description: "As If-None-Match says, the client has it."}
			}
			if repeats(method, route) {
				op.Parameters = append(op.Parameters, &huma.Param{
					Name: IdempotencyHeader, In: "header",
					Description: "Chosen by the client: the same call under the same key is done once and answered alike, for a day (uploads: while their URLs are good).",
					Schema:      &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(maxIdempotencyKey), Pattern: "^[!-~]+$"},
				})
			}
		}
	}
}

// operations gives the calls of a path by method.
func operations(item *huma.PathItem) map[string]*huma.Operation {
	all := map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
	}
	maps.DeleteFunc(all, func(_ string, op *huma.Operation) bool { return op == nil })
	return all
}

// statuses are the problems that a call may be answered with: by what it is
// given, and by name where it alone has one.
func statuses(method, route string, op *huma.Operation) []int {
	codes := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if len(op.Parameters) > 0 || op.RequestBody != nil {
		codes = append(codes, http.StatusUnprocessableEntity)
	}
	if strings.Contains(route, "{") || op.OperationID == "redrive" {
		codes = append(codes, http.StatusNotFound)
	}
	if method != http.MethodGet {
		codes = append(codes, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge)
	}
	if op.RequestBody != nil {
		codes = append(codes, http.StatusUnsupportedMediaType)
	}
	if repeats(method, route) {
		codes = append(codes, http.StatusConflict)
	}
	if slices.Contains([]string{"complete-upload", "list-parts"}, op.OperationID) {
		codes = append(codes, http.StatusGone)
	}
	return codes
}
