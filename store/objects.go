package store

import (
	"context"
	"fmt"
	"io"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/motionmill/motionmill/job"
)

// getTries is how often a body that breaks off is asked for; the SDK minds the
// request, not the body.
const getTries = 3

// Get returns the body of a small object, and an error when it is longer than
// limit bytes. ErrNotFound is in the error's chain when there is no such object.
func (s *Store) Get(ctx context.Context, bucket, key string, limit int64) ([]byte, error) {
	if err := named(bucket, key); err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	for try := 1; ; try++ {
		out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
		if err != nil {
			return nil, s.fail(ctx, "get", uri(bucket, key), err)
		}
		if n := aws.ToInt64(out.ContentLength); n > limit {
			_ = out.Body.Close() // It is not read.
			return nil, tooLong(bucket, key, limit)
		}
		body, err := io.ReadAll(io.LimitReader(out.Body, limit+1))
		_ = out.Body.Close() // It was only read.
		switch {
		case err != nil && try < getTries && ctx.Err() == nil:
			continue
		case err != nil:
			return nil, s.fail(ctx, "get", uri(bucket, key), err)
		case int64(len(body)) > limit:
			return nil, tooLong(bucket, key, limit)
		}
		return body, nil
	}
}

func tooLong(bucket, key string, limit int64) error {
	return job.Fail(job.Internal, "get", uri(bucket, key), fmt.Sprintf("the object is longer than %d bytes", limit),
		"It is not what Motionmill wrote there.", nil)
}

// Head returns what the server says of the newest version of an object.
// ErrNotFound is in the error's chain when there is none.
func (s *Store) Head(ctx context.Context, bucket, key string) (Info, error) {
	if err := named(bucket, key); err != nil {
		return Info{}, fmt.Errorf("head: %w", err)
	}
	src := job.Source{Bucket: bucket, Key: key}
	head, err := s.head(ctx, "head", src)
	if err != nil {
		return Info{}, err
	}
	src.Version, src.ETag, src.Bytes = aws.ToString(head.VersionId), aws.ToString(head.ETag), aws.ToInt64(head.ContentLength)
	return Info{Source: src.Normal(), Type: aws.ToString(head.ContentType), Modified: aws.ToTime(head.LastModified)}, nil
}

// List calls visit for every object whose key starts with prefix, in the
// order of the keys' bytes, until visit returns an error, which List then
// returns as it is. The sources have no version and no sequencer.
func (s *Store) List(ctx context.Context, bucket, prefix string, visit func(job.Source) error) error {
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{
		Bucket: aws.String(bucket), Prefix: optional(prefix),
		EncodingType: types.EncodingTypeUrl, // XML cannot hold every character that a key can.
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return s.fail(ctx, "list", uri(bucket, prefix), err)
		}
		for _, object := range page.Contents {
			key := aws.ToString(object.Key)
			if page.EncodingType == types.EncodingTypeUrl {
				if key, err = url.QueryUnescape(key); err != nil {
					return job.Fail(job.Storage, "list", uri(bucket, prefix), fmt.Sprintf("the key %q cannot be decoded", key), "", err)
				}
			}
			src := job.Source{Bucket: bucket, Key: key, ETag: aws.ToString(object.ETag), Bytes: aws.ToInt64(object.Size)}
			if err := visit(src.Normal()); err != nil {
				return err
			}
		}
	}
	return nil
}

// deleteBatch is how many keys one request to delete can name.
const deleteBatch = 1000

// DeletePrefix deletes every object whose key starts with prefix and returns
// how many it deleted, also with an error. An empty prefix, which would empty
// the bucket, is refused.
func (s *Store) DeletePrefix(ctx context.Context, bucket, prefix string) (int, error) {
	if prefix == "" {
		return 0, job.Fail(job.Internal, "delete", uri(bucket, prefix), "the prefix is empty, so every object would go",
			"Name the prefix.", nil)
	}
	deleted := 0
	var batch []types.ObjectIdentifier
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		n, err := s.deleteKeys(ctx, bucket, prefix, batch)
		deleted += n
		batch = batch[:0]
		return err
	}
	err := s.List(ctx, bucket, prefix, func(src job.Source) error {
		batch = append(batch, types.ObjectIdentifier{Key: aws.String(src.Key)})
		if len(batch) == deleteBatch {
			return flush()
		}
		return nil
	})
	if err != nil {
		return deleted, err
	}
	return deleted, flush()
}

func (s *Store) deleteKeys(ctx context.Context, bucket, prefix string, keys []types.ObjectIdentifier) (int, error) {
	out, err := s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: aws.String(bucket), Delete: &types.Delete{Objects: keys, Quiet: aws.Bool(true)},
	})
	if err != nil {
		return 0, s.fail(ctx, "delete", uri(bucket, prefix), err)
	}
	if len(out.Errors) > 0 {
		first := out.Errors[0]
		return len(keys) - len(out.Errors), job.Fail(job.Storage, "delete", uri(bucket, aws.ToString(first.Key)),
			fmt.Sprintf("%d of %d objects could not be deleted: %s: %s", len(out.Errors), len(keys), aws.ToString(first.Code), aws.ToString(first.Message)), "", nil)
	}
	return len(keys), nil
}
