package store

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/motionmill/motionmill/job"
)

// streamsAtOnce is how many parts of one stream are held in memory at a time.
const streamsAtOnce = 2

// UploadStream stores a body under a key as it is read, in parts when it is
// large; of req it uses the bucket, the key, the type and the metadata. It
// does not overwrite: ErrExists is in the error's chain when the key is taken.
// The object appears whole or not at all; parts of what broke off are aborted.
// It holds at most two parts of 8 MiB.
func (s *Store) UploadStream(ctx context.Context, req PutRequest, body io.Reader) error {
	if err := named(req.Bucket, req.Key); err != nil {
		return fmt.Errorf("%s: %w", uploading, err)
	}
	_, err := s.transfer.UploadObject(ctx, &transfermanager.UploadObjectInput{
		Bucket: aws.String(req.Bucket), Key: aws.String(req.Key), Body: body, ContentType: optional(req.Type),
		Metadata: req.Metadata, IfNoneMatch: aws.String("*"),
	}, func(o *transfermanager.Options) { o.Concurrency = streamsAtOnce })
	if err != nil {
		return s.fail(ctx, uploading, uri(req.Bucket, req.Key), err)
	}
	return nil
}

// PutNew stores a small body under a key that has no object; ErrExists is in
// the error's chain when it has one.
func (s *Store) PutNew(ctx context.Context, bucket, key string, body []byte, contentType string) error {
	if err := named(bucket, key); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String(key), Body: bytes.NewReader(body), ContentType: optional(contentType),
		IfNoneMatch: aws.String("*"),
	})
	if err != nil {
		return s.fail(ctx, "put", uri(bucket, key), err)
	}
	return nil
}

// StoredPart is a part of an upload that lies in the store.
type StoredPart struct {
	Part
	Bytes int64
}

// ListParts gives up to limit (1 to 1000) of the parts of an upload that have
// been sent and whose numbers are greater than after, in order. ErrNotFound is
// in the error's chain when there is no such upload.
func (s *Store) ListParts(ctx context.Context, bucket, key, uploadID string, after int32, limit int32) ([]StoredPart, error) {
	const op = "list parts"
	if err := named(bucket, key); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	out, err := s.client.ListParts(ctx, &s3.ListPartsInput{
		Bucket: aws.String(bucket), Key: aws.String(key), UploadId: aws.String(uploadID),
		PartNumberMarker: aws.String(fmt.Sprint(after)), MaxParts: aws.Int32(limit),
	})
	if err != nil && code(err) == "NoSuchUpload" {
		return nil, job.Fail(job.Storage, op, uri(bucket, key), "there is no such upload", "It was aborted or completed before; start another.", fmt.Errorf("%w: %w", ErrNotFound, err))
	}
	if err != nil {
		return nil, s.fail(ctx, op, uri(bucket, key), err)
	}
	parts := make([]StoredPart, 0, len(out.Parts))
	for _, part := range out.Parts {
		parts = append(parts, StoredPart{
			Part: Part{Number: aws.ToInt32(part.PartNumber), ETag: aws.ToString(part.ETag)}, Bytes: aws.ToInt64(part.Size),
		})
	}
	return parts, nil
}
