package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	random "math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
)

const (
	// callWithin bounds a call that moves no file.
	callWithin = time.Minute
	// maxAnswer bounds its answer, in bytes.
	maxAnswer = 64 << 20
)

// sender carries the requests of package wire to the API: with the token, and
// with every refusal as an error. What it answers may take as long as it likes.
type sender struct {
	client *Client
	by     *http.Client
}

// Do sends one request.
func (s sender) Do(req *http.Request) (*http.Response, error) {
	if s.client.token != nil {
		token, err := s.client.token(req.Context())
		if err != nil {
			return nil, fmt.Errorf("sign in: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return s.client.send(s.by, req)
}

// whole reads the answer of each call before it hands it on, and bounds the
// time of both.
type whole struct{ sender }

// Do makes one call.
func (w whole) Do(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), callWithin)
	defer cancel()
	resp, err := w.sender.Do(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer drain(resp)
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s %s: %w", req.Method, req.URL.Path, err)
	}
	read := *resp
	read.Body = io.NopCloser(bytes.NewReader(body))
	return &read, nil
}

// answered gives what a call was answered with: body is that of the status that
// the call is described with, nil where another came.
func answered[T any](resp interface{ Status() string }, body *T) (T, error) {
	if body == nil {
		var none T
		return none, fmt.Errorf("the answer was %s, which is not what the API is described to give. Is this its address?", resp.Status())
	}
	return *body, nil
}

// once makes a call that does something. It is tried again when its answer was
// lost, under one key, so that it is done once.
func once[T any](ctx context.Context, c *Client, call func(key *string) (T, error)) (T, error) {
	key := rand.Text()
	var got T
	err := c.again(ctx, func(int) error {
		var err error
		got, err = call(&key)
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" {
			return final{err} // Nobody is there, and people wait.
		}
		return err
	})
	return got, err
}

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
	if resp.StatusCode < http.StatusBadRequest {
		return resp, nil
	}
	defer drain(resp)
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // whatever came tells enough
	p := &Problem{}
	if json.Unmarshal(text, p) != nil || p.Title == "" {
		p = &Problem{Title: http.StatusText(resp.StatusCode), Detail: fmt.Sprintf("%s %s was answered %s: %.300s",
			req.Method, req.URL.Path, resp.Status, strings.TrimSpace(string(text)))}
	}
	p.Status = int64(resp.StatusCode)
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

// again runs f until it works, fails for good, or was tried often enough.
func (c *Client) again(ctx context.Context, f func(try int) error) error {
	for try := 1; ; try++ {
		err := f(try)
		if err == nil || try == c.tries || !passing(err) {
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
