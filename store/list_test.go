package store_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/motionmill/motionmill/cloudtest"
	"github.com/motionmill/motionmill/store"
)

// TestPagesOfABucketThatKeepsVersions holds objects that were replaced more
// often than a page is long, deleted, and put back.
func TestPagesOfABucketThatKeepsVersions(t *testing.T) {
	settings := cloudtest.Moto(t)
	client := s3.NewFromConfig(settings, func(o *s3.Options) { o.UsePathStyle = true })
	bucket := aws.String("versions")
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	opened, err := store.New(t.Context(), store.Config{AWS: &settings})
	if err != nil {
		t.Fatal(err)
	}
	put := func(key string, times int) (version string) {
		for range times {
			out, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader(key)})
			if err != nil {
				t.Fatal(err)
			}
			version = aws.ToString(out.VersionId)
		}
		return version
	}
	remove := func(key string) {
		if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: &key}); err != nil {
			t.Fatal(err)
		}
	}
	put("before versions", 1)
	_, err = client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"before versions": "", "once": put("once", 1), "seven times": put("seven times", 7)}
	put("deleted", 2)
	remove("deleted")
	put("deleted and put back", 1)
	remove("deleted and put back")
	want["deleted and put back"] = put("deleted and put back", 1)
	for limit := range 12 {
		if limit < 2 {
			continue
		}
		got := map[string]string{}
		var after store.Mark
		for more := true; more; more = after != (store.Mark{}) {
			var page []store.Info
			if page, after, err = opened.Page(t.Context(), *bucket, "", after, limit); err != nil {
				t.Fatal(err)
			}
			for _, info := range page {
				if _, twice := got[info.Source.Key]; twice {
					t.Errorf("%d at a time: %s is listed twice", limit, info.Source.Key)
				}
				got[info.Source.Key] = info.Source.Version
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d at a time: %v, want %v", limit, got, want)
		}
		for key, version := range want {
			if got[key] != version {
				t.Errorf("%d at a time: %q has version %q, want %q", limit, key, got[key], version)
			}
		}
	}
}
