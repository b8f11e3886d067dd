package gateway

import (
	"errors"
	"io"

	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3err"
)

// whole returns a reader of body that fails when it ends before length bytes.
// The server's own reader ends quietly when a client goes away. Bodies that
// frame themselves (aws-chunked, browser forms) are returned as they are:
// their length is not that of the content, and their readers miss the end.
func whole(body io.Reader, length *int64) io.Reader {
	if body == nil || length == nil {
		return body
	}
	if _, ok := body.(middlewares.ChecksumReader); ok {
		return body
	}
	if _, ok := body.(interface{ Length() int64 }); ok {
		return body
	}
	return &wholeBody{body: body, left: *length}
}

type wholeBody struct {
	body io.Reader
	left int64
}

func (b *wholeBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.left -= int64(n)
	var typed s3err.S3Error
	if err != nil && b.left > 0 && !errors.As(err, &typed) {
		return n, s3err.GetAPIError(s3err.ErrIncompleteBody)
	}
	return n, err
}
