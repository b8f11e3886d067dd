package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// ErrChanged is in the chain of an error when an object was not replaced
// because it is not, or no longer, the one that was named.
var ErrChanged = errors.New("the object has changed")

// Replace stores a small body in the place of the object with an ETag, without
// quotes, and returns the ETag of the new one. ErrChanged is in the error's
// chain when the key has another object by now, or none.
func (s *Store) Replace(ctx context.Context, bucket, key, etag string, body []byte, contentType string) (string, error) {
	if err := named(bucket, key); err != nil {
		return "", fmt.Errorf("put: %w", err)
	}
	out, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String(key), Body: bytes.NewReader(body), ContentType: optional(contentType),
		IfMatch: aws.String(`"` + etag + `"`),
	})
	switch {
	case err == nil:
		return strings.Trim(aws.ToString(out.ETag), `"`), nil
	case status(err) == http.StatusPreconditionFailed, status(err) == http.StatusNotFound && code(err) != "NoSuchBucket",
		status(err) == http.StatusConflict: // Another write of the key was under way.
		return "", fmt.Errorf("put %s: %w: %w", uri(bucket, key), ErrChanged, err)
	default:
		return "", s.fail(ctx, "put", uri(bucket, key), err)
	}
}
