package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/pkg/xattr"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3event"
	"github.com/versity/versitygw/s3response"

	"github.com/motionmill/motionmill/job"
)

// objects is the library's store of files with our rules around its writes.
type objects struct {
	*posix.Posix
	cfg Config
	// sidecar tells that attributes are files beside the objects.
	sidecar    bool
	attributes meta.MetadataStorer
	writers    writers
	// untold is set when an object is published that Notify was not told of.
	untold atomic.Bool
}

// copyLimit is the largest object that one copy can make, as with S3.
const copyLimit = 5 << 30

// openObjects opens the files under cfg.Dir and creates the buckets.
func openObjects(ctx context.Context, cfg Config) (*objects, error) {
	fail := func(err error) error {
		return job.Fail(job.KindOf(err), "open object store", cfg.Dir, "", "Check that the folder may be written and has room.", err)
	}
	buckets, attributes, err := folders(cfg.Dir)
	if err != nil {
		return nil, fail(err)
	}
	var attributesIn meta.MetadataStorer = meta.XattrMeta{}
	if attributes != "" {
		if attributesIn, err = meta.NewSideCar(attributes); err != nil {
			return nil, fail(err)
		}
	}
	files, err := posix.New(buckets, attributesIn, posix.PosixOpts{CopyObjectThreshold: copyLimit})
	if err != nil {
		return nil, fail(err)
	}
	o := &objects{Posix: files, cfg: cfg, sidecar: attributes != "", attributes: attributesIn, writers: newWriters()}
	for _, bucket := range o.buckets() {
		if err := o.ensureBucket(ctx, bucket); err != nil {
			return nil, fail(err)
		}
	}
	if err := o.reopen(ctx); err != nil {
		return nil, fail(err)
	}
	return o, nil
}

// keepsAttributes tells whether files under dir can carry user attributes.
func keepsAttributes(dir string) bool {
	file, err := os.CreateTemp(dir, ".attributes-")
	if err != nil {
		return true // Whatever is wrong will be said when it matters.
	}
	defer os.Remove(file.Name())
	defer file.Close()
	return xattr.FSet(file, "user.motionmill", []byte("1")) == nil
}

func (o *objects) ensureBucket(ctx context.Context, bucket string) error {
	if !utils.IsValidBucketName(bucket) {
		return fmt.Errorf("create bucket %q: S3 allows names of 3 to 63 letters a-z, digits, hyphens and dots", bucket)
	}
	if _, err := os.Stat(bucket); err == nil {
		return nil
	}
	owner := auth.Account{Access: o.cfg.AccessKey, Secret: o.cfg.SecretKey, Role: auth.RoleAdmin}
	acl, err := json.Marshal(auth.ACL{Owner: owner.Access})
	if err != nil {
		return err
	}
	//nolint:staticcheck // The library looks for this very string.
	ctx = context.WithValue(ctx, "bucket-owner", owner)
	err = o.Posix.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: aws.String(bucket), ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{}, // It reads through the pointer.
	}, acl)
	if err != nil {
		return fmt.Errorf("create bucket %s: %w", bucket, err)
	}
	return nil
}

// PutObject publishes the body only when all of it came, synced to disk, and
// returns only when the new object has been told of.
func (o *objects) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	bucket, key := strings.Clone(aws.ToString(in.Bucket)), strings.Clone(aws.ToString(in.Key))
	if strings.HasSuffix(key, "/") { // A folder, which the library lets have no data.
		out, err := o.Posix.PutObject(ctx, in)
		return out, o.refusal("put folder", bucket, key, err)
	}
	in.Body = whole(in.Body, in.ContentLength)
	var p *publication
	out, err := o.Posix.PutObjectWithPostFunc(ctx, in, func(staged *os.File) error {
		if err := staged.Sync(); err != nil {
			return err
		}
		var err error
		p, err = o.begin(ctx, bucket, key)
		return err
	})
	if p != nil {
		defer p.end()
	}
	if err != nil {
		return s3response.PutObjectOutput{}, o.refusal("put object", bucket, key, err)
	}
	if err := p.finish(ctx, s3event.EventObjectCreatedPut, ""); err != nil {
		p.takeBack(ctx)
		return s3response.PutObjectOutput{}, o.refusal("put object", bucket, key, err)
	}
	return out, nil
}

