package store

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/motionmill/motionmill/job"
)

// Limits of signed URLs.
const (
	// MaxExpiry is how long a URL that writes is good at most.
	MaxExpiry = 15 * time.Minute
	// MaxReadExpiry is how long a URL that reads is good at most; a player
	// goes on asking for segments for as long as the video is.
	MaxReadExpiry = 12 * time.Hour
	// MaxPutBytes is the largest object that one PUT can carry.
	MaxPutBytes = 5 << 30
)

// PutRequest asks for leave to upload one object.
type PutRequest struct {
	Bucket, Key string
	// Bytes is the exact length of the body, at least 1.
	Bytes int64
	// Type is the Content-Type that the client has to send.
	Type string
	// Metadata is what the client has to send as x-amz-meta- headers.
	Metadata map[string]string
	// Expires is how long the leave lasts: at most MaxExpiry, which 0 stands for.
	Expires time.Duration
}

// Presigned is a request that anyone may send until it expires.
type Presigned struct {
	Method string
	URL    string
	// Headers is what the client must send, to the letter, besides Host and
	// Content-Length, which every client sets by itself.
	Headers   map[string]string
	ExpiresAt time.Time
}

// PresignPut signs one upload to one key: another length, another type, or a
// key that is already taken is refused by the server.
func (s *Store) PresignPut(ctx context.Context, req PutRequest) (Presigned, error) {
	expires, err := req.check()
	if err != nil {
		return Presigned{}, err
	}
	if req.Bytes > MaxPutBytes {
		return Presigned{}, job.Fail(job.OverLimit, "presign put", uri(req.Bucket, req.Key),
			fmt.Sprintf("%d bytes are more than one request can carry (%d)", req.Bytes, int64(MaxPutBytes)), "Upload it in parts.", nil)
	}
	signedAt := time.Now()
	signed, err := s.presign.PresignPutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(req.Bucket), Key: aws.String(req.Key),
		ContentLength: aws.Int64(req.Bytes), ContentType: aws.String(req.Type), IfNoneMatch: aws.String("*"), Metadata: req.Metadata,
	}, s3.WithPresignExpires(expires))
	if err != nil {
		return Presigned{}, s.fail(ctx, "presign put", uri(req.Bucket, req.Key), err)
	}
	return s.presigned(signed, signedAt.Add(expires))
}

// PresignOpenPut signs an upload of any length and type to one key, for
// clients that can send no header of ours. It may be used more than once until
// it expires, and overwrites. expires is as in PutRequest.
func (s *Store) PresignOpenPut(ctx context.Context, bucket, key string, expires time.Duration) (Presigned, error) {
	const op = "presign open put"
	if err := named(bucket, key); err != nil {
		return Presigned{}, fmt.Errorf("%s: %w", op, err)
	}
	expires, err := lifetime(op, uri(bucket, key), expires, MaxExpiry)
	if err != nil {
		return Presigned{}, err
	}
	signedAt := time.Now()
	signed, err := s.presign.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)},
		s3.WithPresignExpires(expires))
	if err != nil {
		return Presigned{}, s.fail(ctx, op, uri(bucket, key), err)
	}
	return s.presigned(signed, signedAt.Add(expires))
}

// PresignGet signs the download of one object. expires is at most
// MaxReadExpiry; 0 stands for MaxExpiry. When downloadName is not empty, a
// browser saves the file under it instead of showing it.
func (s *Store) PresignGet(ctx context.Context, bucket, key string, expires time.Duration, downloadName string) (string, error) {
	if err := named(bucket, key); err != nil {
		return "", fmt.Errorf("presign get: %w", err)
	}
	expires, err := lifetime("presign get", uri(bucket, key), expires, MaxReadExpiry)
	if err != nil {
		return "", err
	}
	input := &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)}
	if downloadName != "" {
		input.ResponseContentDisposition = aws.String(attachment(downloadName))
	}
	signed, err := s.presign.PresignGetObject(ctx, input, s3.WithPresignExpires(expires))
	if err != nil {
		return "", s.fail(ctx, "presign get", uri(bucket, key), err)
	}
	return s.publish(signed.URL)
}

// PresignHead signs a HEAD of one object, which the URL of PresignGet does not
// allow. expires is as there.
func (s *Store) PresignHead(ctx context.Context, bucket, key string, expires time.Duration) (string, error) {
	if err := named(bucket, key); err != nil {
		return "", fmt.Errorf("presign head: %w", err)
	}
	expires, err := lifetime("presign head", uri(bucket, key), expires, MaxReadExpiry)
	if err != nil {
		return "", err
	}
	signed, err := s.presign.PresignHeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)}, s3.WithPresignExpires(expires))
	if err != nil {
		return "", s.fail(ctx, "presign head", uri(bucket, key), err)
	}
	return s.publish(signed.URL)
}

// attachment has a browser save a file under a name.
func attachment(name string) string {
	return mime.FormatMediaType("attachment", map[string]string{"filename": name})
}

// check refuses what cannot be pinned and returns the lifetime.
func (req PutRequest) check() (time.Duration, error) {
	const op = "presign put"
	subject := uri(req.Bucket, req.Key)
	if err := named(req.Bucket, req.Key); err != nil {
		return 0, fmt.Errorf("%s: %w", op, err)
	}
	if req.Bytes < 1 {
		return 0, job.Fail(job.Corrupt, op, subject, "the upload has no bytes", "State the exact length of the file.", nil)
	}
	if req.Type == "" {
		return 0, job.Fail(job.Unsupported, op, subject, "the upload has no content type", "State one, such as video/mp4.", nil)
	}
	return lifetime(op, subject, req.Expires, MaxExpiry)
}

func lifetime(op, subject string, asked, most time.Duration) (time.Duration, error) {
	switch {
	case asked == 0:
		return min(most, MaxExpiry), nil
	case asked < time.Second || asked > most:
		return 0, job.Fail(job.Internal, op, subject, fmt.Sprintf("a lifetime of %s is not between 1s and %s", asked, most), "Ask for less.", nil)
	default:
		return asked.Truncate(time.Second), nil
	}
}

// presigned turns what the SDK signed into what a client needs.
func (s *Store) presigned(signed *v4.PresignedHTTPRequest, until time.Time) (Presigned, error) {
	address, err := s.publish(signed.URL)
	if err != nil {
		return Presigned{}, err
	}
	headers := map[string]string{}
	for name, values := range signed.SignedHeader {
		switch name = http.CanonicalHeaderKey(name); name {
		case "Host", "Content-Length":
		default:
			headers[name] = strings.Join(values, ",")
		}
	}
	return Presigned{Method: signed.Method, URL: address, Headers: headers, ExpiresAt: until.UTC().Truncate(time.Second)}, nil
}
