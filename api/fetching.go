package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
)

// fetch streams the video into the bucket once.
func (i *imports) fetch(ctx context.Context, u upload, task importTask) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := job.Fail(job.Timeout, "import", task.shown(), fmt.Sprintf("the server sent nothing for %v", importQuiet), "", nil)
	alive := time.AfterFunc(importQuiet, func() { cancel(quiet) })
	defer alive.Stop()
	resp, err := i.open(ctx, task)
	if err != nil {
		return because(context.Cause(ctx), err)
	}
	defer func() { _ = resp.Body.Close() }() // It was only read.
	if err := i.judge(resp, task); err != nil {
		return err
	}
	total := max(resp.ContentLength, 0)
	i.show(task.ID, func(v *Import) { v.State, v.Bytes, v.Total = ImportFetching, 0, total })
	body := &meteredBody{reader: resp.Body, left: i.api.cfg.MaxBytes, subject: task.shown(), tell: func(n int64) {
		alive.Reset(importQuiet)
		i.show(task.ID, func(v *Import) { v.Bytes += n })
	}}
	put := PutRequest{
		Bucket: i.api.cfg.UploadsBucket, Key: u.key(), Bytes: total, Type: videoType(resp.Header.Get("Content-Type")),
		Metadata: withOrigin(task.Metadata, task.Request, task.Trace), NoOverwrite: true,
	}
	if err := i.api.cfg.Intake.Take(ctx, put, body); err != nil && !errors.Is(err, ErrTaken) {
		return because(context.Cause(ctx), because(body.err, err))
	}
	return nil
}

// open asks the server.
func (i *imports) open(ctx context.Context, task importTask) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, task.URL, nil)
	if err != nil {
		return nil, job.Fail(job.Unsupported, "import", task.shown(), "the address cannot be read", "", nil)
	}
	req.Header.Set("User-Agent", "Motionmill")
	req.Header.Set("Accept", "video/*, application/octet-stream;q=0.9, */*;q=0.1")
	if task.authorization != "" {
		req.Header.Set("Authorization", task.authorization)
	}
	resp, err := i.client.Do(req)
	if err == nil {
		return resp, nil
	}
	var typed *job.Error
	if errors.As(err, &typed) { // Of the guard.
		return nil, typed
	}
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err // Its text repeats the whole address, tokens included.
	}
	return nil, job.Fail(job.Storage, "import", task.shown(), "the server did not answer", "", err)
}

// judge decides by the head of an answer whether it is the video.
func (i *imports) judge(resp *http.Response, task importTask) error {
	media := strings.ToLower(strings.TrimSpace(strings.Split(resp.Header.Get("Content-Type"), ";")[0]))
	fail := func(kind job.Kind, finding, remedy string) error {
		return job.Fail(kind, "import", task.shown(), finding, remedy, nil)
	}
	switch {
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout:
		return fail(job.Storage, "the server answered "+resp.Status, "")
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return fail(job.SourceGone, "the server answered "+resp.Status, "Give a link that needs no sign-in, or its authorization.")
	case resp.StatusCode != http.StatusOK:
		return fail(job.SourceGone, "the server answered "+resp.Status, "Check that the link still works.")
	case media == "text/html" || media == "application/xhtml+xml":
		return fail(job.NotAVideo, "the link leads to a web page", "Give the link that downloads the video itself.")
	case resp.ContentLength > i.api.cfg.MaxBytes:
		return fail(job.OverLimit, fmt.Sprintf("it has %d bytes, and at most %d are taken", resp.ContentLength, i.api.cfg.MaxBytes), "")
	case resp.ContentLength == 0:
		return fail(job.Corrupt, "the file is empty", "")
	}
	return nil
}

// videoType keeps the types that an upload could have.
func videoType(header string) string {
	media := strings.ToLower(strings.TrimSpace(strings.Split(header, ";")[0]))
	if ok, _ := path.Match("video/*", media); ok && len(media) < 64 {
		return media
	}
	return "application/octet-stream"
}

// meteredBody counts what is read, and fails when it is too much.
type meteredBody struct {
	reader  io.Reader
	left    int64
	subject string
	tell    func(n int64)
	err     error
}

// Read reads on as long as the limit allows.
func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.reader.Read(p)
	if b.left -= int64(n); b.left < 0 {
		err = job.Fail(job.OverLimit, "import", b.subject, "it is larger than what is taken", "Cut the video, or encode it smaller.", nil)
	}
	b.tell(int64(n))
	if err != nil && !errors.Is(err, io.EOF) {
		var typed *job.Error
		if !errors.As(err, &typed) {
			err = job.Fail(job.Storage, "import", b.subject, "the server broke off", "", err)
		}
		b.err = err
	}
	return n, err
}
