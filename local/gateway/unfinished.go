package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3response"

	"github.com/motionmill/motionmill/job"
)

const (
	// beingCompleted ends the name of an upload's folder while the library puts its
	// parts together: ID.ETAG.inprogress.
	beingCompleted = ".inprogress"
	// abandonedAfter is how long an upload in parts is kept that nobody completes,
	// since its last part came. On AWS a rule of the bucket does the same.
	abandonedAfter = 7 * 24 * time.Hour
	// tidyEvery is how often such uploads are looked for.
	tidyEvery = 24 * time.Hour
)

func (o *objects) buckets() []string {
	return append([]string{o.cfg.UploadsBucket}, o.cfg.Buckets...)
}

// reopen makes uploads whole again that a process was completing when it was
// killed. The library takes their folders for the work of another request, and
// answers the client that asks again as if the object were there. It is called
// before anything is served, when nothing can be under way.
func (o *objects) reopen(ctx context.Context) error {
	for _, bucket := range o.buckets() {
		left, err := filepath.Glob(filepath.Join(bucket, posix.MetaTmpMultipartDir, "*", "*"+beingCompleted))
		if err != nil {
			return err
		}
		etags := map[string]string{} // by upload
		for _, path := range left {
			id, etag, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), beingCompleted), ".")
			parent := filepath.Dir(path)
			inBucket := strings.TrimPrefix(parent, bucket+string(filepath.Separator))
			err := os.Rename(path, filepath.Join(parent, id))
			if err == nil {
				err = o.attributes.RenameObject(bucket, filepath.Join(inBucket, filepath.Base(path)), filepath.Join(inBucket, id))
			}
			if err != nil {
				return fmt.Errorf("reopen the upload %s: %w", path, err)
			}
			etags[id] = etag
		}
		if len(etags) == 0 {
			continue
		}
		if err := o.dropCompleted(ctx, bucket, etags); err != nil {
			return err
		}
	}
	return nil
}

// dropCompleted removes those of some uploads, by their ETags to be, whose
// objects are there: they were killed behind that.
func (o *objects) dropCompleted(ctx context.Context, bucket string, etags map[string]string) error {
	return o.eachUpload(ctx, bucket, func(up s3response.Upload) error {
		etag, reopened := etags[up.UploadID]
		if !reopened {
			return nil
		}
		src, _, err := o.source(ctx, bucket, up.Key)
		if err == nil && src.ETag == etag {
			return o.abort(ctx, bucket, up)
		}
		o.cfg.Logger.Warn("an upload was being completed when the store was killed; it can be completed again",
			slog.String("object", job.Source{Bucket: bucket, Key: up.Key}.URI()), slog.String("upload", up.UploadID))
		return nil
	})
}

// tidy removes uploads in parts that were abandoned.
func (o *objects) tidy(ctx context.Context) {
	for _, bucket := range o.buckets() {
		err := o.eachUpload(ctx, bucket, func(up s3response.Upload) error {
			if time.Since(up.Initiated) < abandonedAfter { // The time of its folder, which every part renews.
				return nil
			}
			err := o.abort(ctx, bucket, up)
			if err == nil {
				o.cfg.Logger.Info("removed an upload that nobody completed", slog.Time("last_part", up.Initiated),
					slog.String("object", job.Source{Bucket: bucket, Key: up.Key}.URI()), slog.String("upload", up.UploadID))
			}
			return err
		})
		if err != nil && ctx.Err() == nil {
			o.cfg.Logger.Warn("remove abandoned uploads", slog.String("bucket", bucket), slog.Any("error", err))
		}
	}
}

// removeHalf removes what a process left that was killed at the moment when it
// put a new object in the place of an old one. Its client was not answered.
func (o *objects) removeHalf(path string, entry fs.DirEntry) {
	info, err := entry.Info()
	if err != nil || time.Since(info.ModTime()) < abandonedAfter { // It may be under way.
		return
	}
	if err := os.Remove(path); err != nil {
		o.cfg.Logger.Warn("remove half an upload", slog.String("path", path), slog.Any("error", err))
	}
}

// eachUpload visits the uploads of a bucket that are neither completed nor aborted.
func (o *objects) eachUpload(ctx context.Context, bucket string, visit func(s3response.Upload) error) error {
	list, err := o.Posix.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: aws.String(bucket), MaxUploads: aws.Int32(math.MaxInt32)})
	if err != nil {
		return err
	}
	var failures []error
	for _, up := range list.Uploads {
		if err := visit(up); err != nil {
			failures = append(failures, fmt.Errorf("upload %s of %s: %w", up.UploadID, up.Key, err))
		}
	}
	return errors.Join(failures...)
}

// abort removes an upload, unless a part of it has come since it was listed.
func (o *objects) abort(ctx context.Context, bucket string, up s3response.Upload) error {
	return o.Posix.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: aws.String(bucket), Key: aws.String(up.Key), UploadId: aws.String(up.UploadID), IfMatchInitiatedTime: aws.Time(up.Initiated),
	})
}
