package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/motionmill/motionmill/job"
)

// UploadPart is one part of a large upload: send Bytes bytes of the file to URL.
type UploadPart struct {
	Number  int               `json:"number" doc:"From 1."`
	URL     string            `json:"url"`
	Bytes   int64             `json:"bytes" doc:"The part's exact size in bytes; the signature pins it."`
	Headers map[string]string `json:"headers,omitempty" doc:"What the request must carry besides."`
}

// PartETag is the store's receipt for a part: the ETag header of its answer.
type PartETag struct {
	Number int    `json:"number" minimum:"1" maximum:"10000"`
	ETag   string `json:"etag" minLength:"1" maxLength:"256"`
}

// PartSize names a part that a new URL is wanted for.
type PartSize struct {
	Number int   `json:"number" minimum:"1" maximum:"10000"`
	Bytes  int64 `json:"bytes" minimum:"1"`
}

// CompleteRequest lists every part of an upload, in order.
type CompleteRequest struct {
	Parts []PartETag `json:"parts" minItems:"1" maxItems:"10000" nullable:"false"`
}

// PartsRequest names the parts that new URLs are wanted for.
type PartsRequest struct {
	Parts []PartSize `json:"parts" minItems:"1" maxItems:"10000" nullable:"false"`
}

// SignedParts are parts with URLs that are good for a while.
type SignedParts struct {
	Parts     []UploadPart `json:"parts" nullable:"false"`
	ExpiresAt time.Time    `json:"expires_at" doc:"When the URLs cease to work."`
}

// UploadPath is how the calls of a multipart upload are addressed. The store's
// own upload id in it is good for the one key that the id carries; together
// they need no protection beyond what the store checks.
type UploadPath struct {
	ID     string `path:"id" maxLength:"512"`
	Upload string `query:"upload" required:"true" minLength:"1" maxLength:"1024" doc:"The store's id of the multipart upload."`
}

func (a *API) registerMultipart() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "complete-upload", Method: http.MethodPost, Path: "/v1/uploads/{id}/complete", Tags: []string{"uploads"},
		Summary: "End an upload in parts", Description: "The `complete_url` of an upload leads here. Asking again after it has worked is answered alike.",
	}, a.completeUpload)
	huma.Register(a.huma, huma.Operation{
		OperationID: "abort-upload", Method: http.MethodPost, Path: "/v1/uploads/{id}/abort", Tags: []string{"uploads"},
		Summary: "Throw away an upload in parts", DefaultStatus: http.StatusNoContent,
	}, a.abortUpload)
	huma.Register(a.huma, huma.Operation{
		OperationID: "sign-parts", Method: http.MethodPost, Path: "/v1/uploads/{id}/parts", Tags: []string{"uploads"},
		Summary: "New URLs for parts whose old ones have expired",
	}, a.signParts)
	huma.Register(a.huma, huma.Operation{
		OperationID: "list-parts", Method: http.MethodGet, Path: "/v1/uploads/{id}/parts", Tags: []string{"uploads"},
		Summary: "The parts that have arrived", Description: "To go on with an upload that was broken off: send what is missing, to new URLs, and complete it with all.",
	}, a.listParts)
}

func (a *API) startMultipart(ctx context.Context, u upload, put PutRequest) (*uploadOutput, error) {
	uploadID, err := a.cfg.Multipart.StartMultipart(ctx, put)
	if err != nil {
		return nil, a.broken(ctx, "begin the upload", err)
	}
	var sizes []PartSize
	for number, left := 1, put.Bytes; left > 0; number++ {
		size := min(left, a.cfg.PartBytes)
		sizes = append(sizes, PartSize{Number: number, Bytes: size})
		left -= size
	}
	parts, expires, err := a.presignParts(ctx, u, uploadID, sizes)
	if err != nil {
		abortErr := a.cfg.Multipart.AbortMultipart(context.WithoutCancel(ctx), put.Bucket, put.Key, uploadID)
		return nil, a.broken(ctx, "sign the parts of the upload", errors.Join(err, abortErr))
	}
	a.quotas.inParts(u.key(), uploadID)
	call := func(name string) string {
		return "/v1/uploads/" + u.id() + "/" + name + "?upload=" + url.QueryEscape(uploadID)
	}
	return &uploadOutput{Upload{
		ID: u.id(), Key: u.key(), Method: http.MethodPut, Headers: map[string]string{}, ExpiresAt: expires,
		Parts: parts, CompleteURL: call("complete"), AbortURL: call("abort"), PartsURL: call("parts"),
	}}, nil
}

func (a *API) presignParts(ctx context.Context, u upload, uploadID string, sizes []PartSize) ([]UploadPart, time.Time, error) {
	var expires time.Time
	parts := make([]UploadPart, 0, len(sizes))
	for _, size := range sizes {
		signed, err := a.cfg.Signer.PresignPart(ctx, PartRequest{
			Bucket: a.cfg.UploadsBucket, Key: u.key(), UploadID: uploadID, Number: size.Number, Bytes: size.Bytes, Expires: signedFor,
		})
		if err != nil {
			return nil, expires, fmt.Errorf("sign part %d: %w", size.Number, err)
		}
		if expires.IsZero() || signed.ExpiresAt.Before(expires) {
			expires = signed.ExpiresAt.UTC()
		}
		parts = append(parts, UploadPart{
			Number: size.Number, URL: a.publicURL(ctx, signed.URL), Bytes: size.Bytes, Headers: clientHeaders(signed.Headers),
		})
	}
	return parts, expires, nil
}

