package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// NewUpload is what a client says of a file that it wants to send.
type NewUpload struct {
	Name     string            `json:"name" minLength:"1" maxLength:"1024" doc:"The file's name; only its last part is kept, made safe." example:"squat.mp4"`
	Bytes    int64             `json:"bytes" minimum:"1" doc:"The file's exact size in bytes; the signature pins it."`
	Type     string            `json:"type" maxLength:"255" doc:"video/* or application/octet-stream; the signature pins it." example:"video/mp4"`
	Profile  string            `json:"profile,omitempty" doc:"What to make of it; the default profile when left out." example:"trainer"`
	Metadata map[string]string `json:"metadata,omitempty" doc:"Kept with the object: names of a-z, 0-9 and -, printable ASCII values, 2 KiB in all."`
}

// Upload tells a client how to send the file. A small one is one request; a
// large one has Parts and ends with a POST to CompleteURL.
type Upload struct {
	ID          string            `json:"id" doc:"Opaque; ask GET /v1/uploads/{id} for the state."`
	Key         string            `json:"key" doc:"The object's key in the uploads bucket."`
	Method      string            `json:"method" doc:"The method of the upload's requests." example:"PUT"`
	URL         string            `json:"url,omitempty" doc:"Where to send the file; absent for an upload in parts."`
	Headers     map[string]string `json:"headers" doc:"What the request must carry, letter for letter; empty for parts, which have their own."`
	ExpiresAt   time.Time         `json:"expires_at" doc:"When the URLs cease to work."`
	Parts       []UploadPart      `json:"parts,omitempty" nullable:"false" doc:"The parts of a large file, in order and without gaps."`
	CompleteURL string            `json:"complete_url,omitempty" doc:"POST {parts: [{number, etag}]} here at the end; relative to the API."`
	AbortURL    string            `json:"abort_url,omitempty" doc:"POST here to throw the parts away; relative to the API."`
	PartsURL    string            `json:"parts_url,omitempty" doc:"POST {parts: [{number, bytes}]} here for new URLs when the old ones have expired; relative to the API."`
}

// UploadState tells what became of an upload.
type UploadState struct {
	ID    string `json:"id"`
	State string `json:"state" enum:"waiting,received" doc:"waiting until the whole object is there."`
	Job   string `json:"job,omitempty" doc:"The id of its job, once a worker has read the notification."`
}

const (
	// maxMetadata is S3's limit for the metadata of an object, in bytes.
	maxMetadata = 2 << 10
	// partsWithin is how long an upload in parts counts before it has arrived.
	partsWithin = 24 * time.Hour
)

// States of an upload.
const (
	UploadWaiting  = "waiting"
	UploadReceived = "received"
)

func (a *API) registerUploads() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "create-upload", Method: http.MethodPost, Path: "/v1/uploads", Tags: []string{"uploads"},
		Summary: "Ask for a place to upload one file to", DefaultStatus: http.StatusCreated,
		Description: "Each request gets a key of its own. The URL is good for 15 minutes and for one object of exactly the given size and type; it never overwrites.",
	}, a.createUpload)
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-upload", Method: http.MethodGet, Path: "/v1/uploads/{id}", Tags: []string{"uploads"},
		Summary: "Whether an upload has arrived, and its job",
	}, a.getUpload)
	huma.Register(a.huma, huma.Operation{
		OperationID: "pre-signed-url", Method: http.MethodPost, Path: "/video/pre-signed-url", Tags: []string{"uploads"},
		Summary: "The older form: a URL for a plain PUT",
		Description: "Clients of this form send nothing but the bytes, so only the key and the expiry (15 minutes) are signed: " +
			"neither size nor type is pinned, and a second PUT to the same URL replaces the first. Each request gets a key of its own. " +
			"The body may be empty or hold `filename` (or `fileName`, `name`, `key`). Prefer POST /v1/uploads.",
	}, a.presignedURL)
	// Described only now: a body declared before would be checked.
	a.huma.OpenAPI().Paths["/video/pre-signed-url"].Post.RequestBody = &huma.RequestBody{
		Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{
			Type: huma.TypeObject, AdditionalProperties: true,
			Properties: map[string]*huma.Schema{"filename": {Type: huma.TypeString, Examples: []any{"squat.mp4"}}},
		}}},
	}
}

type uploadOutput struct{ Body Upload }

