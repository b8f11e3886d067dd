package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/motionmill/motionmill/awsclient"
	"github.com/motionmill/motionmill/job"
)

// ErrNotFound is in the chain of an error when the object, or the multipart
// upload, is not there though its bucket is.
var ErrNotFound = errors.New("not found")

// ErrParts is in the chain of an error when the parts of an upload are not as
// they are named: one is missing, differs, or is too small to have others behind it.
var ErrParts = errors.New("the parts do not fit")

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

// fail gives a failed call its kind, its finding and its remedy. The finding
// names the action of IAM that the call needs.
func (s *Store) fail(ctx context.Context, op, subject string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", op, subject, context.Cause(ctx))
	}
	if outOfDisk(err) {
		return diskFull(op, subject, err)
	}
	action, cause := actionOf(op, err), err
	storage := func(finding, remedy string) error {
		return job.Fail(job.Storage, op, subject, action+": "+finding, remedy, cause)
	}
	if finding, remedy := s.unsigned(err); finding != "" {
		return storage(finding, remedy)
	}
	switch status(err) {
	case 0:
		return storage("the object store did not answer", fmt.Sprintf("Check that %s is up and can be reached: the network, AWS_REGION, AWS_ENDPOINT_URL_S3.", s.where()))
	case http.StatusUnauthorized, http.StatusForbidden:
		return storage("access is denied", "Allow "+permission(action)+" on it to this identity; motionmill doctor names it. "+
			"Without leave to list the bucket, S3 says so of missing objects too.")
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return storage("the bucket is in another region", "Set AWS_REGION to the region of the bucket.")
	case http.StatusNotFound:
		if code(err) == "NoSuchBucket" {
			return noBucket(op, subject, err)
		}
		cause = fmt.Errorf("%w: %w", ErrNotFound, err)
		return storage("there is no such object", "")
	case http.StatusPreconditionFailed:
		cause = fmt.Errorf("%w: %w", ErrExists, err)
		return storage("the key is taken", "Upload under another key.")
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return storage("the object store is too busy", "Try again later.")
	case http.StatusInsufficientStorage:
		return storage("the object store is full", "Free room on its disk.")
	default:
		return storage("the object store refused", "")
	}
}

// unsigned tells what is wrong when a call failed for who makes it, from where
// and when, and not for what it asks; else its finding is empty.
func (s *Store) unsigned(err error) (finding, remedy string) {
	region, off := awsclient.Header(err).Get("X-Amz-Bucket-Region"), awsclient.ClockOff(err)
	silent := slices.Contains([]string{"", "Forbidden", "BadRequest"}, code(err)) // The answer to HEAD has no body.
	var operation *smithy.OperationError
	switch refused := status(err); {
	case awsclient.LacksCredentials(err), refused == 0 && errors.As(err, &operation) && !awsclient.Unsent(err):
		return "there are no credentials to sign it with",
			"Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role; log in again where a session has ended."
	case refused < http.StatusMovedPermanently || refused > http.StatusPermanentRedirect && !slices.Contains(
		[]int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden}, refused):
		return "", ""
	case region != "" && region != s.client.Options().Region:
		return fmt.Sprintf("the bucket is in %s, and the region is set to %s", region, s.client.Options().Region), "Set AWS_REGION to " + region + "."
	case off != "" && (silent || isUnknownCaller(code(err))):
		return "the clock of this machine is " + off, "Set it right, by NTP."
	case isUnknownCaller(code(err)):
		return "the credentials are not accepted", "Renew them, and check the clock of this machine."
	case code(err) == "AuthorizationHeaderMalformed":
		return "the bucket is in another region", "Set AWS_REGION to the one that the message names."
	case strings.HasPrefix(strings.ToUpper(code(err)), "KMS"):
		return "the key of the bucket cannot be used", "Allow kms:GenerateDataKey and kms:Decrypt on it, and check that it is enabled."
	case silent && refused == http.StatusBadRequest:
		return "the request was refused without a reason", "Renew the credentials, and check AWS_REGION and the clock of this machine."
	default:
		return "", ""
	}
}

func isUnknownCaller(code string) bool {
	return slices.Contains([]string{
		"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId", "InvalidSecurity", "NotSignedUp",
		"SignatureDoesNotMatch", "RequestTimeTooSkewed", "RequestExpired",
	}, code)
}

// actionOf names what a policy must allow for a call: that of the error, or
// that which an operation of the store makes.
func actionOf(op string, err error) string {
	var operation *smithy.OperationError
	name := ""
	if errors.As(err, &operation) {
		name = operation.Operation()
	}
	verb, _, _ := strings.Cut(op, " ")
	fallback := map[string]string{
		downloading: "GetObject", "get": "GetObject", uploading: "PutObject", "put": "PutObject", "delete": "DeleteObject", "list": "ListBucket",
	}[verb]
	renamed := map[string]string{
		"HeadObject": "GetObject", "HeadBucket": "ListBucket", "ListObjectsV2": "ListBucket", "ListObjectVersions": "ListBucketVersions",
		"CreateMultipartUpload": "PutObject", "UploadPart": "PutObject", "CompleteMultipartUpload": "PutObject", "DeleteObjects": "DeleteObject",
		"GetBucketNotificationConfiguration": "GetBucketNotification",
	}[name]
	if action := cmp.Or(renamed, name, fallback); action != "" {
		return "s3:" + action
	}
	return "s3"
}

// permission names all that reading an object takes, whether or not a version is named.
func permission(action string) string {
	if action == "s3:GetObject" {
		return "s3:GetObject and s3:GetObjectVersion"
	}
	return action
}

func noBucket(op, subject string, err error) error {
	return job.Fail(job.Storage, op, subject, actionOf(op, err)+": the bucket does not exist",
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
