package store_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/motionmill/motionmill/cloudtest"
	"github.com/motionmill/motionmill/store"
	"github.com/motionmill/motionmill/store/storetest"
)

// TestConformanceOfMoto runs the suite against a server that we did not write.
func TestConformanceOfMoto(t *testing.T) {
	settings := cloudtest.Moto(t)
	client := s3.NewFromConfig(settings, func(o *s3.Options) { o.UsePathStyle = true })
	count := 0
	storetest.Run(t, func(t *testing.T) storetest.Harness {
		opened, err := store.New(t.Context(), store.Config{AWS: &settings})
		if err != nil {
			t.Fatal(err)
		}
		count++
		h := storetest.Harness{Store: opened, Bucket: fmt.Sprintf("one-%d", count), Other: fmt.Sprintf("two-%d", count), ConditionalPut: true}
		for _, bucket := range []string{h.Bucket, h.Other} {
			if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
				t.Fatal(err)
			}
		}
		return h
	})
}
