package storetest

import (
	"bytes"
	"errors"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

func presignedPut(t *testing.T, h Harness) {
	body := content(1000)
	for _, key := range keys {
		p, err := h.Store.PresignPut(t.Context(), store.PutRequest{Bucket: h.Bucket, Key: key, Bytes: int64(len(body)), Type: "video/mp4"})
		must(t, err)
		if p.Method != http.MethodPut || p.Headers["Content-Type"] != "video/mp4" || p.Headers["If-None-Match"] != "*" || len(p.Headers) != 2 {
			t.Errorf("signed %+v", p)
		}
		if left := time.Until(p.ExpiresAt); left > store.MaxExpiry || left < store.MaxExpiry-time.Minute {
			t.Errorf("expires in %s", left)
		}
		for _, pinned := range []string{"content-length", "content-type", "host", "if-none-match"} {
			if !strings.Contains(p.URL, pinned) {
				t.Errorf("%s is not pinned by %s", pinned, p.URL)
			}
		}
		if h.VerifiesSignatures {
			refused(t, "longer", p, append([]byte("x"), body...), nil)
			refused(t, "another type", p, body, func(r *http.Request) { r.Header.Set("Content-Type", "text/html") })
			refused(t, "no condition", p, body, func(r *http.Request) { r.Header.Del("If-None-Match") })
		}
		if code, text, _ := send(t, p, body, nil); code != http.StatusOK {
			t.Fatalf("upload of %q: %d %s", key, code, text)
		}
		if h.ConditionalPut {
			if code, _, _ := send(t, p, body, nil); code != http.StatusPreconditionFailed {
				t.Errorf("overwriting %q is answered with %d", key, code)
			}
		}
		got, err := h.Store.Get(t.Context(), h.Bucket, key, 1000)
		must(t, err)
		if !bytes.Equal(got, body) {
			t.Errorf("%q holds something else", key)
		}
	}
	for name, bad := range map[string]store.PutRequest{
		"no bytes":  {Bucket: h.Bucket, Key: "k", Type: "video/mp4"},
		"no type":   {Bucket: h.Bucket, Key: "k", Bytes: 1},
		"no key":    {Bucket: h.Bucket, Bytes: 1, Type: "video/mp4"},
		"too long":  {Bucket: h.Bucket, Key: "k", Bytes: 1, Type: "video/mp4", Expires: 16 * time.Minute},
		"too large": {Bucket: h.Bucket, Key: "k", Bytes: store.MaxPutBytes + 1, Type: "video/mp4"},
	} {
		if _, err := h.Store.PresignPut(t.Context(), bad); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}

func presignedMetadata(t *testing.T, h Harness) {
	p, err := h.Store.PresignPut(t.Context(), store.PutRequest{Bucket: h.Bucket, Key: "k.mp4", Bytes: 3, Type: "video/mp4", Metadata: map[string]string{"trainer": "Ada"}})
	must(t, err)
	if p.Headers["X-Amz-Meta-Trainer"] != "Ada" || len(p.Headers) != 3 {
		t.Errorf("signed %+v", p)
	}
	if h.VerifiesSignatures {
		refused(t, "other metadata", p, []byte("abc"), func(r *http.Request) { r.Header.Set("X-Amz-Meta-Trainer", "Eve") })
		refused(t, "no metadata", p, []byte("abc"), func(r *http.Request) { r.Header.Del("X-Amz-Meta-Trainer") })
	}
	if code, text, _ := send(t, p, []byte("abc"), nil); code != http.StatusOK {
		t.Fatalf("upload: %d %s", code, text)
	}
	address, err := h.Store.PresignGet(t.Context(), h.Bucket, "k.mp4", 0, "")
	must(t, err)
	if _, _, header := send(t, store.Presigned{Method: http.MethodGet, URL: address}, nil, nil); header.Get("X-Amz-Meta-Trainer") != "Ada" {
		t.Errorf("the object came with %v", header)
	}
	got, err := h.Store.Download(t.Context(), job.Source{Bucket: h.Bucket, Key: "k.mp4"}, filepath.Join(t.TempDir(), "to"), func(int64, int64) {})
	must(t, err)
	if got.Metadata["trainer"] != "Ada" {
		t.Errorf("the object was fetched with %v", got.Metadata)
	}
}

// presignedOpenPut is an upload by a client that sends no header of ours.
func presignedOpenPut(t *testing.T, h Harness) {
	p, err := h.Store.PresignOpenPut(t.Context(), h.Bucket, "open.mp4", time.Minute)
	must(t, err)
	if len(p.Headers) != 0 || p.Method != http.MethodPut {
		t.Errorf("signed %+v", p)
	}
	for _, body := range []string{"any length", "and once more, with a type"} {
		code, text, _ := send(t, p, []byte(body), func(r *http.Request) { r.Header.Set("Content-Type", "video/quicktime") })
		if code != http.StatusOK {
			t.Fatalf("upload: %d %s", code, text)
		}
		got, err := h.Store.Get(t.Context(), h.Bucket, "open.mp4", 100)
		must(t, err)
		if string(got) != body {
			t.Errorf("the object holds %q", got)
		}
	}
	if _, err := h.Store.PresignOpenPut(t.Context(), h.Bucket, "open.mp4", time.Hour); err == nil {
		t.Error("a lifetime of an hour was signed")
	}
}

func refused(t *testing.T, name string, p store.Presigned, body []byte, change func(*http.Request)) {
	t.Helper()
	if code, text, _ := send(t, p, body, change); code != http.StatusForbidden {
		t.Errorf("%s: answered with %d, want 403: %s", name, code, text)
	}
}

func presignedGet(t *testing.T, h Harness) {
	for _, key := range keys {
		must(t, h.Store.Put(t.Context(), h.Bucket, key, []byte(key), "text/plain"))
		address, err := h.Store.PresignGet(t.Context(), h.Bucket, key, time.Hour, `a "name" ü.txt`)
		must(t, err)
		code, body, header := send(t, store.Presigned{Method: http.MethodGet, URL: address}, nil, nil)
		if code != http.StatusOK || string(body) != key {
			t.Errorf("%q: %d %s", key, code, body)
		}
		if got := header.Get("Content-Disposition"); h.OverridesHeaders && !strings.HasPrefix(got, "attachment; filename*=utf-8''") {
			t.Errorf("Content-Disposition: %s", got)
		}
		head, err := h.Store.PresignHead(t.Context(), h.Bucket, key, time.Hour)
		must(t, err)
		if code, _, header := send(t, store.Presigned{Method: http.MethodHead, URL: head}, nil, nil); code != http.StatusOK || header.Get("Content-Length") != strconv.Itoa(len(key)) {
			t.Errorf("HEAD of %q: %d, %s bytes", key, code, header.Get("Content-Length"))
		}
		if h.VerifiesSignatures {
			refused(t, "a GET by the URL of a HEAD", store.Presigned{Method: http.MethodGet, URL: head}, nil, nil)
			refused(t, "another object", store.Presigned{Method: http.MethodGet, URL: strings.Replace(address, h.Bucket, h.Other, 1)}, nil, nil)
		}
	}
	if _, err := h.Store.PresignGet(t.Context(), h.Bucket, "k", 13*time.Hour, ""); err == nil {
		t.Error("a lifetime of 13 hours was signed")
	}
}

// upload starts a multipart upload of body and sends its parts.
func upload(t *testing.T, h Harness, key string, body []byte) (string, []store.Part) {
	t.Helper()
	up, err := h.Store.StartMultipart(t.Context(), store.PutRequest{Bucket: h.Bucket, Key: key, Bytes: int64(len(body)), Type: "video/mp4"}, store.MinPartBytes)
	must(t, err)
	if len(up.Parts) != 2 || up.Parts[0].Bytes != store.MinPartBytes || up.Parts[1].Number != 2 {
		t.Fatalf("started %+v", up)
	}
	var parts []store.Part
	for i, part := range up.Parts {
		from := int64(i) * up.PartBytes
		piece := body[from : from+part.Bytes]
		if h.VerifiesSignatures {
			refused(t, "longer part", part.Presigned, append([]byte("x"), piece...), nil)
		}
		code, text, header := send(t, part.Presigned, piece, nil)
		if code != http.StatusOK {
			t.Fatalf("part %d: %d %s", part.Number, code, text)
		}
		parts = append(parts, store.Part{Number: part.Number, ETag: header.Get("ETag")})
	}
	return up.UploadID, parts
}

func multipart(t *testing.T, h Harness) {
	body := content(store.MinPartBytes + 17)
	key := keys[2]
	id, parts := upload(t, h, key, body)
	if _, err := h.Store.Head(t.Context(), h.Bucket, key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("visible before it is complete: %v", err)
	}
	must(t, h.Store.CompleteMultipart(t.Context(), h.Bucket, key, id, parts))
	got, err := h.Store.Get(t.Context(), h.Bucket, key, int64(len(body)))
	must(t, err)
	if !bytes.Equal(got, body) {
		t.Error("the parts were put together wrongly")
	}
	info, err := h.Store.Head(t.Context(), h.Bucket, key)
	must(t, err)
	if info.Type != "video/mp4" {
		t.Errorf("the type is %s", info.Type)
	}
	if h.ConditionalComplete {
		id, parts = upload(t, h, key, body)
		if err := h.Store.CompleteMultipart(t.Context(), h.Bucket, key, id, parts); !errors.Is(err, store.ErrExists) {
			t.Errorf("overwriting: %v", err)
		}
	}
	for name, size := range map[string]int64{"parts too short": store.MinPartBytes - 1, "too many parts": store.MinPartBytes} {
		request := store.PutRequest{Bucket: h.Bucket, Key: "k", Bytes: (store.MaxParts + 1) * store.MinPartBytes, Type: "video/mp4"}
		if _, err := h.Store.StartMultipart(t.Context(), request, size); err == nil {
			t.Errorf("%s: started", name)
		}
	}
}

func multipartAborted(t *testing.T, h Harness) {
	id, parts := upload(t, h, "k.mp4", content(store.MinPartBytes+1))
	parts[1].ETag = `"00000000000000000000000000000000"`
	if err := h.Store.CompleteMultipart(t.Context(), h.Bucket, "k.mp4", id, parts); !errors.Is(err, store.ErrParts) || errors.Is(err, store.ErrNotFound) {
		t.Errorf("a part that was never uploaded: %v", err)
	}
	must(t, h.Store.AbortMultipart(t.Context(), h.Bucket, "k.mp4", id))
	must(t, h.Store.AbortMultipart(t.Context(), h.Bucket, "k.mp4", id))
	if err := h.Store.CompleteMultipart(t.Context(), h.Bucket, "k.mp4", id, parts); err == nil || (h.KnowsUploads && !errors.Is(err, store.ErrNotFound)) {
		t.Errorf("completing what was aborted: %v", err)
	}
	if _, err := h.Store.Head(t.Context(), h.Bucket, "k.mp4"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an object is there: %v", err)
	}
}
