package pipeline

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// farStore lists and deletes objects, and is far away.
type farStore struct {
	mu       sync.Mutex
	keys     []string
	requests int
}

func (f *farStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	if r.URL.Query().Has("delete") {
		var in struct {
			Object []struct{ Key string }
		}
		if err := xml.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, o := range in.Object {
			f.keys = slices.DeleteFunc(f.keys, func(key string) bool { return key == o.Key })
		}
		_, _ = w.Write([]byte("<DeleteResult></DeleteResult>"))
		return
	}
	prefix, text := r.URL.Query().Get("prefix"), "<ListBucketResult><EncodingType>url</EncodingType>"
	for _, key := range f.keys {
		if strings.HasPrefix(key, prefix) {
			text += "<Contents><Key>" + url.QueryEscape(key) + "</Key><Size>1</Size></Contents>"
		}
	}
	_, _ = w.Write([]byte(text + "</ListBucketResult>"))
}

// TestAnnouncingAJobOfManyAttemptsTakesFewRequests has a job that was given
// back a hundred times: a request for each took longer than an announcement may,
// so that it was tried for ever.
func TestAnnouncingAJobOfManyAttemptsTakesFewRequests(t *testing.T) {
	far := &farStore{keys: []string{"outputs/j/7/video.mp4", "outputs/j/99/hls/a.m4s", "outputs/j/101/video.mp4", "outputs/j/manifest.json", "outputs/jj/7/video.mp4"}}
	server := httptest.NewServer(far)
	t.Cleanup(server.Close)
	objects, err := store.New(t.Context(), store.Config{AWS: &aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("a", "s", "")}})
	if err != nil {
		t.Fatal(err)
	}
	rec := job.Record{ID: "j", State: job.Dead, Fence: 100}
	for i := range rec.Fence {
		rec.History = append(rec.History, job.Attempt{Fence: i + 1, StartedAt: time.Now(), Outcome: "released"})
	}
	r := &Runner{Store: objects, OutputsBucket: "out"}
	if err := r.Announce(context.Background(), rec); err != nil {
		t.Fatal(err)
	}
	if far.requests > 5 {
		t.Errorf("it took %d requests", far.requests)
	}
	// What came after a retry, and what is none of its, stays.
	if want := []string{"outputs/j/101/video.mp4", "outputs/j/manifest.json", "outputs/jj/7/video.mp4"}; !slices.Equal(far.keys, want) {
		t.Errorf("left are %q, want %q", far.keys, want)
	}
}
