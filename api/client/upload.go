package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/motionmill/motionmill/api"
)

const (
	// partsAtOnce is how many parts of a large file are under way.
	partsAtOnce = 4
	// freshFor is how long a part's URL must still be good when it is used.
	freshFor = time.Minute
)

// CreateUpload asks for a place to upload one file to.
func (c *Client) CreateUpload(ctx context.Context, file api.NewUpload) (api.Upload, error) {
	var up api.Upload
	if err := c.call(ctx, http.MethodPost, "/v1/uploads", file, &up); err != nil {
		return up, fmt.Errorf("ask for an upload of %s: %w", file.Name, err)
	}
	return up, nil
}

// UploadFile sends the file at path, for the given profile (empty: the stage's
// default). progress, which may be nil, is told the bytes sent so far and the
// size, from several goroutines one at a time; after a failed part it goes back.
func (c *Client) UploadFile(ctx context.Context, path, profile string, progress func(done, total int64)) (api.Upload, error) {
	file, err := os.Open(path) //nolint:gosec // the caller's own file
	if err != nil {
		return api.Upload{}, fmt.Errorf("upload: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	switch {
	case err != nil:
		return api.Upload{}, fmt.Errorf("upload: %w", err)
	case !info.Mode().IsRegular():
		return api.Upload{}, fmt.Errorf("upload %s: it is not a file", path)
	case info.Size() == 0:
		return api.Upload{}, fmt.Errorf("upload %s: the file is empty", path)
	}
	up, err := c.CreateUpload(ctx, api.NewUpload{Name: filepath.Base(path), Bytes: info.Size(), Type: typeOf(path), Profile: profile})
	if err != nil {
		return up, err
	}
	count := &counter{total: info.Size(), tell: progress}
	if len(up.Parts) == 0 {
		err = c.sendWhole(ctx, file, up, count)
	} else {
		err = c.sendParts(ctx, file, up, count)
	}
	if err != nil {
		return up, fmt.Errorf("upload %s: %w", path, err)
	}
	return up, nil
}

// sendWhole puts the file in one request. After a lost reply the store says
// that the object exists already, which is then what was wanted.
func (c *Client) sendWhole(ctx context.Context, file io.ReaderAt, up api.Upload, count *counter) error {
	return c.again(ctx, func(try int) error {
		_, err := c.put(ctx, up.Method, up.URL, up.Headers, io.NewSectionReader(file, 0, count.total), count)
		var p *Problem
		if try > 1 && errors.As(err, &p) && p.Status == http.StatusPreconditionFailed {
			state, stateErr := c.UploadState(ctx, up.ID)
			if stateErr == nil && state.State == api.UploadReceived {
				return nil
			}
		}
		return err
	})
}

// sendParts puts the parts, several at a time, and ends the upload; one that
// cannot be ended is thrown away.
func (c *Client) sendParts(ctx context.Context, file io.ReaderAt, up api.Upload, count *counter) error {
	urls := &partURLs{client: c, up: up, parts: slices.Clone(up.Parts), expires: up.ExpiresAt}
	done := make([]api.PartETag, len(up.Parts))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(partsAtOnce)
	offset := int64(0)
	for i, part := range up.Parts {
		start := offset
		offset += part.Bytes
		group.Go(func() error {
			return c.again(groupCtx, func(int) error {
				target, err := urls.get(groupCtx, i)
				if err != nil {
					return err
				}
				// A reader of its own each time: the transport may still hold the last.
				section := io.NewSectionReader(file, start, part.Bytes)
				etag, err := c.put(groupCtx, up.Method, target.URL, target.Headers, section, count)
				done[i] = api.PartETag{Number: part.Number, ETag: etag}
				return err
			})
		})
	}
	err := group.Wait()
	if err == nil {
		body := map[string]any{"parts": done}
		err = c.again(ctx, func(int) error { return c.call(ctx, http.MethodPost, up.CompleteURL, body, nil) })
	}
	if err != nil {
		abortErr := c.call(context.WithoutCancel(ctx), http.MethodPost, up.AbortURL, nil, nil)
		if abortErr != nil {
			abortErr = fmt.Errorf("throw the parts away: %w", abortErr)
		}
		return errors.Join(err, abortErr)
	}
	return nil
}

// put sends one body and returns the ETag of the answer.
func (c *Client) put(ctx context.Context, method, target string, headers map[string]string, body *io.SectionReader, count *counter) (string, error) {
	sent := &countingReader{reader: body, count: count}
	req, err := http.NewRequestWithContext(ctx, method, target, sent)
	if err != nil {
		return "", fmt.Errorf("make the upload's request: %w", err)
	}
	req.ContentLength = body.Size()
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	resp, err := c.do(req)
	if err != nil {
		sent.takeBack()
		return "", err
	}
	defer drain(resp)
	return resp.Header.Get("ETag"), nil
}

// partURLs hands out the URLs of parts and has them signed anew in time.
type partURLs struct {
	client  *Client
	up      api.Upload
	mu      sync.Mutex
	parts   []api.UploadPart
	expires time.Time
}

// get returns part i with a URL that is good for a while.
func (p *partURLs) get(ctx context.Context, i int) (api.UploadPart, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Until(p.expires) > freshFor || p.up.PartsURL == "" {
		return p.parts[i], nil
	}
	var sizes []api.PartSize
	for _, part := range p.parts {
		sizes = append(sizes, api.PartSize{Number: part.Number, Bytes: part.Bytes})
	}
	var fresh struct {
		Parts     []api.UploadPart `json:"parts"`
		ExpiresAt time.Time        `json:"expires_at"`
	}
	if err := p.client.call(ctx, http.MethodPost, p.up.PartsURL, map[string]any{"parts": sizes}, &fresh); err != nil {
		return api.UploadPart{}, fmt.Errorf("sign the parts anew: %w", err)
	}
	for _, part := range fresh.Parts {
		if part.Number >= 1 && part.Number <= len(p.parts) {
			p.parts[part.Number-1] = part
		}
	}
	p.expires = fresh.ExpiresAt
	return p.parts[i], nil
}

// UploadState asks what became of an upload.
func (c *Client) UploadState(ctx context.Context, id string) (api.UploadState, error) {
	var state api.UploadState
	if err := c.call(ctx, http.MethodGet, "/v1/uploads/"+url.PathEscape(id), nil, &state); err != nil {
		return state, fmt.Errorf("ask for upload %s: %w", id, err)
	}
	return state, nil
}

// WaitUpload returns the id of an upload's job as soon as a worker has read of
// it. It waits until ctx ends.
func (c *Client) WaitUpload(ctx context.Context, id string) (string, error) {
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		var state api.UploadState
		err := c.again(ctx, func(int) error {
			var err error
			state, err = c.UploadState(ctx, id)
			return err
		})
		if err != nil || state.Job != "" {
			return state.Job, err
		}
		if err := wait(ctx, pause); err != nil {
			return "", fmt.Errorf("wait for the job of upload %s (%s so far): %w", id, state.State, err)
		}
	}
}

// typeOf guesses a video's type by its ending; the probe decides later.
func typeOf(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".mp4", ".m4v":
		return "video/mp4"
	case ".mov", ".qt":
		return "video/quicktime"
	case ".webm":
		return "video/webm"
	case ".mkv":
		return "video/x-matroska"
	case ".avi":
		return "video/x-msvideo"
	default:
		return "application/octet-stream"
	}
}

// counter adds up what several requests have sent.
type counter struct {
	total int64
	tell  func(done, total int64)
	mu    sync.Mutex
	done  int64
}

func (c *counter) add(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done += n
	if c.tell != nil && n != 0 {
		c.tell(c.done, c.total)
	}
}

// countingReader counts one body; the transport may still read while an early
// answer is being handled, hence the atomics.
type countingReader struct {
	reader io.Reader
	count  *counter
	sent   atomic.Int64
	closed atomic.Bool
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.reader.Read(p)
	if !r.closed.Load() {
		r.sent.Add(int64(n))
		r.count.add(int64(n))
	}
	return n, err
}

// takeBack uncounts a body that did not arrive.
func (r *countingReader) takeBack() {
	r.closed.Store(true)
	r.count.add(-r.sent.Swap(0))
}