func (a *API) createUpload(ctx context.Context, in *struct{ Body NewUpload }) (*uploadOutput, error) {
	if p := a.checkUpload(in.Body); p != nil {
		return nil, p
	}
	u := a.newUpload(ctx, in.Body)
	large := in.Body.Bytes > a.cfg.MultipartAbove
	within := signedFor
	if large {
		within = partsWithin
	}
	if p := a.afford(ctx, u, in.Body.Bytes, within); p != nil {
		return nil, p
	}
	put := PutRequest{
		Bucket: a.cfg.UploadsBucket, Key: u.key(), Bytes: in.Body.Bytes, Type: in.Body.Type,
		Metadata: withOrigin(in.Body.Metadata, RequestFrom(ctx), a.cfg.Tracer.Parent(ctx)), NoOverwrite: true, Expires: signedFor,
	}
	if large {
		out, err := a.startMultipart(ctx, u, put)
		if err != nil {
			a.quotas.release(u.key(), "")
		}
		return out, err
	}
	signed, err := a.cfg.Signer.PresignPut(ctx, put)
	if err != nil {
		a.quotas.release(u.key(), "")
		return nil, a.broken(ctx, "sign the upload", err)
	}
	return &uploadOutput{Upload{
		ID: u.id(), Key: u.key(), Method: signed.Method, URL: a.publicURL(ctx, signed.URL),
		Headers: clientHeaders(signed.Headers), ExpiresAt: signed.ExpiresAt.UTC(),
	}}, nil
}

// newUpload chooses where an upload of the caller's goes.
func (a *API) newUpload(ctx context.Context, n NewUpload) upload {
	profile := n.Profile
	if profile == a.cfg.DefaultProfile {
		profile = ""
	}
	return newUpload(OwnerFrom(ctx), profile, n.Name)
}

// withOrigin adds what leads to the request, and to its span, to an object's
// metadata, each if there is room for it.
func withOrigin(metadata map[string]string, request, parent string) map[string]string {
	return withValue(withValue(metadata, requestMetadata, request), traceMetadata, parent)
}

func withValue(metadata map[string]string, name, value string) map[string]string {
	if value == "" || sizeOf(metadata)+len(name)+len(value) > maxMetadata {
		return metadata
	}
	with := maps.Clone(metadata)
	if with == nil {
		with = map[string]string{}
	}
	with[name] = value
	return with
}

// sizeOf is the size of metadata as S3 reckons it, in bytes.
func sizeOf(metadata map[string]string) int {
	size := 0
	for name, value := range metadata {
		size += len(name) + len(value)
	}
	return size
}

// checkUpload finds everything that is wrong with a request for an upload.
func (a *API) checkUpload(n NewUpload) *Problem {
	if n.Bytes > a.cfg.MaxBytes {
		return problem(http.StatusRequestEntityTooLarge, problemTooLarge, fmt.Sprintf(
			"%s has %d bytes, and at most %d are taken. Cut the video, or encode it smaller.", safeName(n.Name), n.Bytes, a.cfg.MaxBytes))
	}
	var errs []*huma.ErrorDetail
	wrong := func(field, message string, value any) {
		errs = append(errs, &huma.ErrorDetail{Location: "body." + field, Message: message, Value: value})
	}
	if unsendable(n.Type) {
		wrong("type", "must be printable ASCII without blanks around it", n.Type)
	} else if media, _, err := mime.ParseMediaType(n.Type); err != nil || !strings.HasPrefix(media, "video/") && media != "application/octet-stream" {
		wrong("type", "must be video/* or application/octet-stream", n.Type)
	}
	if n.Profile != "" && !slices.Contains(a.cfg.Profiles, n.Profile) {
		wrong("profile", "must be one of "+strings.Join(a.cfg.Profiles, ", "), n.Profile)
	}
	for name, value := range n.Metadata {
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			wrong("metadata", "names must be of a-z, 0-9 and -", name)
		}
		if unsendable(value) {
			wrong("metadata."+name, "must be printable ASCII without blanks around it", value)
		}
	}
	if size := sizeOf(n.Metadata); size > maxMetadata {
		wrong("metadata", "must not be larger than 2048 bytes in all", size)
	}
	if len(errs) > 0 {
		return problem(http.StatusUnprocessableEntity, problemInvalid, "The upload cannot be made: "+errs[0].Error()+".", errs...)
	}
	return nil
}

// unsendable tells whether no client can send a text as a header, letter for
// letter as it is signed.
func unsendable(text string) bool {
	return unprintable(text) || strings.TrimSpace(text) != text
}

