package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/motionmill/motionmill/job"
)

// ErrNotFound is in the chain of an error when the object, or the multipart
// upload, is not there though its bucket is.
var ErrNotFound = errors.New("not found")

// ErrExists is in the chain of an error when an object was not written
// because its key is already taken.
var ErrExists = errors.New("an object of that key exists")

// status returns the HTTP status that the server answered with; 0 when it
// did not answer.
func status(err error) int {
	var answered interface{ HTTPStatusCode() int }
	if errors.As(err, &answered) {
		return answered.HTTPStatusCode()
	}
	return 0
}

// code returns the error code of S3, or "".
func code(err error) string {
	var typed smithy.APIError
	if errors.As(err, &typed) {
		return typed.ErrorCode()
	}
	return ""
}

// fail gives a failed call its kind, its finding and its remedy.
func (s *Store) fail(ctx context.Context, op, subject string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", op, subject, context.Cause(ctx))
	}
	if outOfDisk(err) {
		return diskFull(op, subject, err)
	}
	switch status(err) {
	case 0:
		return job.Fail(job.Storage, op, subject, "the object store did not answer",
			fmt.Sprintf("Check that %s is up and can be reached, and that there are credentials.", s.where()), err)
	case http.StatusUnauthorized, http.StatusForbidden:
		return job.Fail(job.Storage, op, subject, "access is denied",
			"Check the credentials, the clock, and that the role may use the object; without leave to list the bucket, S3 says so of missing objects too.", err)
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return job.Fail(job.Storage, op, subject, "the bucket is in another region", "Set AWS_REGION to the region of the bucket.", err)
	case http.StatusNotFound:
		if code(err) == "NoSuchBucket" {
			return noBucket(op, subject, err)
		}
		return job.Fail(job.Storage, op, subject, "there is no such object", "", fmt.Errorf("%w: %w", ErrNotFound, err))
	case http.StatusPreconditionFailed:
		return job.Fail(job.Storage, op, subject, "the key is taken", "Upload under another key.", fmt.Errorf("%w: %w", ErrExists, err))
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return job.Fail(job.Storage, op, subject, "the object store is too busy", "Try again later.", err)
	case http.StatusInsufficientStorage:
		return job.Fail(job.Storage, op, subject, "the object store is full", "Free room on its disk.", err)
	default:
		return job.Fail(job.Storage, op, subject, "the object store refused", "", err)
	}
}

func noBucket(op, subject string, err error) error {
	return job.Fail(job.Storage, op, subject, "the bucket does not exist",
		"Create it, or set the name of the bucket that this stage uses.", err)
}

func diskFull(op, subject string, err error) error {
	return job.Fail(job.OutOfDisk, op, subject, "the disk is full", "Free room on it, or use a larger one.", err)
}

func outOfDisk(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func (s *Store) where() string {
	if s.endpoint != "" {
		return s.endpoint
	}
	return "S3"
}

// failSource is fail for reads of one version of an object: it tells an
// object that is gone or was replaced from a bucket that was never there.
func (s *Store) failSource(ctx context.Context, op string, src job.Source, err error) error {
	switch status(err) {
	case http.StatusPreconditionFailed:
		return replaced(op, src, "another", err)
	case http.StatusMethodNotAllowed:
		// What S3 answers for the version of a delete marker.
		return gone(op, src, err)
	case http.StatusNotFound:
		// The answer to HEAD has no body that could say which of the two is missing.
		_, missing := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(src.Bucket)})
		if status(missing) == http.StatusNotFound {
			return noBucket(op, src.URI(), err)
		}
		return gone(op, src, err)
	default:
		return s.fail(ctx, op, src.URI(), err)
	}
}

func gone(op string, src job.Source, err error) error {
	return job.Fail(job.SourceGone, op, src.URI(), "the object is not there",
		"It was deleted, or never uploaded; upload it again.", fmt.Errorf("%w: %w", ErrNotFound, err))
}

func replaced(op string, src job.Source, found string, err error) error {
	return job.Fail(job.SourceReplaced, op, src.URI(),
		fmt.Sprintf("the object is no longer the announced one: its ETag was %s and is %s", src.ETag, found),
		"The newer upload has a job of its own.", err)
}
