package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/motionmill/motionmill/job"
)

const uploading = "upload"

// Upload stores the file at path under a key, in parts when it is large, and
// replaces what is there. The transfer carries checksums that the server
// verifies. The object appears whole or not at all.
func (s *Store) Upload(ctx context.Context, bucket, key, path, contentType string) (Object, error) {
	if err := named(bucket, key); err != nil {
		return Object{}, fmt.Errorf("%s %s: %w", uploading, path, err)
	}
	file, err := os.Open(path)
	if err != nil {
		return Object{}, job.Fail(job.Internal, uploading, path, "the file cannot be read", "", err)
	}
	defer file.Close() // It was only read.
	sum := sha256.New()
	n, err := io.Copy(sum, file)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return Object{}, job.Fail(job.Internal, uploading, path, "the file cannot be read", "", err)
	}
	out, err := s.transfer.UploadObject(ctx, &transfermanager.UploadObjectInput{
		Bucket: aws.String(bucket), Key: aws.String(key), Body: file, ContentType: optional(contentType),
	})
	if err != nil {
		return Object{}, s.fail(ctx, uploading, uri(bucket, key), err)
	}
	return Object{
		Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil)), ContentType: contentType,
		ETag: strings.Trim(aws.ToString(out.ETag), `"`), Version: plainVersion(out.VersionID),
	}, nil
}

// Put stores a small body under a key and replaces what is there.
func (s *Store) Put(ctx context.Context, bucket, key string, body []byte, contentType string) error {
	if err := named(bucket, key); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String(key), Body: bytes.NewReader(body), ContentType: optional(contentType),
	})
	if err != nil {
		return s.fail(ctx, "put", uri(bucket, key), err)
	}
	return nil
}
