package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// notesPrefix begins the keys of the API's notes in the outputs bucket.
const notesPrefix = "api/"

// maxNote bounds a note, in bytes.
const maxNote = 16 << 20

// notes keeps the API's small documents in a bucket, so that all of its
// replicas see them and a restart loses none.
type notes struct {
	store  *store.Store
	bucket string
}

func (n notes) ReadNote(ctx context.Context, name string) ([]byte, error) {
	text, err := n.store.Get(ctx, n.bucket, notesPrefix+name, maxNote)
	return text, goneIfAbsent(err, name)
}

func (n notes) CreateNote(ctx context.Context, name string, text []byte) (bool, error) {
	err := n.store.PutNew(ctx, n.bucket, notesPrefix+name, text, "application/json")
	if errors.Is(err, store.ErrExists) {
		return false, nil
	}
	return err == nil, err
}

func (n notes) RemoveNote(ctx context.Context, name string) error {
	_, err := n.store.DeletePrefix(ctx, n.bucket, notesPrefix+name)
	return err
}

func (n notes) ListNotes(ctx context.Context, prefix string) ([]string, error) {
	var names []string
	err := n.store.List(ctx, n.bucket, notesPrefix+prefix, func(src job.Source) error {
		names = append(names, strings.TrimPrefix(src.Key, notesPrefix))
		return nil
	})
	return names, err
}

func (s shop) Take(ctx context.Context, put api.PutRequest, body io.Reader) error {
	err := s.store.UploadStream(ctx, putRequest(put), body)
	if errors.Is(err, store.ErrExists) {
		return errors.Join(api.ErrTaken, err)
	}
	return err
}

func (s shop) ListParts(ctx context.Context, bucket, key, uploadID string, after, limit int) ([]api.SentPart, error) {
	stored, err := s.store.ListParts(ctx, bucket, key, uploadID, int32(after), int32(limit))
	if err != nil {
		return nil, goneIfAbsent(err, key)
	}
	parts := make([]api.SentPart, len(stored))
	for i, p := range stored {
		parts[i] = api.SentPart{Number: int(p.Number), Bytes: p.Bytes, ETag: p.ETag}
	}
	return parts, nil
}
