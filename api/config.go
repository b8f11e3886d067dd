package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
)

// Config is what an API is made of.
type Config struct {
	// Ledger, Queue, DeadLetters, Signer, Objects, Multipart, Intake and Notes
	// are required.
	Ledger      Ledger
	Queue       Queue
	DeadLetters DeadLetters
	Signer      Signer
	Objects     Objects
	Multipart   Multipart
	Intake      Intake
	Notes       Notes
	// Deliveries shows the webhooks that were not delivered. Default: there are none.
	Deliveries Deliveries
	// Report, when set, is told of panics. It must not wait.
	Report func(job.Report)

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
	// Access says who may do what. Default: whoever reaches the API, everything.
	Access *Access
	// Limits bounds what clients may ask for.
	Limits
	// CORSOrigins are the origins whose scripts may use the API, besides its own
	// ("https://app.example.com"). Default: none.
	CORSOrigins []string
	// TrustedProxies are networks of proxies whose X-Forwarded-For and
	// X-Forwarded-Proto are believed. Default: none.
	TrustedProxies []netip.Prefix
	// ImportNetworks are let through for imports though they are not public.
	// Default: none.
	ImportNetworks []netip.Prefix
	// Resolver resolves the names of imports. Default: the system's.
	Resolver *net.Resolver
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
	// Meter is told of every answer. Default: nobody.
	Meter Meter
	// Tracer is told of every call. Default: nobody.
	Tracer Tracer
	// Logger takes the causes of answers in the 500s. Default: silent.
	Logger *slog.Logger
}

// Limits bounds what clients may ask for. An owner is whom authentication
// found; without one, each address is its own for the rates and the streams,
// and all share the quotas.
type Limits struct {
	// RatePerSecond is how many requests a second one owner may make. Default:
	// any number.
	RatePerSecond float64
	// RateBurst is how many it may make at once. Default: ten seconds' worth.
	RateBurst int
	// BytesPerDay is how much one owner may upload within 24 hours, in bytes.
	// Default: any.
	BytesPerDay int64
	// JobsWaiting is how many jobs of one owner may wait, uploads that have not
	// arrived among them. Default: any number.
	JobsWaiting int
	// Streams is how many event streams may be open. Default: 10,000.
	Streams int
	// StreamsPerOwner is how many of them may be one owner's. Default: 1,000.
	StreamsPerOwner int
	// ImportsAtOnce is how many imports are fetched at a time. Default: 4.
	ImportsAtOnce int
	// ImportWithin is how long one import may take. Default: one hour.
	ImportWithin time.Duration
}

func (l *Limits) setDefaults() {
	if l.RateBurst == 0 {
		l.RateBurst = max(1, int(10*l.RatePerSecond))
	}
	if l.Streams == 0 {
		l.Streams = 10_000
	}
	if l.StreamsPerOwner == 0 {
		l.StreamsPerOwner = 1000
	}
	if l.ImportsAtOnce == 0 {
		l.ImportsAtOnce = 4
	}
	if l.ImportWithin == 0 {
		l.ImportWithin = time.Hour
	}
}

func (l *Limits) check() error {
	if l.RatePerSecond < 0 || l.RateBurst < 1 || l.BytesPerDay < 0 || l.JobsWaiting < 0 || l.Streams < 0 || l.StreamsPerOwner < 0 ||
		l.ImportsAtOnce < 0 || l.ImportWithin < 0 {
		return errors.New("a limit is negative; 0 takes its default")
	}
	return nil
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
	c.Limits.setDefaults()
	if c.Stage == "" {
		c.Stage = "local"
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.StarterNotice == nil {
		c.StarterNotice = func() string { return "" }
	}
	if c.Tracer == nil {
		c.Tracer = untold{}
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
		"Objects": c.Objects == nil, "Multipart": c.Multipart == nil, "Intake": c.Intake == nil, "Notes": c.Notes == nil,
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
	if c.Access != nil && (c.Access.Verifier == nil || c.Access.Grants == nil) {
		errs = append(errs, errors.New("Access needs a Verifier and Grants"))
	}
	errs = append(errs, c.Limits.check(), checkOrigins(c.CORSOrigins))
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
