package storetest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// replaced is a small object that only the one who has seen it last may change.
func replaced(t *testing.T, h Harness) {
	const key = "api/document"
	etag := func() (found string) {
		must(t, h.Store.List(t.Context(), h.Bucket, key, func(src job.Source) error { found = src.ETag; return nil }))
		return found
	}
	if _, err := h.Store.Replace(t.Context(), h.Bucket, key, "0123", []byte("none"), ""); !errors.Is(err, store.ErrChanged) {
		t.Errorf("an object that is not there was replaced: %v", err)
	}
	must(t, h.Store.Put(t.Context(), h.Bucket, key, []byte("first"), "application/json"))
	first := etag()
	second, err := h.Store.Replace(t.Context(), h.Bucket, key, first, []byte("second"), "application/json")
	must(t, err)
	if second == first || second != etag() {
		t.Errorf("the tags are %q, %q and, as listed, %q", first, second, etag())
	}
	if _, err := h.Store.Replace(t.Context(), h.Bucket, key, first, []byte("late"), "application/json"); !errors.Is(err, store.ErrChanged) {
		t.Errorf("an object that has changed was replaced: %v", err)
	}
	got, err := h.Store.Get(t.Context(), h.Bucket, key, 100)
	must(t, err)
	if !bytes.Equal(got, []byte("second")) {
		t.Errorf("it holds %q", got)
	}
}
