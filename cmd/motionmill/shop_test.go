package main

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// TestACompleteWhoseReplyWasLostIsNoFailure completes the upload and cuts the
// line; the SDK asks again and hears that the key is taken, by this very upload.
func TestACompleteWhoseReplyWasLostIsNoFailure(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusPreconditionFailed)
		_, _ = w.Write([]byte("<Error><Code>PreconditionFailed</Code></Error>"))
	}))
	t.Cleanup(server.Close)
	objects, err := store.New(t.Context(), store.Config{AWS: &aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("a", "s", "")}})
	if err != nil {
		t.Fatal(err)
	}
	err = shop{store: objects}.CompleteMultipart(t.Context(), "uploads", "uploads/x/dance.mp4", "id", []api.DonePart{{Number: 1, ETag: "e"}})
	if asked.Load() != 2 || job.KindOf(err) != job.SourceGone {
		t.Errorf("asked %d times: %v of kind %s; the API looks for the object only when the upload is gone", asked.Load(), err, job.KindOf(err))
	}
}
