package storetest

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/motionmill/motionmill/store"
)

// streamed is an upload of what comes from elsewhere, of a length nobody knows.
func streamed(t *testing.T, h Harness) {
	for i, size := range []int{1, 5 << 20, 17<<20 + 1} {
		req := store.PutRequest{Bucket: h.Bucket, Key: keys[i], Type: "video/mp4", Metadata: map[string]string{"athlete": "7"}}
		body := content(size)
		must(t, h.Store.UploadStream(t.Context(), req, iotest.HalfReader(bytes.NewReader(body))))
		got, err := h.Store.Get(t.Context(), h.Bucket, req.Key, 20<<20)
		must(t, err)
		if !bytes.Equal(got, body) {
			t.Errorf("%d of %d bytes came back", len(got), size)
		}
		if small := size < 8<<20; small && h.ConditionalPut || !small && h.ConditionalComplete {
			if err := h.Store.UploadStream(t.Context(), req, bytes.NewReader(content(size))); !errors.Is(err, store.ErrExists) {
				t.Errorf("%d bytes to a key that is taken: %v", size, err)
			}
		}
	}
	broken := errors.New("the server broke off")
	req := store.PutRequest{Bucket: h.Bucket, Key: "broken.mp4"}
	err := h.Store.UploadStream(t.Context(), req, io.MultiReader(bytes.NewReader(content(9<<20)), iotest.ErrReader(broken)))
	if err == nil {
		t.Error("a stream that broke off was stored")
	}
	if _, err := h.Store.Head(t.Context(), h.Bucket, req.Key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an object is there: %v", err)
	}
}

// created is a small object that must not be there yet.
func created(t *testing.T, h Harness) {
	must(t, h.Store.PutNew(t.Context(), h.Bucket, "api/note", []byte("first"), "application/json"))
	if err := h.Store.PutNew(t.Context(), h.Bucket, "api/note", []byte("second"), "application/json"); h.ConditionalPut && !errors.Is(err, store.ErrExists) {
		t.Errorf("a key that is taken: %v", err)
	}
	if got, err := h.Store.Get(t.Context(), h.Bucket, "api/note", 100); h.ConditionalPut && (err != nil || string(got) != "first") {
		t.Errorf("it holds %q, %v", got, err)
	}
}

// listedParts is an upload that somebody goes on with.
func listedParts(t *testing.T, h Harness) {
	id, parts := upload(t, h, "k.mp4", content(store.MinPartBytes+1))
	var found []store.StoredPart
	for after := int32(0); ; {
		page, err := h.Store.ListParts(t.Context(), h.Bucket, "k.mp4", id, after, 1)
		must(t, err)
		if found = append(found, page...); len(page) == 0 {
			break
		}
		after = page[len(page)-1].Number
	}
	if len(found) != 2 || found[0].Bytes != store.MinPartBytes || found[1].Bytes != 1 || found[1].Number != 2 || found[1].ETag != parts[1].ETag {
		t.Errorf("the parts are %+v, and were sent as %+v", found, parts)
	}
	must(t, h.Store.AbortMultipart(t.Context(), h.Bucket, "k.mp4", id))
	if _, err := h.Store.ListParts(t.Context(), h.Bucket, "k.mp4", id, 0, 2); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the parts of what was aborted: %v", err)
	}
}
