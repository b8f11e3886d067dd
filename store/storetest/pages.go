package storetest

import (
	"slices"
	"testing"

	"github.com/motionmill/motionmill/store"
)

// pages lists a page at a time, goes on from any key, and finds what came
// meanwhile after it.
func pages(t *testing.T, h Harness) {
	want := slices.Sorted(slices.Values(keys))
	for i, key := range want {
		want[i] = "in/" + key
		must(t, h.Store.Put(t.Context(), h.Bucket, want[i], []byte(key), ""))
	}
	must(t, h.Store.Put(t.Context(), h.Bucket, want[2], []byte("again"), ""))
	must(t, h.Store.Put(t.Context(), h.Bucket, "out/x", []byte("x"), ""))
	for limit := range 8 {
		if limit >= 2 {
			wantPages(t, h, "", limit, want)
			wantPages(t, h, want[1], limit, want[2:])
		}
	}
	wantPages(t, h, want[len(want)-1], store.MaxPage, nil)
	wantPages(t, h, "in/~after all", store.MaxPage, nil)
	page, next, err := h.Store.Page(t.Context(), h.Bucket, "in/", store.Mark{}, store.MaxPage)
	must(t, err)
	for _, info := range page {
		head, err := h.Store.Head(t.Context(), h.Bucket, info.Source.Key)
		must(t, err)
		if info.Source != head.Source || info.Modified.Unix() != head.Modified.Unix() {
			t.Errorf("listed %+v, but it is %+v", info, head)
		}
	}
	if next != (store.Mark{}) {
		t.Errorf("after %+v comes nothing", next)
	}
	if page, _, err := h.Store.Page(t.Context(), h.Other, "", store.Mark{}, 2); err != nil || len(page) > 0 {
		t.Errorf("listed %+v (%v)", page, err)
	}
	for _, limit := range []int{0, 1, store.MaxPage + 1} {
		if _, _, err := h.Store.Page(t.Context(), h.Bucket, "", store.Mark{}, limit); err == nil {
			t.Errorf("the limit %d was accepted", limit)
		}
	}
	if _, _, err := h.Store.Page(t.Context(), "no-such-bucket-here", "", store.Mark{}, 2); err == nil {
		t.Error("no bucket was listed")
	}
}

// wantPages compares all pages from a key on.
func wantPages(t *testing.T, h Harness, after string, limit int, want []string) {
	t.Helper()
	var got []string
	for at := (store.Mark{Key: after}); ; {
		page, next, err := h.Store.Page(t.Context(), h.Bucket, "in/", at, limit)
		must(t, err)
		if len(page) > limit {
			t.Errorf("a page of %d holds %d", limit, len(page))
		}
		for _, info := range page {
			got = append(got, info.Source.Key)
		}
		if next == (store.Mark{}) {
			break
		}
		at = next
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d at a time after %q: %q, want %q", limit, after, got, want)
	}
}
