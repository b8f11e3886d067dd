package api

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/motionmill/motionmill/job"
)

const filePath = "/v1/jobs/{id}/files/{path}"

func (a *API) registerFiles() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "get-file", Method: http.MethodGet, Path: filePath, Tags: []string{"jobs"},
		Summary: "A file of the result, by a redirect that is good for 15 minutes", DefaultStatus: http.StatusFound,
		Description: "Only what the manifest of the committed attempt lists, and manifest.json itself. The path may have slashes in it. Playlists of HLS (.m3u8) and the index of the thumbnails (.vtt) are answered themselves, so that what they name is found beside them.",
		Responses: map[string]*huma.Response{
			"200": {Description: "The playlist or index.", Content: indexContent()},
			"302": {Description: "Where the file is."},
		},
	}, a.getFile)
	a.huma.OpenAPI().Paths[filePath].Get.Responses["302"].Content = nil // Only playlists and indexes have a body.
}

type fileInput struct {
	JobPath
	Path     string `path:"path" maxLength:"1024" doc:"As the manifest lists it."`
	Download bool   `query:"download" doc:"Have browsers save the file instead of showing it."`
	Share    string `query:"share" maxLength:"4096" doc:"The token of a share link, for who has no other credential."`

	method string
}

// Resolve notes the method: a HEAD leads to an address that is signed for one.
func (in *fileInput) Resolve(hc huma.Context) []error {
	in.method = hc.Method()
	return nil
}

type fileOutput struct {
	Status       int
	ContentType  string `header:"Content-Type"`
	Location     string `header:"Location"`
	CacheControl string `header:"Cache-Control"`
	Body         []byte
}

func (a *API) getFile(ctx context.Context, in *fileInput) (*fileOutput, error) {
	rec, p := a.record(ctx, in.ID)
	if p != nil {
		return nil, p
	}
	if rec.State != job.Succeeded {
		return nil, problem(http.StatusNotFound, problemNoFile, fmt.Sprintf("Job %s is %s and has no files.", rec.ID, rec.State))
	}
	m, err := a.manifests.get(ctx, rec)
	if err != nil {
		return nil, a.unread(ctx, rec, "read the job's manifest", err)
	}
	if !m.has(in.Path) {
		return nil, problem(http.StatusNotFound, problemNoFile,
			fmt.Sprintf("The result of job %s has no file %q. GET /v1/jobs/%s lists them.", rec.ID, in.Path, rec.ID))
	}
	if kind, is := indexes[path.Ext(in.Path)]; is && !in.Download {
		return a.index(ctx, rec, in, kind)
	}
	get := GetRequest{Bucket: a.cfg.OutputsBucket, Key: path.Join(path.Dir(rec.Manifest), in.Path), Expires: signedFor, HeadersOnly: in.method == http.MethodHead}
	if in.Download {
		source := path.Base(rec.Source.Key)
		get.DownloadName = safeName(strings.TrimSuffix(source, path.Ext(source)) + "-" + path.Base(in.Path))
	}
	signed, err := a.cfg.Signer.PresignGet(ctx, get)
	if err != nil {
		return nil, a.broken(ctx, "sign the file", err)
	}
	return &fileOutput{Status: http.StatusFound, Location: a.publicURL(ctx, signed), CacheControl: "private, no-store"}, nil
}

// unread is the answer where something of a job's result could not be read: the
// result may have been thrown away.
func (a *API) unread(ctx context.Context, rec job.Record, doing string, err error) *Problem {
	if job.KindOf(err) != job.SourceGone {
		return a.broken(ctx, doing, err)
	}
	return problem(http.StatusNotFound, problemNoFile, fmt.Sprintf(
		"The result of job %s is not in the store any more: it was deleted, or its time there was over. Upload the video again to have it made anew.", rec.ID))
}
