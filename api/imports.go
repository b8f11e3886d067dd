package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/motionmill/motionmill/job"
)

// NewImport asks for a video to be fetched from a server.
type NewImport struct {
	URL           string            `json:"url" minLength:"1" maxLength:"4096" doc:"Leads to the video itself, on a server that anyone on the internet can reach; http or https. No page that plays it." example:"https://media.example.com/recordings/squat.mp4"`
	Authorization string            `json:"authorization,omitempty" maxLength:"8192" doc:"Sent as the Authorization header to the server of the URL, and to no other that it redirects to: how meeting tools hand out recordings. It is neither stored nor logged." example:"Bearer eyJhbGciOi"`
	Name          string            `json:"name,omitempty" maxLength:"1024" doc:"The file's name; the last part of the URL when left out." example:"squat.mp4"`
	Profile       string            `json:"profile,omitempty" doc:"What to make of it; the default profile when left out." example:"trainer"`
	Metadata      map[string]string `json:"metadata,omitempty" doc:"As of an upload."`
}

// Import tells how far a fetch is.
type Import struct {
	ID    string   `json:"id" doc:"Also good for GET /v1/uploads/{id}."`
	State string   `json:"state" enum:"waiting,fetching,received,failed" doc:"received when the whole object is there."`
	URL   string   `json:"url,omitempty" doc:"Where it is fetched from, without query; absent once it has been."`
	Key   string   `json:"key" doc:"The object's key in the uploads bucket."`
	Bytes int64    `json:"bytes,omitempty" doc:"Fetched so far."`
	Total int64    `json:"total,omitempty" doc:"Size in bytes, when the server told."`
	Job   string   `json:"job,omitempty" doc:"The id of its job, once a worker has read the notification."`
	Error *Failure `json:"error,omitempty" doc:"Why it failed."`
}

// States of an import.
const (
	ImportWaiting  = "waiting"
	ImportFetching = "fetching"
	ImportReceived = "received"
	ImportFailed   = "failed"
)

type importOutput struct{ Body Import }

func (a *API) registerImports() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "create-import", Method: http.MethodPost, Path: "/v1/imports", Tags: []string{"uploads"},
		Summary: "Fetch a video from a server", DefaultStatus: http.StatusAccepted,
		Description: "It is streamed into the uploads bucket and becomes a job there, as an upload does. Only public addresses are called, on every redirect. " +
			"An import outlives a restart of the API, except one with an `authorization`.",
	}, a.createImport)
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-import", Method: http.MethodGet, Path: "/v1/imports/{id}", Tags: []string{"uploads"},
		Summary: "How far an import is, and its job",
	}, a.getImport)
}

func (a *API) createImport(ctx context.Context, in *struct{ Body NewImport }) (*importOutput, error) {
	source, err := url.Parse(strings.TrimSpace(in.Body.URL))
	if err != nil {
		return nil, problem(http.StatusUnprocessableEntity, problemInvalid, "The url cannot be read. Give it as a browser shows it.")
	}
	if err := a.guard.CheckURL(source); err != nil {
		return nil, problem(http.StatusUnprocessableEntity, problemAddress, "The address cannot be fetched: "+sentence(err))
	}
	source.Fragment = ""
	source = direct(source)
	if unprintable(in.Body.Authorization) {
		return nil, problem(http.StatusUnprocessableEntity, problemInvalid, "The authorization has characters that no header has.")
	}
	name := in.Body.Name
	if name == "" {
		name = path.Base(source.Path)
	}
	about := NewUpload{Name: name, Type: "application/octet-stream", Profile: in.Body.Profile, Metadata: in.Body.Metadata}
	if p := a.checkUpload(about); p != nil {
		return nil, p
	}
	u := a.newUpload(ctx, about)
	if p := a.afford(ctx, u, 0, a.cfg.ImportWithin); p != nil {
		return nil, p
	}
	task := importTask{
		ID: u.id(), Owner: u.owner, URL: source.String(), Request: RequestFrom(ctx), Trace: a.cfg.Tracer.Parent(ctx), Metadata: in.Body.Metadata,
		authorization: in.Body.Authorization, Authorized: in.Body.Authorization != "", CreatedAt: time.Now().UTC(),
	}
	if p := a.imports.accept(ctx, u, task); p != nil {
		a.quotas.release(u.key(), "")
		return nil, p
	}
	return &importOutput{Import{ID: u.id(), State: ImportWaiting, URL: task.shown(), Key: u.key()}}, nil
}

func (a *API) getImport(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"512"`
}) (*importOutput, error) {
	u, ok := parseUpload(in.ID, OwnerFrom(ctx), a.cfg.Profiles)
	if !ok {
		return nil, noImport()
	}
	if live, ok := a.imports.live(in.ID); ok && live.Key == u.key() {
		return &importOutput{live}, nil
	}
	out := Import{ID: u.id(), Key: u.key()}
	state, p := a.uploadState(ctx, u)
	if p != nil {
		return nil, p
	}
	if state.State == UploadReceived {
		out.State, out.Job = ImportReceived, state.Job
		return &importOutput{out}, nil
	}
	task, failed, err := a.imports.noted(ctx, u)
	switch {
	case err != nil && job.KindOf(err) == job.SourceGone:
		return nil, noImport()
	case err != nil:
		return nil, a.broken(ctx, "read the import", err)
	}
	out.State, out.URL = ImportWaiting, task.shown()
	if failed != nil {
		out.State, out.Error = ImportFailed, viewFailure(failed, false)
		out.Error.Title, out.Error.Remedy = "The video could not be fetched", "See the message; then ask for the import again."
	}
	return &importOutput{out}, nil
}

func noImport() *Problem {
	return problem(http.StatusNotFound, problemNotFound, "There is no such import. Use the id that POST /v1/imports gave.")
}

// direct turns the links that people share from some file services into those
// that lead to the file itself.
func direct(u *url.URL) *url.URL {
	next := *u
	query := u.Query()
	host := strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	switch {
	case host == "dropbox.com":
		query.Set("dl", "1")
	case host == "drive.google.com" && len(parts) >= 3 && parts[0] == "file" && parts[1] == "d":
		next.Host, next.Path, next.RawPath = "drive.usercontent.google.com", "/download", ""
		query = url.Values{"id": {parts[2]}, "export": {"download"}, "confirm": {"t"}}
	case strings.HasSuffix(host, ".sharepoint.com") && slices.Contains([]string{":v:", ":u:", ":f:"}, parts[0]):
		query.Set("download", "1")
	default:
		return u
	}
	next.RawQuery = query.Encode()
	return &next
}

// sentence ends an error's text with a full stop.
func sentence(err error) string {
	return strings.TrimSuffix(fmt.Sprint(err), ".") + "."
}
