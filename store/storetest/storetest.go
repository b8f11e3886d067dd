// Package storetest is the conformance suite of the object stores that
// package store talks to: what Motionmill needs of S3, tried through the
// store and nothing else.
package storetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// Harness is one object store under test, and what it is known not to do.
type Harness struct {
	Store *store.Store
	// Bucket exists and holds nothing; Other too.
	Bucket, Other string
	// ConditionalPut tells that If-None-Match is honoured when an object is put.
	ConditionalPut bool
	// ConditionalComplete tells the same of completing a multipart upload.
	ConditionalComplete bool
	// VerifiesSignatures tells that a presigned request is refused when it is
	// not what was signed.
	VerifiesSignatures bool
	// OverridesHeaders tells that a signed download may name the headers of its answer.
	OverridesHeaders bool
	// KnowsUploads tells that completing an upload that is not there is
	// answered with NoSuchUpload.
	KnowsUploads bool
}

// Run tries everything that the store offers. open is called for each test
// and gives it empty buckets.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for name, test := range map[string]func(*testing.T, Harness){
		"fetch what was stored":      fetchWhatWasStored,
		"fetch the announced object": fetchAnnounced,
		"replaced meanwhile":         replacedMeanwhile,
		"absent objects":             absent,
		"small objects":              small,
		"lists":                      lists,
		"pages":                      pages,
		"delete by prefix":           deletePrefix,
		"presigned put":              presignedPut,
		"presigned put of metadata":  presignedMetadata,
		"presigned open put":         presignedOpenPut,
		"presigned get":              presignedGet,
		"multipart":                  multipart,
		"multipart aborted":          multipartAborted,
		"parts that have arrived":    listedParts,
		"streams":                    streamed,
		"objects that are new":       created,
		"objects that are replaced":  replaced,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// keys are names that go wrong when someone decodes once too often or too
// seldom.
var keys = []string{"plain.mp4", "a folder/with spaces.mp4", "plus+plus/50%/ümläut 人.mp4", "%2Fescaped%20twice?.mp4", "q&a=1;2#3.mp4", "quote'\"(x)!*~.mp4"}

// content returns n bytes that are the same in each run.
func content(n int) []byte {
	body := make([]byte, n)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(body) // It cannot fail.
	return body
}

func fetchWhatWasStored(t *testing.T, h Harness) {
	dir := t.TempDir()
	for i, size := range []int{0, 1, 5 << 20, 20<<20 + 1} {
		body := content(size)
		from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
		must(t, os.WriteFile(from, body, 0o600))
		key := keys[i]
		stored, err := h.Store.Upload(t.Context(), h.Bucket, key, from, "video/mp4")
		must(t, err)
		last := int64(-1)
		got, err := h.Store.Download(t.Context(), job.Source{Bucket: h.Bucket, Key: key, ETag: stored.ETag}, to, func(done, total int64) {
			if done < last || done > total || total != int64(size) {
				t.Errorf("progress %d of %d after %d", done, total, last)
			}
			last = done
		})
		must(t, err)
		sum := sha256.Sum256(body)
		want := store.Object{Bytes: int64(size), SHA256: hex.EncodeToString(sum[:]), ETag: stored.ETag, ContentType: "video/mp4"}
		got.Version, got.Metadata = "", nil
		if !reflect.DeepEqual(got, want) || stored.SHA256 != want.SHA256 || stored.Bytes != want.Bytes {
			t.Errorf("%d bytes: stored %+v, fetched %+v, want %+v", size, stored, got, want)
		}
		if size > 0 && last != int64(size) {
			t.Errorf("progress ended at %d of %d", last, size)
		}
		fetched, err := os.ReadFile(to)
		must(t, err)
		if !bytes.Equal(fetched, body) {
			t.Errorf("%d bytes came back changed", size)
		}
	}
	nothingBut(t, dir, "from", "to")
}

func fetchAnnounced(t *testing.T, h Harness) {
	dir := t.TempDir()
	must(t, h.Store.Put(t.Context(), h.Bucket, "k.mp4", []byte("one"), "video/mp4"))
	first, err := h.Store.Head(t.Context(), h.Bucket, "k.mp4")
	must(t, err)
	must(t, h.Store.Put(t.Context(), h.Bucket, "k.mp4", []byte("two"), "video/mp4"))
	announced := first.Source
	announced.Version = "" // As in a bucket that keeps no versions.
	_, err = h.Store.Download(t.Context(), announced, filepath.Join(dir, "x"), nil)
	wantKind(t, err, job.SourceReplaced)
	nothingBut(t, dir)
	_, err = h.Store.Download(t.Context(), job.Source{Bucket: h.Bucket, Key: "k.mp4", ETag: `"` + first.Source.ETag + `"`}, filepath.Join(dir, "x"), nil)
	wantKind(t, err, job.SourceReplaced)
	_, err = h.Store.Download(t.Context(), job.Source{Bucket: h.Bucket, Key: "k.mp4"}, filepath.Join(dir, "x"), nil)
	must(t, err)
}

// replacedMeanwhile overwrites the object when its first bytes have come.
func replacedMeanwhile(t *testing.T, h Harness) {
	dir := t.TempDir()
	from := filepath.Join(dir, "from")
	must(t, os.WriteFile(from, content(40<<20), 0o600))
	stored, err := h.Store.Upload(t.Context(), h.Bucket, "k.mp4", from, "video/mp4")
	must(t, err)
	overwrite := true
	_, err = h.Store.Download(t.Context(), job.Source{Bucket: h.Bucket, Key: "k.mp4", ETag: stored.ETag}, filepath.Join(dir, "to"), func(int64, int64) {
		if overwrite {
			overwrite = false
			must(t, h.Store.Put(t.Context(), h.Bucket, "k.mp4", []byte("another"), "video/mp4"))
		}
	})
	wantKind(t, err, job.SourceReplaced)
	nothingBut(t, dir, "from")
}

