// Package api is Motionmill's HTTP side: presigned uploads, the jobs and
// their events, the files that they leave, cancel, retry and redrive, and the
// page of package web.
//
// It reads the ledger and signs URLs; bytes of videos never pass through it.
// Its one write to the ledger is a cancellation; a retry is a message that the
// claim acts upon. What it needs of the stage is declared in ports.go.
package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/motionmill/motionmill/api/outward"
	"github.com/motionmill/motionmill/web"
)

// Sizes and times that are the same on every stage.
const (
	// signedFor is how long a presigned URL is good.
	signedFor = 15 * time.Minute
	// maxBody is the most that a request to the API itself may carry, in bytes.
	maxBody = 1 << 20
	// maxParts is S3's limit of parts in one upload.
	maxParts = 10_000
	// minPartBytes is S3's limit for every part but the last.
	minPartBytes = 5 << 20
	// maxManifest bounds the manifest that is read into memory, in bytes.
	maxManifest = 16 << 20
)

// API answers the calls of the contract and serves the page. It is an
// http.Handler and safe for concurrent use.
type API struct {
	cfg       Config
	log       *slog.Logger
	huma      huma.API
	mux       *http.ServeMux
	page      *page
	manifests *manifestCache
	inner     http.Handler
	streams   *streams
	quotas    *quotas
	guard     *outward.Guard
	imports   *imports
	links     *links
	closing   chan struct{}
	closeOnce sync.Once
}

// New checks the configuration and returns the API.
func New(cfg Config) (*API, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("configure the API: %w", err)
	}
	a := &API{cfg: cfg, log: slog.New(requestLog{cfg.Logger.Handler()}), mux: http.NewServeMux(), closing: make(chan struct{})}
	a.manifests = newManifestCache(cfg.Objects, cfg.OutputsBucket)
	a.streams = newStreams(cfg.Streams, cfg.StreamsPerOwner, cfg.Ledger.Get)
	a.quotas = newQuotas(cfg.Ledger, cfg.BytesPerDay, cfg.JobsWaiting)
	a.guard = outward.New(outward.Config{Networks: cfg.ImportNetworks, Resolver: cfg.Resolver})
	a.imports = newImports(a)
	a.links = &links{notes: cfg.Notes, seen: map[string]time.Time{}}
	var err error
	if a.page, err = newPage(web.Files()); err != nil {
		return nil, fmt.Errorf("load the page: %w", err)
	}
	a.huma = humago.New(tree{a.mux}, a.humaConfig())
	a.registerUploads()
	a.registerMultipart()
	a.registerImports()
	a.registerJobs()
	a.registerActions()
	a.registerUnreadable()
	a.registerDeliveries()
	a.registerEvents()
	a.registerFiles()
	a.registerStage()
	a.registerSignIn()
	a.registerSharing()
	a.document()
	a.registerDocs()
	a.mux.Handle("GET /{$}", a.page)
	for name := range a.page.files {
		a.mux.Handle("GET "+name, a.page)
	}
	a.inner = a.chain()
	return a, nil
}

// Handler returns the API itself.
func (a *API) Handler() http.Handler { return a }

// Close ends the event streams, which would otherwise hold up a server that
// shuts down, and the imports, which the next process takes up. Other requests
// are not touched.
func (a *API) Close() {
	a.closeOnce.Do(func() {
		close(a.closing)
		a.imports.close()
	})
}

// Paths gives the described calls by their paths.
func (a *API) Paths() map[string]*huma.PathItem { return a.huma.OpenAPI().Paths }

// OpenAPI returns the OpenAPI 3.1 document as JSON.
func (a *API) OpenAPI() ([]byte, error) {
	doc, err := a.huma.OpenAPI().MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode the OpenAPI document: %w", err)
	}
	return doc, nil
}

func (a *API) humaConfig() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			Info: &huma.Info{
				Title:   "Motionmill",
				Version: a.cfg.Version,
				Description: "Videos of people moving go in by presigned upload; web renditions, a pose track and a " +
					"cut-out silhouette come out. Errors are RFC 9457 problem documents whose `type` is stable.",
			},
		},
		OpenAPIPath:   "/openapi",
		Formats:       huma.DefaultFormats,
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{nameProblem},
	}
}

// tree is the mux with the one wildcard that OpenAPI has no word for: the path
// of a file may have slashes in it.
type tree struct{ *http.ServeMux }

// HandleFunc registers a handler under an OpenAPI path.
func (t tree) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	t.ServeMux.HandleFunc(strings.Replace(pattern, "{path}", "{path...}", 1), handler)
}
