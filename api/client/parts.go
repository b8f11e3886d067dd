package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/motionmill/motionmill/api"
)

const (
	// partsAtOnce is how many parts of a large file are under way.
	partsAtOnce = 4
	// freshFor is how long a part's URL must still be good when it is used.
	freshFor = time.Minute
)

// CompleteUpload ends an upload in parts; done holds all of them, in order.
func (c *Client) CompleteUpload(ctx context.Context, up api.Upload, done []api.PartETag) (api.UploadState, error) {
	var state api.UploadState
	err := c.post(ctx, up.CompleteURL, api.CompleteRequest{Parts: done}, &state)
	return state, err
}

// AbortUpload throws the parts of an upload away.
func (c *Client) AbortUpload(ctx context.Context, up api.Upload) error {
	if err := c.post(ctx, up.AbortURL, nil, nil); err != nil {
		return fmt.Errorf("throw the parts away: %w", err)
	}
	return nil
}

// SignParts gives new URLs for parts whose old ones have expired.
func (c *Client) SignParts(ctx context.Context, up api.Upload, parts []api.PartSize) (api.SignedParts, error) {
	var fresh api.SignedParts
	if err := c.call(ctx, http.MethodPost, up.PartsURL, api.PartsRequest{Parts: parts}, &fresh); err != nil {
		return fresh, fmt.Errorf("sign the parts anew: %w", err)
	}
	return fresh, nil
}

// ListParts gives the parts of an upload that have arrived, in order.
func (c *Client) ListParts(ctx context.Context, up api.Upload) ([]api.StoredPart, error) {
	var parts []api.StoredPart
	for cursor := ""; ; {
		var page api.StoredParts
		err := c.again(ctx, func(int) error {
			return c.call(ctx, http.MethodGet, up.PartsURL+"&cursor="+url.QueryEscape(cursor), nil, &page)
		})
		if err != nil {
			return nil, fmt.Errorf("list the parts that have arrived: %w", err)
		}
		if parts = append(parts, page.Parts...); page.Cursor == "" {
			return parts, nil
		}
		cursor = page.Cursor
	}
}

// sendParts puts the parts that are not in have, by their numbers, several at
// a time, and ends the upload.
func (c *Client) sendParts(ctx context.Context, file io.ReaderAt, up api.Upload, have map[int]string, count *counter) error {
	urls := &partURLs{client: c, up: up, parts: slices.Clone(up.Parts), expires: up.ExpiresAt}
	done := make([]api.PartETag, len(up.Parts))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(partsAtOnce)
	offset := int64(0)
	for i, part := range up.Parts {
		start := offset
		offset += part.Bytes
		if etag, ok := have[part.Number]; ok {
			done[i] = api.PartETag{Number: part.Number, ETag: etag}
			count.add(part.Bytes)
			continue
		}
		group.Go(func() error {
			return c.again(groupCtx, func(int) error {
				target, err := urls.get(groupCtx, i)
				if err != nil {
					return err
				}
				// A reader of its own each time: the transport may still hold the last.
				section := io.NewSectionReader(file, start, part.Bytes)
				etag, err := c.put(groupCtx, up.Method, target.URL, target.Headers, section, count)
				done[i] = api.PartETag{Number: part.Number, ETag: etag}
				return err
			})
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	_, err := c.CompleteUpload(ctx, up, done)
	return err
}

// partURLs hands out the URLs of parts and has them signed anew in time.
type partURLs struct {
	client  *Client
	up      api.Upload
	mu      sync.Mutex
	parts   []api.UploadPart
	expires time.Time
}

// signAtOnce is how many parts one request has signed: as many as are sent
// while their URLs are good, by most connections.
const signAtOnce = 500

// get returns part i with a URL that is good for a while.
func (p *partURLs) get(ctx context.Context, i int) (api.UploadPart, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.parts[i].URL != "" && (time.Until(p.expires) > freshFor || p.up.PartsURL == "") {
		return p.parts[i], nil
	}
	if time.Until(p.expires) <= freshFor {
		for j := range p.parts {
			p.parts[j].URL = ""
		}
	}
	var sizes []api.PartSize
	for _, part := range p.parts[i:min(i+signAtOnce, len(p.parts))] {
		sizes = append(sizes, api.PartSize{Number: part.Number, Bytes: part.Bytes})
	}
	fresh, err := p.client.SignParts(ctx, p.up, sizes)
	if err != nil {
		return api.UploadPart{}, err
	}
	for _, part := range fresh.Parts {
		if part.Number >= 1 && part.Number <= len(p.parts) {
			p.parts[part.Number-1] = part
		}
	}
	p.expires = fresh.ExpiresAt
	if p.parts[i].URL == "" {
		return api.UploadPart{}, errors.New("sign the parts anew: the API left out part " + fmt.Sprint(p.parts[i].Number))
	}
	return p.parts[i], nil
}

// isMD5 tells whether an ETag is one that a store makes of a part's MD5.
func isMD5(etag string) bool {
	return len(etag) == 32 && strings.Trim(etag, "0123456789abcdef") == ""
}
