package store_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// faulty is an S3 server of one object that does what a test tells it.
type faulty struct {
	body []byte
	etag string
	// get, when set, answers downloads in the place of the object.
	get func(w http.ResponseWriter, r *http.Request) bool
	// head, when set, may add to the answer to HEAD.
	head func(http.Header)

	mu       sync.Mutex
	requests []*http.Request
}

func newFaulty(n int) *faulty {
	body := bytes.Repeat([]byte("faulty"), n/6+1)[:n]
	sum := md5.Sum(body)
	return &faulty{body: body, etag: `"` + hex.EncodeToString(sum[:]) + `"`}
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r)
	f.mu.Unlock()
	w.Header().Set("ETag", f.etag)
	if r.Method == http.MethodHead && f.head != nil {
		f.head(w.Header())
	}
	if r.Method == http.MethodGet && f.get != nil && f.get(w, r) {
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
}

func (f *faulty) open(t *testing.T) *store.Store {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return open(t, server.URL)
}

func open(t *testing.T, endpoint string) *store.Store {
	t.Helper()
	opened, err := store.New(t.Context(), store.Config{AWS: &aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(endpoint),
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), RetryMaxAttempts: 1}})
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func refuse(status int, code string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
		return true
	}
}

func TestFailedDownloadsHaveAKindAndLeaveNothing(t *testing.T) {
	const size = 20 << 20
	late := func(answer func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			return !strings.HasPrefix(r.Header.Get("Range"), "bytes=0-") && answer(w, r)
		}
	}
	changed := func(w http.ResponseWriter, r *http.Request) bool {
		body := bytes.Repeat([]byte("x"), size)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
		return true
	}
	for _, c := range []struct {
		name string
		get  func(http.ResponseWriter, *http.Request) bool
		head func(http.Header)
		kind job.Kind
	}{
		{"replaced before the first part", refuse(412, "PreconditionFailed"), nil, job.SourceReplaced},
		{"replaced between parts", late(refuse(412, "PreconditionFailed")), nil, job.SourceReplaced},
		{"deleted between parts", late(refuse(404, "NoSuchKey")), nil, job.SourceGone},
		{"denied", refuse(403, "AccessDenied"), nil, job.Storage},
		{"busy", late(refuse(503, "SlowDown")), nil, job.Storage},
		{"changed on the way", changed, nil, job.Storage},
		{"other checksum declared", nil, func(h http.Header) { h.Set("x-amz-checksum-crc32", "AAAAAA==") }, job.Storage},
		{"cut off", func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Length", "1000")
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-999/%d", size))
			w.WriteHeader(206)
			_, _ = w.Write([]byte("short"))
			panic(http.ErrAbortHandler)
		}, nil, job.Storage},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFaulty(size)
			f.get, f.head = c.get, c.head
			dir := t.TempDir()
			_, err := f.open(t).Download(t.Context(), job.Source{Bucket: "b", Key: "k.mp4", ETag: f.etag}, filepath.Join(dir, "x"), nil)
			var typed *job.Error
			if !errors.As(err, &typed) || typed.Kind != c.kind || typed.Subject != "s3://b/k.mp4" || typed.Finding == "" {
				t.Errorf("error %v, want the kind %s", err, c.kind)
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 0 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

// Each part is asked for by version and ETag, so that all are of one object.
func TestEveryPartIsOfTheSameVersion(t *testing.T) {
	f := newFaulty(40 << 20)
	_, err := f.open(t).Download(t.Context(), job.Source{Bucket: "b", Key: "k.mp4", Version: "v7"}, filepath.Join(t.TempDir(), "x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	parts := 0
	for _, r := range f.requests {
		if r.URL.Query().Get("versionId") != "v7" {
			t.Errorf("%s %s %s without the version", r.Method, r.URL, r.Header.Get("Range"))
		}
		if r.Method == http.MethodGet {
			parts++
			if r.Header.Get("If-Match") != f.etag {
				t.Errorf("part %s has If-Match %q", r.Header.Get("Range"), r.Header.Get("If-Match"))
			}
		}
	}
	if parts < 5 {
		t.Errorf("only %d parts", parts)
	}
}

func TestDownloadToAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) }) // The folder is removed next, and would say.
	f := newFaulty(20 << 20)
	_, err := f.open(t).Download(t.Context(), job.Source{Bucket: "b", Key: "k.mp4"}, filepath.Join(dir, "x"), nil)
	if job.KindOf(err) != job.OutOfDisk || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestDownloadStopsWhenTold(t *testing.T) {
	f := newFaulty(20 << 20)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("the claim was lost")
	f.get = func(_ http.ResponseWriter, r *http.Request) bool {
		cancel(stop)
		<-r.Context().Done()
		return true
	}
	dir := t.TempDir()
	_, err := f.open(t).Download(ctx, job.Source{Bucket: "b", Key: "k.mp4"}, filepath.Join(dir, "x"), nil)
	if !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestNoServer(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	_, err := open(t, gone.URL).Head(t.Context(), "b", "k")
	if job.KindOf(err) != job.Storage || !strings.Contains(err.Error(), gone.URL) {
		t.Errorf("error %v", err)
	}
}

func TestSettings(t *testing.T) {
	for name, value := range map[string]string{"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:7070", "AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "",
		"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": ""} {
		t.Setenv(name, value)
	}
	address := func(public string) (string, error) {
		opened, err := store.New(t.Context(), store.Config{PublicEndpoint: public})
		if err != nil {
			return "", err
		}
		return opened.PresignGet(t.Context(), "bucket", "a b+c.mp4", 0, "")
	}
	for public, want := range map[string]string{
		"":                         "http://127.0.0.1:7070/bucket/a%20b%2Bc.mp4?",
		"https://mill.example/s3/": "https://mill.example/s3/bucket/a%20b%2Bc.mp4?",
		"http://127.0.0.1:8080/s3": "http://127.0.0.1:8080/s3/bucket/a%20b%2Bc.mp4?",
		"mill.example":             "",
		"ftp://mill.example":       "",
		"http://mill.example/?x=1": "",
	} {
		got, err := address(public)
		if want == "" && err == nil || want != "" && (err != nil || !strings.HasPrefix(got, want)) {
			t.Errorf("public endpoint %q gives %q, %v", public, got, err)
		}
	}
	t.Setenv("AWS_ENDPOINT_URL_S3", "")
	if got, err := address(""); err != nil || !strings.HasPrefix(got, "https://bucket.s3.eu-central-1.amazonaws.com/a%20b%2Bc.mp4?") {
		t.Errorf("without an endpoint: %q, %v", got, err)
	}
	if _, err := address("http://127.0.0.1:8080/s3"); err == nil {
		t.Error("a public endpoint without an endpoint was accepted")
	}
	t.Setenv("AWS_REGION", "")
	if _, err := address(""); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("without a region: %v", err)
	}
}
