package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3event"

	"github.com/motionmill/motionmill/job"
)

// tellTimeout is how long an upload waits for Notify. It counts from when the
// object is there, also while the server shuts down.
const tellTimeout = 10 * time.Second

// publication is one write of one key, from before the object appears until
// it has been told of. No other write of the key, and no scan of it, comes
// between: what is told is what was written.
type publication struct {
	o           *objects
	bucket, key string
	path        string
	// before is the object that the write replaces; nil for none.
	before  fs.FileInfo
	release func()
}

// begin waits until no other write of the key is under way.
func (o *objects) begin(ctx context.Context, bucket, key string) (*publication, error) {
	path := filepath.Join(bucket, key)
	release, err := o.writers.enter(ctx, path)
	if err != nil {
		return nil, err
	}
	p := &publication{o: o, bucket: bucket, key: key, path: path, release: release}
	if before, err := os.Stat(path); err == nil {
		p.before = before
	}
	return p, nil
}

// end lets the next write of the key begin.
func (p *publication) end() { p.release() }

// finish makes the object durable and tells of it. etag, when not empty, is
// what the client will be told; the library answers for uploads that never
// were when some object has their key.
func (p *publication) finish(ctx context.Context, event s3event.EventType, etag string) (failed error) {
	defer func() {
		if failed != nil {
			p.o.untold.Store(true)
		}
	}()
	if err := syncTree(p.path, p.bucket); errors.Is(err, fs.ErrNotExist) {
		return nil // Deleted by someone in the meantime: there is nothing to tell of.
	} else if err != nil {
		return err
	}
	if err := p.age(); err != nil {
		return err
	}
	src, modified, err := p.o.source(ctx, p.bucket, p.key)
	if err != nil {
		return err
	}
	if etag != "" && strings.Trim(etag, `"`) != src.ETag {
		return s3err.GetAPIError(s3err.ErrNoSuchUpload)
	}
	if !p.o.isUpload(p.bucket, p.key) {
		return nil
	}
	if err := p.o.tell(ctx, src, modified, event); err != nil {
		p.o.cfg.Logger.Error("upload refused: nobody could be told of it", slog.String("object", src.URI()), slog.Any("error", err))
		return s3err.APIError{Code: "ServiceUnavailable", HTTPStatusCode: http.StatusServiceUnavailable,
			Description: "The work queue cannot take the upload now. Please try again."}
	}
	return nil
}

// age makes the object younger than the one that it replaced, for clocks that
// go back or stand still: the sequencer is made of its time.
func (p *publication) age() error {
	now, err := os.Stat(p.path)
	if err != nil || p.before == nil {
		return err
	}
	rewritten := !os.SameFile(p.before, now)
	if rewritten && !now.ModTime().After(p.before.ModTime()) {
		return os.Chtimes(p.path, time.Time{}, p.before.ModTime().Add(time.Nanosecond))
	}
	return nil
}

// takeBack deletes an object that was new. One that replaced another stays:
// the older is gone, and the next scan tells of the newer.
func (p *publication) takeBack(ctx context.Context) {
	if p.before != nil {
		return
	}
	_, err := p.o.Posix.DeleteObject(context.WithoutCancel(ctx), &s3.DeleteObjectInput{Bucket: aws.String(p.bucket), Key: aws.String(p.key)})
	if err != nil {
		p.o.cfg.Logger.Error("a refused upload could not be taken back; the next scan will tell of it",
			slog.String("object", job.Source{Bucket: p.bucket, Key: p.key}.URI()), slog.Any("error", err))
	}
}

// half matches the name that the library gives an object for a moment, beside
// the one that it is going to replace.
var half = regexp.MustCompile(`(^|/)\.[^/]+\.sgwtmp\.[0-9]{18,}$`)

// isUpload tells whether objects of that key are sources.
func (o *objects) isUpload(bucket, key string) bool {
	return bucket == o.cfg.UploadsBucket && !strings.HasPrefix(key, outputsPrefix) && !strings.HasSuffix(key, "/") && !half.MatchString(key)
}

// source describes the object as it lies on disk, with the time that its
// sequencer is made of. The same object always gives the same source.
func (o *objects) source(ctx context.Context, bucket, key string) (job.Source, time.Time, error) {
	info, err := os.Stat(filepath.Join(bucket, key))
	if err != nil {
		return job.Source{}, time.Time{}, err
	}
	head, err := o.Posix.HeadObject(context.WithoutCancel(ctx), &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	if err != nil {
		return job.Source{}, time.Time{}, fmt.Errorf("read attributes: %w", err)
	}
	return job.Source{
		Bucket: bucket, Key: key, ETag: strings.Trim(aws.ToString(head.ETag), `"`),
		Sequencer: sequencer(info.ModTime()), Bytes: info.Size(),
	}, info.ModTime(), nil
}

func (o *objects) tell(ctx context.Context, src job.Source, modified time.Time, event s3event.EventType) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
	defer cancel()
	return o.cfg.Notify(ctx, notification(src, modified, event, o.cfg.Region), src)
}

// syncTree makes a file and its place in the folders up to the bucket durable.
func syncTree(path, bucket string) error {
	for ; ; path = filepath.Dir(path) {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		err = file.Sync()
		if closing := file.Close(); err == nil {
			err = closing
		}
		if err != nil || path == bucket || path == "." {
			return err
		}
	}
}

// writers lets one write of a path at a time go ahead.
type writers struct {
	mu   *sync.Mutex
	held map[string]*writer
}

type writer struct {
	turn    chan struct{}
	waiting int
}

func newWriters() writers {
	return writers{mu: new(sync.Mutex), held: map[string]*writer{}}
}

// enter waits for the path and returns the function that gives it up.
func (w writers) enter(ctx context.Context, path string) (func(), error) {
	w.mu.Lock()
	one := w.held[path]
	if one == nil {
		one = &writer{turn: make(chan struct{}, 1)}
		w.held[path] = one
	}
	one.waiting++
	w.mu.Unlock()
	leave := func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if one.waiting--; one.waiting == 0 {
			delete(w.held, path)
		}
	}
	select {
	case one.turn <- struct{}{}:
		return func() { <-one.turn; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
