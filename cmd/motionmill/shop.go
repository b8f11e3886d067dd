package main

import (
	"context"
	"errors"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// shop is what the API sees of the store: the same calls in the API's words.
type shop struct {
	store *store.Store
	cdn   *store.CDN // of the only bucket that is read, nil where there is none
}

// openShop reads results through a CDN where one is named.
func openShop(objects *store.Store, cfg store.CDNConfig) (shop, error) {
	if cfg == (store.CDNConfig{}) {
		return shop{store: objects}, nil
	}
	cdn, err := store.NewCDN(cfg)
	if err != nil {
		return shop{}, usageError{err}
	}
	return shop{store: objects, cdn: cdn}, nil
}

func (s shop) PresignPut(ctx context.Context, put api.PutRequest) (api.Signed, error) {
	if !put.NoOverwrite && put.Bytes == 0 {
		signed, err := s.store.PresignOpenPut(ctx, put.Bucket, put.Key, put.Expires)
		return api.Signed(signed), err
	}
	signed, err := s.store.PresignPut(ctx, putRequest(put))
	return api.Signed(signed), err
}

func (s shop) PresignPart(ctx context.Context, part api.PartRequest) (api.Signed, error) {
	request := store.PutRequest{Bucket: part.Bucket, Key: part.Key, Expires: part.Expires}
	signed, err := s.store.PresignPart(ctx, request, part.UploadID, int32(part.Number), part.Bytes)
	return api.Signed(signed.Presigned), err
}

func (s shop) PresignGet(ctx context.Context, get api.GetRequest) (string, error) {
	if s.cdn != nil {
		return s.cdn.PresignGet(get.Key, get.Expires, get.DownloadName)
	}
	if get.HeadersOnly {
		return s.store.PresignHead(ctx, get.Bucket, get.Key, get.Expires)
	}
	return s.store.PresignGet(ctx, get.Bucket, get.Key, get.Expires, get.DownloadName)
}

func (s shop) Exists(ctx context.Context, bucket, key string) (bool, error) {
	_, err := s.store.Head(ctx, bucket, key)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (s shop) Read(ctx context.Context, bucket, key string, limit int64) ([]byte, error) {
	body, err := s.store.Get(ctx, bucket, key, limit)
	return body, goneIfAbsent(err, key)
}

func (s shop) StartMultipart(ctx context.Context, start api.PutRequest) (string, error) {
	return s.store.CreateMultipart(ctx, putRequest(start))
}

func (s shop) CompleteMultipart(ctx context.Context, bucket, key, uploadID string, parts []api.DonePart) error {
	done := make([]store.Part, 0, len(parts))
	for _, p := range parts {
		done = append(done, store.Part{Number: int32(p.Number), ETag: p.ETag})
	}
	err := s.store.CompleteMultipart(ctx, bucket, key, uploadID, done)
	if errors.Is(err, store.ErrExists) {
		// A key has one upload: the object is its own, and only the reply of an
		// earlier try was lost, which the SDK made again. So the upload is over.
		return job.Fail(job.SourceGone, "complete", key, "", "", err)
	}
	if errors.Is(err, store.ErrParts) { // To send the same again would be in vain.
		return job.Fail(job.SourceGone, "complete the upload", key, "", "", err)
	}
	return goneIfAbsent(err, key)
}

func (s shop) AbortMultipart(ctx context.Context, bucket, key, uploadID string) error {
	return goneIfAbsent(s.store.AbortMultipart(ctx, bucket, key, uploadID), key)
}

func putRequest(put api.PutRequest) store.PutRequest {
	return store.PutRequest{Bucket: put.Bucket, Key: put.Key, Bytes: put.Bytes, Type: put.Type, Metadata: put.Metadata, Expires: put.Expires}
}

// goneIfAbsent gives "not found" the kind that the API tells apart.
func goneIfAbsent(err error, key string) error {
	if errors.Is(err, store.ErrNotFound) {
		return job.Fail(job.SourceGone, "find", key, "", "", err)
	}
	return err
}