func (a *API) completeUpload(ctx context.Context, in *struct {
	UploadPath
	Body CompleteRequest
}) (*uploadStateOutput, error) {
	u, ok := parseUpload(in.ID, OwnerFrom(ctx), a.cfg.Profiles)
	if !ok {
		return nil, noUpload()
	}
	done := make([]DonePart, len(in.Body.Parts))
	for i, part := range in.Body.Parts {
		if part.Number != i+1 {
			return nil, problem(http.StatusUnprocessableEntity, problemInvalid,
				fmt.Sprintf("Part %d is missing: the parts must be listed in order and without gaps.", i+1))
		}
		done[i] = DonePart(part)
	}
	completeErr := a.cfg.Multipart.CompleteMultipart(ctx, a.cfg.UploadsBucket, u.key(), in.Upload, done)
	if completeErr != nil && job.KindOf(completeErr) != job.SourceGone {
		return nil, a.broken(ctx, "complete the upload", completeErr)
	}
	state, p := a.uploadState(ctx, u)
	if p != nil {
		return nil, p
	}
	if completeErr != nil && state.State != UploadReceived {
		return nil, uploadGone()
	}
	state.State = UploadReceived
	return &uploadStateOutput{state}, nil
}

// StoredPart is a part that has arrived.
type StoredPart struct {
	Number int    `json:"number"`
	Bytes  int64  `json:"bytes"`
	ETag   string `json:"etag" doc:"The store's receipt, for completing; most stores make it of the part's MD5."`
}

// StoredParts is one page of the parts that have arrived, in order.
type StoredParts struct {
	Parts  []StoredPart `json:"parts" nullable:"false"`
	Cursor string       `json:"cursor,omitempty" doc:"Give it back for the following page; absent on the last."`
}

type storedPartsOutput struct{ Body StoredParts }

func (a *API) listParts(ctx context.Context, in *struct {
	UploadPath
	Limit  int `query:"limit" minimum:"1" maximum:"1000" default:"1000" doc:"How many at most."`
	Cursor int `query:"cursor" minimum:"0" maximum:"10000" doc:"Of the page before."`
}) (*storedPartsOutput, error) {
	u, ok := parseUpload(in.ID, OwnerFrom(ctx), a.cfg.Profiles)
	if !ok {
		return nil, noUpload()
	}
	sent, err := a.cfg.Multipart.ListParts(ctx, a.cfg.UploadsBucket, u.key(), in.Upload, in.Cursor, in.Limit)
	if err != nil && job.KindOf(err) == job.SourceGone {
		return nil, uploadGone()
	}
	if err != nil {
		return nil, a.broken(ctx, "list the parts of the upload", err)
	}
	out := &storedPartsOutput{StoredParts{Parts: make([]StoredPart, len(sent))}}
	for i, part := range sent {
		out.Body.Parts[i] = StoredPart(part)
	}
	if len(sent) == in.Limit {
		out.Body.Cursor = strconv.Itoa(sent[len(sent)-1].Number)
	}
	return out, nil
}

func uploadGone() *Problem {
	return problem(http.StatusGone, problemUploadGone,
		"The store knows this upload no more, or a part of it is missing or differs: it was ended or thrown away. Begin a new upload.")
}

func (a *API) abortUpload(ctx context.Context, in *UploadPath) (*struct{}, error) {
	u, ok := parseUpload(in.ID, OwnerFrom(ctx), a.cfg.Profiles)
	if !ok {
		return nil, noUpload()
	}
	err := a.cfg.Multipart.AbortMultipart(ctx, a.cfg.UploadsBucket, u.key(), in.Upload)
	if err != nil && job.KindOf(err) != job.SourceGone {
		return nil, a.broken(ctx, "abort the upload", err)
	}
	if state, p := a.uploadState(ctx, u); p == nil && state.State == UploadWaiting {
		a.quotas.release(u.key(), in.Upload)
	}
	return nil, nil
}

type partsOutput struct{ Body SignedParts }

func (a *API) signParts(ctx context.Context, in *struct {
	UploadPath
	Body PartsRequest
}) (*partsOutput, error) {
	u, ok := parseUpload(in.ID, OwnerFrom(ctx), a.cfg.Profiles)
	if !ok {
		return nil, noUpload()
	}
	// The size of the whole is not known here any more. Bounding number and
	// size of the parts bounds it by the largest upload all the same.
	last := (a.cfg.MaxBytes + a.cfg.PartBytes - 1) / a.cfg.PartBytes
	for _, part := range in.Body.Parts {
		if part.Bytes > a.cfg.PartBytes || int64(part.Number) > last {
			return nil, problem(http.StatusUnprocessableEntity, problemInvalid, fmt.Sprintf(
				"Part %d of %d bytes was not part of this upload: parts have at most %d bytes, and there are at most %d.",
				part.Number, part.Bytes, a.cfg.PartBytes, last))
		}
	}
	parts, expires, err := a.presignParts(ctx, u, in.Upload, in.Body.Parts)
	if err != nil {
		return nil, a.broken(ctx, "sign the parts of the upload", err)
	}
	return &partsOutput{SignedParts{Parts: parts, ExpiresAt: expires}}, nil
}