// UploadPart keeps the part only when all of its body came.
func (o *objects) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	in.Body = whole(in.Body, in.ContentLength)
	out, err := o.Posix.UploadPart(ctx, in)
	return out, o.refusal("upload part", aws.ToString(in.Bucket), aws.ToString(in.Key), err)
}

// CompleteMultipartUpload returns only when the object has been told of. When
// telling failed the object stays, since its parts are gone: asked again, the
// library answers as the first time, and the object is told of then.
func (o *objects) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	bucket, key := strings.Clone(aws.ToString(in.Bucket)), strings.Clone(aws.ToString(in.Key))
	refused := func(err error) (s3response.CompleteMultipartUploadResult, string, error) {
		return s3response.CompleteMultipartUploadResult{}, "", o.refusal("complete multipart upload", bucket, key, err)
	}
	p, err := o.begin(ctx, bucket, key)
	if err != nil {
		return refused(err)
	}
	defer p.end()
	out, version, err := o.Posix.CompleteMultipartUpload(ctx, in)
	if err != nil {
		return refused(err)
	}
	if err := p.finish(ctx, s3event.EventCompleteMultipartUpload, aws.ToString(out.ETag)); err != nil {
		return refused(err)
	}
	return out, version, nil
}

// CopyObject returns only when the new object has been told of.
func (o *objects) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (s3response.CopyObjectOutput, error) {
	bucket, key := strings.Clone(aws.ToString(in.Bucket)), strings.Clone(aws.ToString(in.Key))
	p, err := o.begin(ctx, bucket, key)
	if err != nil {
		return s3response.CopyObjectOutput{}, o.refusal("copy object", bucket, key, err)
	}
	defer p.end()
	out, err := o.Posix.CopyObject(ctx, in)
	if err != nil {
		return s3response.CopyObjectOutput{}, o.refusal("copy object", bucket, key, err)
	}
	if strings.HasSuffix(key, "/") {
		return out, nil
	}
	if err := p.finish(ctx, s3event.EventObjectCreatedCopy, ""); err != nil {
		p.takeBack(ctx)
		return s3response.CopyObjectOutput{}, o.refusal("copy object", bucket, key, err)
	}
	return out, nil
}

// DeleteObjects refuses keys that would reach other files than theirs.
func (o *objects) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (s3response.DeleteResult, error) {
	if in.Delete != nil {
		for _, object := range in.Delete.Objects {
			if err := checkKey(aws.ToString(object.Key), o.sidecar); err != nil {
				return s3response.DeleteResult{}, err
			}
		}
	}
	out, err := o.Posix.DeleteObjects(ctx, in)
	return out, o.refusal("delete objects", aws.ToString(in.Bucket), "", err)
}

// refusal turns any error into one that the server can answer with; what S3
// has no word for is logged here and answered as an internal error.
func (o *objects) refusal(op, bucket, key string, err error) error {
	var known s3err.S3Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, s3err.GetAPIError(s3err.ErrExistingObjectIsDirectory)) && isFile(filepath.Join(bucket, key)):
		// The library lays the new object beside the old one first, under a longer name.
		return badKey("its last part is too long for an object to be replaced; delete the old one first")
	case errors.As(err, &known):
		return known
	case errors.Is(err, syscall.ENOSPC):
		return s3err.GetAPIError(s3err.ErrNoSpaceLeftOnDevice)
	case errors.Is(err, syscall.EDQUOT):
		return s3err.GetAPIError(s3err.ErrQuotaExceeded)
	default:
		o.cfg.Logger.Error("object store failed", slog.String("op", op),
			slog.String("object", job.Source{Bucket: bucket, Key: key}.URI()), slog.Any("error", err))
		return s3err.GetAPIError(s3err.ErrInternalError)
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
