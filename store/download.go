package store

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	managertypes "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/motionmill/motionmill/job"
)

const downloading = "download"

// Download fetches the one version of an object that src names to a file at
// path, replacing any file there. Every request carries the version id, or
// the ETag as If-Match, so that the parts are of one version. The file
// appears at path only when its length and every checksum that the server
// declares are right; on an error nothing is left.
//
// report, which may be nil, is told the bytes done and in total; its calls do
// not overlap.
//
// The kinds of its errors are SourceGone, SourceReplaced (another ETag than
// src.ETag, before or during the transfer), OutOfDisk and Storage.
func (s *Store) Download(ctx context.Context, src job.Source, path string, report func(done, total int64)) (Object, error) {
	src = src.Normal()
	if err := named(src.Bucket, src.Key); err != nil {
		return Object{}, fmt.Errorf("%s: %w", downloading, err)
	}
	head, err := s.head(ctx, downloading, src)
	if err != nil {
		return Object{}, err
	}
	etag := strings.Trim(aws.ToString(head.ETag), `"`)
	if src.ETag != "" && etag != src.ETag {
		return Object{}, replaced(downloading, src, etag, nil)
	}
	partial := path + ".part"
	sum, err := s.fetch(ctx, src, head, partial, report)
	if err == nil {
		if err = os.Rename(partial, path); err == nil {
			return Object{
				Bytes: aws.ToInt64(head.ContentLength), SHA256: sum, ETag: etag,
				Version: plainVersion(head.VersionId), ContentType: aws.ToString(head.ContentType), Metadata: head.Metadata,
			}, nil
		}
		err = writing(path, err)
	}
	_ = os.Remove(partial) // The error at hand matters more than one of tidying up.
	return Object{}, err
}

// head asks for the version that src names. The answer holds the checksums.
func (s *Store) head(ctx context.Context, op string, src job.Source) (*s3.HeadObjectOutput, error) {
	head, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: aws.String(src.Bucket), Key: aws.String(src.Key),
		VersionId: optional(src.Version), ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return nil, s.failSource(ctx, op, src, err)
	}
	return head, nil
}

// fetch writes the object to the file at path and returns its SHA-256.
func (s *Store) fetch(ctx context.Context, src job.Source, head *s3.HeadObjectOutput, path string, report func(done, total int64)) (string, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", writing(path, err)
	}
	defer file.Close() // Close again after the checked one does no harm.
	proof := proofOf(head)
	out := &progressWriter{file: file, total: proof.bytes, report: report}
	if proof.bytes > 0 { // A range of nothing cannot be asked for.
		if err := s.transferTo(ctx, src, head, out); err != nil {
			return "", err
		}
	}
	sum, finding, err := proof.verify(file)
	if err != nil {
		return "", writing(path, err)
	}
	if finding != "" {
		return "", job.Fail(job.Storage, downloading, src.URI(), finding, "It is tried again.", nil)
	}
	if err := file.Close(); err != nil {
		return "", writing(path, err)
	}
	return sum, nil
}

func (s *Store) transferTo(ctx context.Context, src job.Source, head *s3.HeadObjectOutput, out *progressWriter) error {
	_, err := s.transfer.DownloadObject(ctx, &transfermanager.DownloadObjectInput{
		Bucket: aws.String(src.Bucket), Key: aws.String(src.Key),
		VersionID: optional(src.Version), IfMatch: head.ETag, WriterAt: out,
	}, func(o *transfermanager.Options) {
		// Ranges of our size, whatever parts the object was uploaded in.
		o.GetObjectType = managertypes.GetObjectRanges
	})
	switch {
	case out.failed() != nil: // The manager's own error hides its cause.
		return writing(out.file.Name(), out.failed())
	case err != nil:
		return s.failSource(ctx, downloading, src, err)
	default:
		return nil
	}
}

// writing gives an error of the local file its kind.
func writing(path string, err error) error {
	if outOfDisk(err) {
		return diskFull("write", path, err)
	}
	return job.Fail(job.Internal, "write", path, "", "Check that the folder exists and may be written.", err)
}

// progressWriter writes to a file at offsets from several goroutines, counts
// the bytes and keeps the first error.
type progressWriter struct {
	file   *os.File
	total  int64
	report func(done, total int64)

	mu   sync.Mutex
	done int64
	err  error
}

func (w *progressWriter) WriteAt(p []byte, offset int64) (int, error) {
	n, err := w.file.WriteAt(p, offset)
	w.mu.Lock()
	defer w.mu.Unlock()
	// A part that is fetched again counts twice; more than all is never told.
	w.done = min(w.done+int64(n), w.total)
	if err != nil && w.err == nil {
		w.err = err
	}
	if w.report != nil && n > 0 {
		w.report(w.done, w.total)
	}
	return n, err
}

func (w *progressWriter) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return aws.String(text)
}

// plainVersion returns a version id in the spelling of job.Source.Normal.
func plainVersion(id *string) string {
	return job.Source{Version: aws.ToString(id)}.Normal().Version
}
