// Package api is Motionmill's HTTP side: presigned uploads, the jobs and
// their events, the files that they leave, cancel, retry and redrive, and the
// page of package web.
//
// It reads the ledger and signs URLs; bytes of videos never pass through it.
// Its one write to the ledger is a cancellation; a retry is a message that the
// claim acts upon. What it needs of the stage is declared in ports.go.
package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

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

// Config is what an API is made of.
type Config struct {
	// Ledger, Queue, DeadLetters, Signer, Objects and Multipart are required.
	Ledger      Ledger
	Queue       Queue
	DeadLetters DeadLetters
	Signer      Signer
	Objects     Objects
	Multipart   Multipart

	// UploadsBucket and OutputsBucket are required.
	UploadsBucket string
	OutputsBucket string
	// Profiles holds the names that an upload may ask for. Default: trainer,
	// transcode, pose and silhouette.
	Profiles []string
	// DefaultProfile is used for uploads that name none. Default: trainer.
	DefaultProfile string
	// MaxBytes is the size of the largest upload, in bytes. Default: 8 GiB.
	MaxBytes int64
	// MultipartAbove is the size in bytes above which an upload is sent in
	// parts. Default: 64 MiB.
	MultipartAbove int64
	// PartBytes is the size of a part in bytes, 5 MiB at least. Default: 16 MiB.
	PartBytes int64

	// ObjectProxy, when set, serves the object store under /s3/ of this origin
	// (it gets the request as it came, prefix included), and every presigned
	// URL is rewritten to lead there. Nil where clients reach the store itself.
	ObjectProxy http.Handler
	// ObjectOrigins are the origins of the store that the page may load from
	// ("https://bucket.s3.eu-west-1.amazonaws.com"). Default: any https origin,
	// or none where there is an ObjectProxy.
	ObjectOrigins []string
	// Hosts are host names, besides loopback ones, by which requests may
	// address the API. An unspecified address (0.0.0.0 or ::) allows every IP
	// address, "*" every name. Default: loopback only.
	Hosts []string

	// Stage is the name of the stage, shown on the page. Default: local.
	Stage string
	// Version is the program's version, for the OpenAPI document. Default: dev.
	Version string
	// StarterNotice gives the text that the page shows while only starter
	// models are installed; empty when there is none. Default: none.
	StarterNotice func() string
	// Logger takes the causes of answers in the 500s. Default: silent.
	Logger *slog.Logger
}

// API answers the calls of the contract and serves the page. It is an
// http.Handler and safe for concurrent use.
type API struct {
	cfg       Config
	log       *slog.Logger
	huma      huma.API
	mux       *http.ServeMux
	page      *page
	manifests *manifestCache
	closing   chan struct{}
	closeOnce sync.Once
}

// New checks the configuration and returns the API.
func New(cfg Config) (*API, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("configure the API: %w", err)
	}
	a := &API{cfg: cfg, log: cfg.Logger, mux: http.NewServeMux(), closing: make(chan struct{})}
	a.manifests = newManifestCache(cfg.Objects, cfg.OutputsBucket)
	var err error
	if a.page, err = newPage(web.Files()); err != nil {
		return nil, fmt.Errorf("load the page: %w", err)
	}
	a.huma = humago.New(tree{a.mux}, a.humaConfig())
	a.registerUploads()
	a.registerMultipart()
	a.registerJobs()
	a.registerActions()
	a.registerUnreadable()
	a.registerEvents()
	a.registerFiles()
	a.registerStage()
	a.mux.HandleFunc("GET /docs", a.serveDocs)
	a.mux.Handle("GET /{$}", a.page)
	for name := range a.page.files {
		a.mux.Handle("GET "+name, a.page)
	}
	return a, nil
}

// Handler returns the API itself.
func (a *API) Handler() http.Handler { return a }

// Close ends the event streams, which would otherwise hold up a server that
// shuts down. Other requests are not touched.
func (a *API) Close() { a.closeOnce.Do(func() { close(a.closing) }) }

// OpenAPI returns the OpenAPI 3.1 document as JSON.
func (a *API) OpenAPI() ([]byte, error) {
	doc, err := a.huma.OpenAPI().MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode the OpenAPI document: %w", err)
	}
	return doc, nil
}

func (c *Config) setDefaults() {
	if len(c.Profiles) == 0 {
		c.Profiles = []string{"trainer", "transcode", "pose", "silhouette"}
	}
	if c.DefaultProfile == "" {
		c.DefaultProfile = "trainer"
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 8 << 30
	}
	if c.MultipartAbove == 0 {
		c.MultipartAbove = 64 << 20
	}
	if c.PartBytes == 0 {
		c.PartBytes = 16 << 20
	}
	if c.Stage == "" {
		c.Stage = "local"
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.StarterNotice == nil {
		c.StarterNotice = func() string { return "" }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.ObjectOrigins == nil && c.ObjectProxy == nil {
		c.ObjectOrigins = []string{"https:"}
	}
}

func (c *Config) check() error {
	var errs []error
	for name, missing := range map[string]bool{
		"Ledger": c.Ledger == nil, "Queue": c.Queue == nil, "DeadLetters": c.DeadLetters == nil, "Signer": c.Signer == nil,
		"Objects": c.Objects == nil, "Multipart": c.Multipart == nil,
		"UploadsBucket": c.UploadsBucket == "", "OutputsBucket": c.OutputsBucket == "",
	} {
		if missing {
			errs = append(errs, fmt.Errorf("%s is not set", name))
		}
	}
	if !slices.Contains(c.Profiles, c.DefaultProfile) {
		errs = append(errs, fmt.Errorf("the default profile %q is not among the profiles %q", c.DefaultProfile, c.Profiles))
	}
	for _, p := range c.Profiles {
		if p == "" || strings.ContainsAny(p, "/\\=") {
			errs = append(errs, fmt.Errorf("profile name %q cannot be part of an object key", p))
		}
	}
	if c.MaxBytes < 0 || c.MultipartAbove < 0 {
		errs = append(errs, errors.New("MaxBytes and MultipartAbove must be positive"))
	}
	if c.PartBytes < minPartBytes {
		errs = append(errs, fmt.Errorf("PartBytes is %d, and S3 takes no part below %d bytes", c.PartBytes, minPartBytes))
	} else if c.MaxBytes > maxParts*c.PartBytes {
		errs = append(errs, fmt.Errorf("%d bytes in parts of %d are more than S3's %d parts; make PartBytes larger", c.MaxBytes, c.PartBytes, maxParts))
	}
	return errors.Join(errs...)
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
