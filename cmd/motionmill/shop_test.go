package main

import (
	"io"
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

// shopAt is a shop whose S3 is a handler.
func shopAt(t *testing.T, answer http.HandlerFunc) shop {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	objects, err := store.New(t.Context(), store.Config{AWS: &aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("a", "s", "")}})
	if err != nil {
		t.Fatal(err)
	}
	return shop{store: objects}
}

// TestACompleteWhoseReplyWasLostIsNoFailure completes the upload and cuts the
// line; the SDK asks again and hears that the key is taken, by this very upload.
func TestACompleteWhoseReplyWasLostIsNoFailure(t *testing.T) {
	var asked atomic.Int32
	s := shopAt(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusPreconditionFailed)
		_, _ = io.WriteString(w, "<Error><Code>PreconditionFailed</Code></Error>")
	})
	err := s.CompleteMultipart(t.Context(), "uploads", "uploads/x/dance.mp4", "id", []api.DonePart{{Number: 1, ETag: "e"}})
	if asked.Load() != 2 || job.KindOf(err) != job.SourceGone {
		t.Errorf("asked %d times: %v of kind %s; the API looks for the object only when the upload is gone", asked.Load(), err, job.KindOf(err))
	}
}

// What S3 says of parts that it does not have so: the client is told that they
// do not fit, not to send the same again.
func TestPartsThatDoNotFit(t *testing.T) {
	for _, code := range []string{"InvalidPart", "InvalidPartOrder", "EntityTooSmall"} {
		s := shopAt(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code></Error>")
		})
		err := s.CompleteMultipart(t.Context(), "uploads", "a.mp4", "u", []api.DonePart{{Number: 1, ETag: "x"}})
		if err == nil || job.KindOf(err) != job.SourceGone {
			t.Errorf("%s: the kind is %s of %v", code, job.KindOf(err), err)
		}
	}
}