// unprintable tells whether a text has characters that no header may have.
func unprintable(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

type uploadStateOutput struct{ Body UploadState }

func (a *API) getUpload(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"512"`
}) (*uploadStateOutput, error) {
	u, ok := parseUpload(in.ID, OwnerFrom(ctx), a.cfg.Profiles)
	if !ok {
		return nil, noUpload()
	}
	state, p := a.uploadState(ctx, u)
	if p != nil {
		return nil, p
	}
	return &uploadStateOutput{state}, nil
}

func noUpload() *Problem {
	return problem(http.StatusNotFound, problemNotFound, "There is no such upload. Use the id that POST /v1/uploads gave.")
}

// uploadState asks the ledger for the job of the key and, where no worker has
// read the notification yet, the store for the object.
func (a *API) uploadState(ctx context.Context, u upload) (UploadState, *Problem) {
	state := UploadState{ID: u.id(), State: UploadWaiting}
	high, err := a.cfg.Ledger.HighWater(ctx, a.cfg.UploadsBucket, u.key())
	if err != nil {
		return state, a.broken(ctx, "read the upload's job", err)
	}
	if high.Job != "" {
		a.cfg.Tracer.Concerns(ctx, high.Job)
		state.State, state.Job = UploadReceived, high.Job
		return state, nil
	}
	exists, err := a.cfg.Objects.Exists(ctx, a.cfg.UploadsBucket, u.key())
	if err != nil {
		return state, a.broken(ctx, "look for the uploaded object", err)
	}
	if exists {
		state.State = UploadReceived
	}
	return state, nil
}

// PresignedURL is the answer of the older form.
type PresignedURL struct {
	URL string `json:"url"`
}

type presignedURLOutput struct{ Body PresignedURL }

// olderInput reads a body that need not be JSON, nor be there at all.
type olderInput struct{ name string }

// Resolve takes the file's name from the body.
func (in *olderInput) Resolve(hc huma.Context) []error {
	body, err := io.ReadAll(io.LimitReader(hc.BodyReader(), maxBody+1))
	if len(body) > maxBody {
		return []error{bodyTooLarge()}
	}
	if err != nil {
		return []error{problem(http.StatusRequestTimeout, "timeout", "The body did not come in time, or broke off.")}
	}
	in.name = olderName(body)
	return nil
}

func (a *API) presignedURL(ctx context.Context, in *olderInput) (*presignedURLOutput, error) {
	u := newUpload(OwnerFrom(ctx), "", in.name)
	if p := a.afford(ctx, u, 0, signedFor); p != nil {
		return nil, p
	}
	signed, err := a.cfg.Signer.PresignPut(ctx, PutRequest{Bucket: a.cfg.UploadsBucket, Key: u.key(), Expires: signedFor})
	if err != nil {
		a.quotas.release(u.key(), "")
		return nil, a.broken(ctx, "sign the upload", err)
	}
	return &presignedURLOutput{PresignedURL{URL: a.publicURL(ctx, signed.URL)}}, nil
}

// olderName finds the file's name in a body of the older form, whose clients
// never agreed on a spelling; a body without one is fine.
func olderName(body []byte) string {
	var fields map[string]any
	if json.Unmarshal(body, &fields) != nil {
		return "video.mp4"
	}
	for _, field := range []string{"filename", "fileName", "name", "key"} {
		if name, ok := fields[field].(string); ok && name != "" {
			return name
		}
	}
	return "video.mp4"
}

// publicURL leads a presigned URL to this origin where the store is proxied.
// The signature holds for the store's own host, which the proxy restores.
func (a *API) publicURL(ctx context.Context, signed string) string {
	origin, _ := ctx.Value(originKey{}).(string)
	u, err := url.Parse(signed)
	if a.cfg.ObjectProxy == nil || origin == "" || err != nil {
		return signed
	}
	path := u.EscapedPath()
	if !strings.HasPrefix(path, "/s3/") {
		path = "/s3" + path
	}
	return origin + path + "?" + u.RawQuery
}

// clientHeaders leaves out what clients set by themselves and browsers forbid.
func clientHeaders(signed map[string]string) map[string]string {
	headers := map[string]string{}
	for name, value := range signed {
		if !strings.EqualFold(name, "Host") && !strings.EqualFold(name, "Content-Length") {
			headers[http.CanonicalHeaderKey(name)] = value
		}
	}
	return headers
}
