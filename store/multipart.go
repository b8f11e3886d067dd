package store

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/motionmill/motionmill/job"
)

// Limits of S3 on multipart uploads.
const (
	// MinPartBytes is the least length of every part but the last.
	MinPartBytes = 5 << 20
	// MaxParts is how many parts an object can have.
	MaxParts = 10_000
)

// Multipart is an upload in parts that a client may carry out.
type Multipart struct {
	UploadID string
	// PartBytes is the length of every part but the last.
	PartBytes int64
	// Parts holds a signed request for each part, in order.
	Parts []PartURL
	// ExpiresAt is when the parts' URLs end. PresignPart signs one anew.
	ExpiresAt time.Time
}

// PartURL is leave to upload one part.
type PartURL struct {
	// Number counts from 1.
	Number int32
	// Bytes is the exact length of the part's body.
	Bytes int64
	Presigned
}

// Part is a part that has been uploaded: what its upload was answered with.
type Part struct {
	// Number counts from 1.
	Number int32
	ETag   string
}

// StartMultipart begins an upload of req.Bytes in parts of partBytes and
// signs a URL for each, its length pinned. It is to be ended with
// CompleteMultipart or AbortMultipart.
func (s *Store) StartMultipart(ctx context.Context, req PutRequest, partBytes int64) (Multipart, error) {
	const op = "start multipart upload"
	expires, err := req.check()
	if err != nil {
		return Multipart{}, err
	}
	subject := uri(req.Bucket, req.Key)
	if partBytes < MinPartBytes || partBytes > MaxPutBytes {
		return Multipart{}, job.Fail(job.Internal, op, subject,
			fmt.Sprintf("parts of %d bytes are not between %d and %d", partBytes, int64(MinPartBytes), int64(MaxPutBytes)), "Choose another length.", nil)
	}
	count := (req.Bytes + partBytes - 1) / partBytes
	if count > MaxParts {
		return Multipart{}, job.Fail(job.OverLimit, op, subject,
			fmt.Sprintf("%d bytes in parts of %d are more than %d parts", req.Bytes, partBytes, MaxParts), "Choose longer parts.", nil)
	}
	uploadID, err := s.CreateMultipart(ctx, req)
	if err != nil {
		return Multipart{}, err
	}
	upload := Multipart{UploadID: uploadID, PartBytes: partBytes, ExpiresAt: time.Now().Add(expires).UTC().Truncate(time.Second)}
	for i := range count {
		part, err := s.PresignPart(ctx, req, upload.UploadID, int32(i+1), min(partBytes, req.Bytes-i*partBytes))
		if err != nil {
			// The error at hand matters more; what stays behind expires by the bucket's own rule.
			_ = s.AbortMultipart(context.WithoutCancel(ctx), req.Bucket, req.Key, upload.UploadID)
			return Multipart{}, err
		}
		upload.Parts = append(upload.Parts, part)
	}
	return upload, nil
}

// CreateMultipart begins an upload in parts and returns its id; of req it
// uses the bucket, the key, the type and the metadata. PresignPart signs the
// parts.
func (s *Store) CreateMultipart(ctx context.Context, req PutRequest) (string, error) {
	created, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: aws.String(req.Bucket), Key: aws.String(req.Key), ContentType: aws.String(req.Type), Metadata: req.Metadata,
	})
	if err != nil {
		return "", s.fail(ctx, "start multipart upload", uri(req.Bucket, req.Key), err)
	}
	return aws.ToString(created.UploadId), nil
}

// PresignPart signs the upload of one part of bytes length; of req it uses
// the bucket, the key and the lifetime.
func (s *Store) PresignPart(ctx context.Context, req PutRequest, uploadID string, number int32, bytes int64) (PartURL, error) {
	const op = "presign part"
	subject := uri(req.Bucket, req.Key)
	if err := named(req.Bucket, req.Key); err != nil {
		return PartURL{}, fmt.Errorf("%s: %w", op, err)
	}
	if uploadID == "" || number < 1 || number > MaxParts || bytes < 1 || bytes > MaxPutBytes {
		return PartURL{}, job.Fail(job.Internal, op, subject, fmt.Sprintf("part %d of %d bytes of upload %q cannot be", number, bytes, uploadID), "", nil)
	}
	expires, err := lifetime(op, subject, req.Expires, MaxExpiry)
	if err != nil {
		return PartURL{}, err
	}
	signedAt := time.Now()
	signed, err := s.presign.PresignUploadPart(ctx, &s3.UploadPartInput{
		Bucket: aws.String(req.Bucket), Key: aws.String(req.Key), UploadId: aws.String(uploadID),
		PartNumber: aws.Int32(number), ContentLength: aws.Int64(bytes),
	}, s3.WithPresignExpires(expires))
	if err != nil {
		return PartURL{}, s.fail(ctx, op, subject, err)
	}
	presigned, err := s.presigned(signed, signedAt.Add(expires))
	return PartURL{Number: number, Bytes: bytes, Presigned: presigned}, err
}

// CompleteMultipart makes the object of its parts, given in order. It does
// not overwrite: ErrExists is in the error's chain when the key is taken,
// ErrNotFound when there is no such upload.
func (s *Store) CompleteMultipart(ctx context.Context, bucket, key, uploadID string, parts []Part) error {
	const op = "complete multipart upload"
	if err := named(bucket, key); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if len(parts) == 0 {
		return job.Fail(job.Internal, op, uri(bucket, key), "no part is named", "Name the number and the ETag of every part.", nil)
	}
	completed := make([]types.CompletedPart, len(parts))
	for i, part := range parts {
		completed[i] = types.CompletedPart{PartNumber: aws.Int32(part.Number), ETag: aws.String(part.ETag)}
	}
	_, err := s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: aws.String(bucket), Key: aws.String(key), UploadId: aws.String(uploadID), IfNoneMatch: aws.String("*"),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: completed},
	})
	if err == nil {
		return nil
	}
	switch {
	case status(err) == http.StatusNotFound && code(err) == "NoSuchUpload":
		return job.Fail(job.Storage, op, uri(bucket, key), "there is no such upload", "It was aborted or completed before; start another.", fmt.Errorf("%w: %w", ErrNotFound, err))
	case status(err) == http.StatusBadRequest:
		return job.Fail(job.Storage, op, uri(bucket, key), "the parts are not as they were uploaded",
			"Send the number and the ETag of every part, in order, as their uploads were answered.", fmt.Errorf("%w: %w", ErrParts, err))
	default:
		return s.fail(ctx, op, uri(bucket, key), err)
	}
}

// AbortMultipart ends an upload and frees its parts. An upload that is not
// there is no error.
func (s *Store) AbortMultipart(ctx context.Context, bucket, key, uploadID string) error {
	_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: aws.String(bucket), Key: aws.String(key), UploadId: aws.String(uploadID),
	})
	if err != nil && code(err) != "NoSuchUpload" {
		return s.fail(ctx, "abort multipart upload", uri(bucket, key), err)
	}
	return nil
}
