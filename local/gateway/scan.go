package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3event"

	"github.com/motionmill/motionmill/job"
)

// watch scans once, and again some time after an object could not be told of,
// and removes abandoned uploads once a day, until ctx is done or the server
// ended by itself; only the latter is an error.
func (o *objects) watch(ctx context.Context, ended <-chan error) error {
	var tidied time.Time
	o.untold.Store(true)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			if err == nil {
				err = errors.New("the server stopped by itself")
			}
			return err
		case <-timer.C:
			if o.untold.Swap(false) {
				o.scanAndLog(ctx)
			}
			if time.Since(tidied) >= tidyEvery {
				o.tidy(ctx)
				tidied = time.Now()
			}
			timer.Reset(o.cfg.RescanAfter)
		}
	}
}

func (o *objects) scanAndLog(ctx context.Context) {
	began := time.Now()
	seen, told, err := o.scan(ctx)
	if ctx.Err() != nil {
		return
	}
	attributes := []any{slog.Int("objects", seen), slog.Int("told", told), slog.Duration("took", time.Since(began))}
	if err != nil {
		o.untold.Store(true) // It is tried again.
		o.cfg.Logger.Error("scan of uploads failed", append(attributes, slog.Any("error", err))...)
		return
	}
	o.cfg.Logger.Info("scanned uploads for objects without a job", attributes...)
}

// scan tells of every upload that is not known, and goes on past one that
// cannot be told of. It returns how many it saw and told of.
func (o *objects) scan(ctx context.Context) (seen, told int, err error) {
	bucket := o.cfg.UploadsBucket
	var failures []error
	walking := filepath.WalkDir(bucket, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			return nil // Deleted while we looked.
		case err != nil:
			return err
		case entry.IsDir() && path == filepath.Join(bucket, posix.MetaTmpDir):
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		key := filepath.ToSlash(strings.TrimPrefix(path, bucket+string(filepath.Separator)))
		if half.MatchString(key) {
			o.removeHalf(path, entry)
		}
		if !o.isUpload(bucket, key) {
			return nil
		}
		seen++
		now, err := o.tellUnknown(ctx, bucket, key)
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", job.Source{Bucket: bucket, Key: key}.URI(), err))
		}
		if now {
			told++
		}
		return nil
	})
	if walking != nil {
		failures = append(failures, walking)
	}
	return seen, told, errors.Join(failures...)
}

// tellUnknown tells of one object unless it is known, and whether it did.
func (o *objects) tellUnknown(ctx context.Context, bucket, key string) (bool, error) {
	p, err := o.begin(ctx, bucket, key)
	if err != nil {
		return false, err
	}
	defer p.end()
	if p.before == nil {
		return false, nil
	}
	src, modified, err := o.source(ctx, bucket, key)
	if err != nil {
		return false, err
	}
	known, err := o.cfg.Known(ctx, src)
	if err != nil || known {
		return false, err
	}
	event := s3event.EventType(s3event.EventObjectCreatedPut)
	if strings.Contains(src.ETag, "-") { // The ETag of an object made of parts ends in their count.
		event = s3event.EventCompleteMultipartUpload
	}
	return true, o.tell(ctx, src, modified, event)
}
