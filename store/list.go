package store

import (
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/motionmill/motionmill/job"
)

// MaxPage is the most that Page asks for at a time: the limit of S3.
const MaxPage = 1000

// Mark is a place in the list of a bucket: after a key, whose version is only
// there to go on quicker. The zero Mark is the beginning.
type Mark struct {
	Key     string
	Version string
}

// Page lists the current objects whose keys start with prefix and come after
// a mark, in the order of the keys' bytes: one request, for up to limit entries
// (2 to MaxPage). Deleted objects and versions that are no longer current are
// passed over, so that a page may hold less, or nothing, and not be the last.
// next is the mark of the page that follows, zero after the last. It is good
// for as long as one likes: what has come or gone meanwhile after it is told so.
//
// The sources have the version that a notification of the object names, where
// the bucket keeps versions, and no sequencer. The infos have no type.
func (s *Store) Page(ctx context.Context, bucket, prefix string, after Mark, limit int) (page []Info, next Mark, err error) {
	const op = "list"
	subject := uri(bucket, prefix)
	if limit < 2 || limit > MaxPage {
		return nil, Mark{}, job.Fail(job.Internal, op, subject, fmt.Sprintf("the limit %d is not within 2 and %d", limit, MaxPage), "", nil)
	}
	// Of buckets that keep no versions this gives the objects as well, where a
	// plain list gives no versions.
	out, err := s.client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{
		Bucket: aws.String(bucket), Prefix: optional(prefix), MaxKeys: aws.Int32(int32(limit)),
		KeyMarker: optional(after.Key), VersionIdMarker: optional(after.Version),
		EncodingType: types.EncodingTypeUrl, // XML cannot hold every character that a key can.
	})
	if err != nil {
		return nil, Mark{}, s.fail(ctx, op, subject, err)
	}
	decode := func(key *string) string {
		if err != nil || out.EncodingType != types.EncodingTypeUrl {
			return aws.ToString(key)
		}
		var plain string
		if plain, err = url.QueryUnescape(aws.ToString(key)); err != nil {
			err = job.Fail(job.Storage, op, subject, fmt.Sprintf("the key %q cannot be decoded", aws.ToString(key)), "", err)
		}
		return plain
	}
	for _, object := range out.Versions {
		key := decode(object.Key)
		// Some servers begin with the marker itself. The current version of a key is
		// its first, so that whatever is left of that key is old.
		if !aws.ToBool(object.IsLatest) || key <= after.Key {
			continue
		}
		src := job.Source{Bucket: bucket, Key: key, Version: aws.ToString(object.VersionId), ETag: aws.ToString(object.ETag), Bytes: aws.ToInt64(object.Size)}
		page = append(page, Info{Source: src.Normal(), Modified: aws.ToTime(object.LastModified)})
	}
	if aws.ToBool(out.IsTruncated) {
		next = Mark{Key: decode(out.NextKeyMarker), Version: aws.ToString(out.NextVersionIdMarker)}
		if err == nil && (next == after || next.Key < after.Key) { // It would go on for ever.
			err = job.Fail(job.Storage, op, subject, fmt.Sprintf("the page after %q does not lead on, but to %q", after.Key, next.Key), "", nil)
		}
	}
	if err != nil {
		return nil, Mark{}, err
	}
	return page, next, nil
}