func absent(t *testing.T, h Harness) {
	dir := t.TempDir()
	_, err := h.Store.Download(t.Context(), job.Source{Bucket: h.Bucket, Key: "none.mp4", ETag: "x"}, filepath.Join(dir, "x"), nil)
	wantKind(t, err, job.SourceGone)
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("not told as not found: %v", err)
	}
	_, err = h.Store.Download(t.Context(), job.Source{Bucket: "no-such-bucket-here", Key: "none.mp4"}, filepath.Join(dir, "x"), nil)
	wantKind(t, err, job.Storage)
	_, err = h.Store.Head(t.Context(), h.Bucket, "none")
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("head: %v", err)
	}
	_, err = h.Store.Get(t.Context(), h.Bucket, "none", 10)
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	_, err = h.Store.Get(t.Context(), "no-such-bucket-here", "none", 10)
	if err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("get from no bucket: %v", err)
	}
	nothingBut(t, dir)
}

func small(t *testing.T, h Harness) {
	for _, key := range keys {
		must(t, h.Store.Put(t.Context(), h.Bucket, key, []byte("hello "+key), "application/json"))
		body, err := h.Store.Get(t.Context(), h.Bucket, key, 100)
		must(t, err)
		if string(body) != "hello "+key {
			t.Errorf("%q holds %q", key, body)
		}
		info, err := h.Store.Head(t.Context(), h.Bucket, key)
		must(t, err)
		if info.Source.Key != key || info.Source.Bucket != h.Bucket || info.Source.Bytes != int64(len(body)) ||
			info.Source.ETag == "" || info.Type != "application/json" || info.Modified.IsZero() {
			t.Errorf("head of %q: %+v", key, info)
		}
	}
	if _, err := h.Store.Get(t.Context(), h.Bucket, keys[0], 3); err == nil {
		t.Error("an object longer than the limit was returned")
	}
	if err := h.Store.Put(t.Context(), h.Bucket, "", nil, ""); err == nil {
		t.Error("an empty key was accepted")
	}
}

func lists(t *testing.T, h Harness) {
	want := map[string]bool{}
	for _, key := range keys {
		want["in/"+key] = true
		must(t, h.Store.Put(t.Context(), h.Bucket, "in/"+key, []byte(key), ""))
	}
	must(t, h.Store.Put(t.Context(), h.Bucket, "out/x", []byte("x"), ""))
	must(t, h.Store.List(t.Context(), h.Bucket, "in/", func(src job.Source) error {
		if !want[src.Key] || src.Bytes != int64(len(src.Key)-3) || src.ETag == "" || src.ETag[0] == '"' || src.Bucket != h.Bucket {
			t.Errorf("listed %+v", src)
		}
		delete(want, src.Key)
		return nil
	}))
	if len(want) > 0 {
		t.Errorf("not listed: %v", want)
	}
	stop := errors.New("enough")
	calls := 0
	if err := h.Store.List(t.Context(), h.Bucket, "", func(job.Source) error { calls++; return stop }); !errors.Is(err, stop) || calls != 1 {
		t.Errorf("stopping gave %v after %d calls", err, calls)
	}
	must(t, h.Store.List(t.Context(), h.Other, "", func(src job.Source) error { t.Errorf("listed %+v", src); return nil }))
}

func deletePrefix(t *testing.T, h Harness) {
	for _, key := range keys {
		must(t, h.Store.Put(t.Context(), h.Bucket, "outputs/j/1/"+key, []byte(key), ""))
	}
	must(t, h.Store.Put(t.Context(), h.Bucket, "outputs/j/2/x", []byte("x"), ""))
	if n, err := h.Store.DeletePrefix(t.Context(), h.Bucket, "outputs/j/1/"); err != nil || n != len(keys) {
		t.Errorf("deleted %d, %v", n, err)
	}
	if n, err := h.Store.DeletePrefix(t.Context(), h.Bucket, "outputs/j/1/"); err != nil || n != 0 {
		t.Errorf("deleted %d again, %v", n, err)
	}
	if _, err := h.Store.DeletePrefix(t.Context(), h.Bucket, ""); err == nil {
		t.Error("an empty prefix was accepted")
	}
	_, err := h.Store.Head(t.Context(), h.Bucket, "outputs/j/2/x")
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, kind job.Kind) {
	t.Helper()
	var typed *job.Error
	if !errors.As(err, &typed) || typed.Kind != kind || typed.Subject == "" || typed.Finding == "" {
		t.Errorf("error %v, want one of kind %s that names the object and the finding", err, kind)
	}
}

// nothingBut fails when dir holds other files than named.
func nothingBut(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for i, entry := range entries {
		if i >= len(names) || entry.Name() != names[i] {
			t.Errorf("%s is left behind", entry.Name())
		}
	}
}

// send carries out a presigned request as a client would.
func send(t *testing.T, p store.Presigned, body []byte, change func(*http.Request)) (int, []byte, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), p.Method, p.URL, bytes.NewReader(body))
	must(t, err)
	for name, value := range p.Headers {
		request.Header.Set(name, value)
	}
	if change != nil {
		change(request)
	}
	answer, err := http.DefaultClient.Do(request)
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	return answer.StatusCode, text, answer.Header
}
