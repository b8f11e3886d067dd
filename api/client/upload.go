package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/motionmill/motionmill/api/client/wire"
)

// CreateUpload asks for a place to upload one file to.
func (c *Client) CreateUpload(ctx context.Context, file NewUpload) (Upload, error) {
	up, err := once(ctx, c, func(key *string) (Upload, error) {
		resp, err := c.calls.CreateUploadWithResponse(ctx, &wire.CreateUploadParams{IdempotencyKey: key}, file)
		if err != nil {
			return Upload{}, err
		}
		return answered(resp, resp.JSON201)
	})
	if err != nil {
		return up, fmt.Errorf("ask for an upload of %s: %w", file.Name, err)
	}
	return up, nil
}

// UploadFile sends the file at path, for the given profile (empty: the stage's
// default). progress, which may be nil, is told the bytes sent so far and the
// size, from several goroutines one at a time; after a failed part it goes back.
//
// With a ResumeDir, an upload in parts that breaks off fails with *Broken, and
// the next call for the same unchanged file sends what has not arrived.
func (c *Client) UploadFile(ctx context.Context, path, profile string, progress func(done, total int64)) (Upload, error) {
	file, err := os.Open(path) //nolint:gosec // the caller's own file
	if err != nil {
		return Upload{}, fmt.Errorf("upload: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	switch {
	case err != nil:
		return Upload{}, fmt.Errorf("upload: %w", err)
	case !info.Mode().IsRegular():
		return Upload{}, fmt.Errorf("upload %s: it is not a file", path)
	case info.Size() == 0:
		return Upload{}, fmt.Errorf("upload %s: the file is empty", path)
	}
	count := &counter{total: info.Size(), tell: progress}
	begin := func() (Upload, error) {
		return c.CreateUpload(ctx, NewUpload{Name: filepath.Base(path), Bytes: info.Size(), Type: typeOf(path), Profile: profile})
	}
	var up Upload
	if c.resume == "" {
		if up, err = begin(); err == nil && len(up.Parts) > 0 {
			err = c.sendPartsOrAbort(ctx, file, up, count)
		}
	} else {
		up, err = c.goOn(ctx, file, info, profile, begin, count)
	}
	if err == nil && len(up.Parts) == 0 {
		err = c.sendWhole(ctx, file, up, count)
	}
	if err != nil {
		return up, fmt.Errorf("upload %s: %w", path, err)
	}
	return up, nil
}

// sendPartsOrAbort sends all parts; an upload that cannot be ended is thrown away.
func (c *Client) sendPartsOrAbort(ctx context.Context, file io.ReaderAt, up Upload, count *counter) error {
	err := c.sendParts(ctx, file, up, nil, count)
	if err == nil {
		return nil
	}
	return errors.Join(err, c.AbortUpload(context.WithoutCancel(ctx), up))
}

// PresignedURL is the older form of CreateUpload: a URL for a plain PUT.
func (c *Client) PresignedURL(ctx context.Context, name string) (string, error) {
	signed, err := once(ctx, c, func(key *string) (wire.PresignedURL, error) {
		resp, err := c.calls.PreSignedURLWithResponse(ctx, &wire.PreSignedURLParams{IdempotencyKey: key}, wire.PreSignedURLJSONRequestBody{Filename: name})
		if err != nil {
			return wire.PresignedURL{}, err
		}
		return answered(resp, resp.JSON200)
	})
	return signed.URL, err
}

// sendWhole puts the file in one request. After a lost reply the store says
// that the object exists already, which is then what was wanted.
func (c *Client) sendWhole(ctx context.Context, file io.ReaderAt, up Upload, count *counter) error {
	return c.again(ctx, func(try int) error {
		_, err := c.put(ctx, up.Method, up.URL, up.Headers, io.NewSectionReader(file, 0, count.total), count)
		var p *Problem
		if try > 1 && errors.As(err, &p) && p.Status == http.StatusPreconditionFailed {
			state, stateErr := c.UploadState(ctx, up.ID)
			if stateErr == nil && state.State == wire.UploadStatusReceived {
				return nil
			}
		}
		return err
	})
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
	resp, err := c.send(c.http, req)
	if err != nil {
		sent.takeBack()
		return "", err
	}
	defer drain(resp)
	return resp.Header.Get("ETag"), nil
}

// UploadState asks what became of an upload.
func (c *Client) UploadState(ctx context.Context, id string) (UploadState, error) {
	resp, err := c.calls.GetUploadWithResponse(ctx, id)
	if err != nil {
		return UploadState{}, fmt.Errorf("ask for upload %s: %w", id, err)
	}
	return answered(resp, resp.JSON200)
}

// WaitUpload returns the id of an upload's job as soon as a worker has read of
// it. It waits until ctx ends.
func (c *Client) WaitUpload(ctx context.Context, id string) (string, error) {
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		var state UploadState
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

// sum returns what has been sent.
func (c *counter) sum() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
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
