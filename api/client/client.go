// Package client talks to Motionmill's API: it uploads files by presigned
// requests, follows jobs, and fetches their results with every checksum
// verified. The commands submit and jobs are made of it.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	random "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
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
	direct *http.Client // It follows no redirect.
	tries  int
	pause  time.Duration
	token  func(context.Context) (string, error)
	resume string
}

// callWithin bounds a call that moves no file.
const callWithin = time.Minute

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
	direct := *cfg.HTTP
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		base: base, http: cfg.HTTP, direct: &direct, tries: cfg.Tries, pause: cfg.Pause, token: cfg.Token, resume: cfg.ResumeDir,
	}, nil
}

// Problem is an error that the API answered (RFC 9457).
type Problem struct {
	// Type is stable: api.ProblemPrefix and a word.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Status int    `json:"status"`
	// Errors names the fields that were wrong.
	Errors []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`
}

// Error gives the detail, and what was wrong with which field.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = fmt.Sprintf("%s (%d)", p.Title, p.Status)
	}
	for _, e := range p.Errors {
		if !strings.Contains(text, e.Message) {
			text += "; " + strings.TrimSpace(e.Location+" "+e.Message)
		}
	}
	return text
}

// Unreachable is the failure to get any answer from a server.
type Unreachable struct {
	// URL is the address, without query.
	URL string
	// Remedy is what to do.
	Remedy string
	Err    error
}

// Error names the address and the remedy.
func (u *Unreachable) Error() string {
	return fmt.Sprintf("reach %s: %v. %s", u.URL, u.Err, u.Remedy)
}

// Unwrap returns the cause.
func (u *Unreachable) Unwrap() error { return u.Err }

// resolve makes an absolute URL of a path below the API, or of an absolute one.
func (c *Client) resolve(ref string) (string, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return "", fmt.Errorf("read address %q: %w", ref, err)
	}
	if u.IsAbs() {
		return ref, nil
	}
	// A base with a path of its own keeps it in front of the API's paths.
	return strings.TrimSuffix(c.base.String(), "/") + ref, nil
}

// call makes one call with JSON in and out (either may be nil).
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	return c.keyed(ctx, method, path, "", in, out)
}

// post makes a call that does something. It is tried again when its answer was
// lost, under one key, so that it is done once.
func (c *Client) post(ctx context.Context, path string, in, out any) error {
	key := rand.Text()
	return c.again(ctx, func(int) error {
		err := c.keyed(ctx, http.MethodPost, path, key, in, out)
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" {
			return final{err} // Nobody is there, and people wait.
		}
		return err
	})
}

// keyed makes one call under an idempotency key, if there is one.
func (c *Client) keyed(ctx context.Context, method, path, key string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode the request to %s: %w", path, err)
		}
		body = bytes.NewReader(data)
	}
	req, err := c.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set(api.IdempotencyHeader, key)
	}
	resp, err := c.do(req)
	if err != nil {
		return err
	}
	defer drain(resp)
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("read the answer of %s %s: %w", method, path, err)
	}
	return nil
}

// request makes a request to the API.
func (c *Client) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	target, err := c.resolve(path)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("make a request to %s: %w", path, err)
	}
	if c.token != nil && req.URL.Host == c.base.Host {
		token, err := c.token(ctx)
		if err != nil {
			return nil, fmt.Errorf("sign in: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

// do sends a request to the API.
func (c *Client) do(req *http.Request) (*http.Response, error) { return c.send(c.http, req) }

// final marks an error that is not to be tried again.
type final struct{ error }

// Unwrap returns the error.
func (f final) Unwrap() error { return f.error }

// send sends a request and turns every answer of 400 and above into an error.
func (c *Client) send(by *http.Client, req *http.Request) (*http.Response, error) {
	resp, err := by.Do(req)
	if err != nil {
		if cause := req.Context().Err(); errors.Is(cause, context.Canceled) {
			return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, cause)
		}
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // its text repeats the whole URL, signature included
		}
		return nil, &Unreachable{URL: req.URL.Scheme + "://" + req.URL.Host, Remedy: c.remedy(req.URL), Err: err}
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer drain(resp)
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // whatever came tells enough
	p := &Problem{}
	if json.Unmarshal(text, p) != nil || p.Title == "" {
		p = &Problem{Title: http.StatusText(resp.StatusCode), Detail: fmt.Sprintf("%s %s was answered %s: %.300s",
			req.Method, req.URL.Path, resp.Status, strings.TrimSpace(string(text)))}
	}
	p.Status = resp.StatusCode
	return nil, p
}

func (c *Client) remedy(u *url.URL) string {
	if u.Host == c.base.Host {
		return "Is the stage up? Start one on this machine with: motionmill local"
	}
	return "This is the stage's object store; is it up, and can it be reached from here?"
}

func drain(resp *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	_ = resp.Body.Close()
}

// passing tells whether trying again may help.
func passing(err error) bool {
	var p *Problem
	if errors.As(err, &p) {
		return p.Type == api.ProblemPrefix+"in-progress" || p.Status >= 500 || p.Status == http.StatusRequestTimeout || p.Status == http.StatusTooManyRequests
	}
	var ended final
	if errors.As(err, &ended) {
		return false
	}
	var local *fs.PathError // of the disk here, as LinkError
	var link *os.LinkError
	return !errors.Is(err, context.Canceled) && !errors.As(err, &local) && !errors.As(err, &link)
}

// again runs f until it works, fails for good, or was tried often enough.
func (c *Client) again(ctx context.Context, f func(try int) error) error {
	for try := 1; ; try++ {
		err := f(try)
		if err == nil || try == c.tries || !passing(err) || ctx.Err() != nil {
			return err
		}
		if waitErr := wait(ctx, c.pause<<(try-1)); waitErr != nil {
			return errors.Join(waitErr, err)
		}
	}
}

// wait passes between half of d and d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	return job.Pause(ctx, d/2+random.N(d/2+1))
}
