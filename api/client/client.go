// Package client talks to Motionmill's API: it uploads files by presigned
// requests, follows jobs, and fetches their results with every checksum
// verified. The commands submit and jobs are made of it. Its types, and the
// calls beneath, are generated from the API's description: package wire.
package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/motionmill/motionmill/api/client/wire"
)

// Config says which API to talk to.
type Config struct {
	// URL is the API's address. Default: http://127.0.0.1:8080.
	URL string
	// HTTP carries the requests. It must not bound the time of a whole request,
	// because uploads and event streams take long. Default: one that waits two
	// minutes for an answer to begin.
	HTTP *http.Client
	// Tries is how often a request that failed in passing is made. Default: 4.
	Tries int
	// Pause is the wait before the second try; it doubles with each. Default: 500 ms.
	Pause time.Duration
	// Token, when set, gives the bearer token for the API, which nobody else is
	// sent. It is asked for each request, and may be by several at once.
	Token func(ctx context.Context) (string, error)
	// ResumeDir is a folder for notes of uploads in parts, with which one that
	// was broken off is gone on with. Default: one that breaks off is thrown away.
	ResumeDir string
}

// Client is safe for concurrent use.
type Client struct {
	base   *url.URL
	http   *http.Client
	tries  int
	pause  time.Duration
	token  func(context.Context) (string, error)
	resume string

	// calls move no file and are bounded in time. The others hand on an answer
	// as it begins; files follows no redirect.
	calls  *wire.ClientWithResponses
	events *wire.Client
	files  *wire.Client
}

// New returns a client; it sends nothing yet.
func New(cfg Config) (*Client, error) {
	if cfg.URL == "" {
		cfg.URL = "http://127.0.0.1:8080"
	}
	base, err := url.Parse(cfg.URL)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("configure the client: %q is not the address of an API, such as http://127.0.0.1:8080", cfg.URL)
	}
	if cfg.HTTP == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.ResponseHeaderTimeout = 2 * time.Minute
		cfg.HTTP = &http.Client{Transport: transport}
	}
	if cfg.Tries == 0 {
		cfg.Tries = 4
	}
	if cfg.Pause == 0 {
		cfg.Pause = 500 * time.Millisecond
	}
	c := &Client{base: base, http: cfg.HTTP, tries: cfg.Tries, pause: cfg.Pause, token: cfg.Token, resume: cfg.ResumeDir}
	direct := *cfg.HTTP
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	server := strings.TrimSuffix(base.String(), "/") + "/" // A path of its own stays in front of the API's paths.
	c.calls = &wire.ClientWithResponses{ClientInterface: &wire.Client{Server: server, Client: whole{sender{c, cfg.HTTP}}}}
	c.events = &wire.Client{Server: server, Client: sender{c, cfg.HTTP}}
	c.files = &wire.Client{Server: server, Client: sender{c, &direct}}
	return c, nil
}
