package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/motionmill/motionmill/api/client/wire"
)

const (
	// partsAtOnce is how many parts of a large file are under way.
	partsAtOnce = 4
	// freshFor is how long a part's URL must still be good when it is used.
	freshFor = time.Minute
)

// CompleteUpload ends an upload in parts; done holds all of them, in order.
func (c *Client) CompleteUpload(ctx context.Context, up Upload, done []PartETag) (UploadState, error) {
	multipart, err := multipartOf(up.CompleteURL)
	if err != nil {
		return UploadState{}, err
	}
	return once(ctx, c, func(key *string) (UploadState, error) {
		params := wire.CompleteUploadParams{Upload: multipart, IdempotencyKey: key}
		resp, err := c.calls.CompleteUploadWithResponse(ctx, up.ID, &params, wire.CompleteRequest{Parts: done})
		if err != nil {
			return UploadState{}, err
		}
		return answered(resp, resp.JSON200)
	})
}

// AbortUpload throws the parts of an upload away.
func (c *Client) AbortUpload(ctx context.Context, up Upload) error {
	multipart, err := multipartOf(up.AbortURL)
	if err == nil {
		_, err = once(ctx, c, func(key *string) (*wire.AbortUploadResponse, error) {
			return c.calls.AbortUploadWithResponse(ctx, up.ID, &wire.AbortUploadParams{Upload: multipart, IdempotencyKey: key})
		})
	}
	if err != nil {
		return fmt.Errorf("throw the parts away: %w", err)
	}
	return nil
}

// SignParts gives new URLs for parts whose old ones have expired.
func (c *Client) SignParts(ctx context.Context, up Upload, parts []PartSize) (SignedParts, error) {
	multipart, err := multipartOf(up.PartsURL)
	if err != nil {
		return SignedParts{}, err
	}
	resp, err := c.calls.SignPartsWithResponse(ctx, up.ID, &wire.SignPartsParams{Upload: multipart}, wire.PartsRequest{Parts: parts})
	if err != nil {
		return SignedParts{}, fmt.Errorf("sign the parts anew: %w", err)
	}
	return answered(resp, resp.JSON200)
}

// ListParts gives the parts of an upload that have arrived, in order.
func (c *Client) ListParts(ctx context.Context, up Upload) ([]StoredPart, error) {
	multipart, err := multipartOf(up.PartsURL)
	if err != nil {
		return nil, err
	}
	var parts []StoredPart
	for part, err := range pages("list the parts that have arrived", func(cursor *string) ([]StoredPart, string, error) {
		return c.storedParts(ctx, up.ID, multipart, cursor)
	}) {
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// storedParts gives one page of the parts that have arrived, and the cursor of the next.
func (c *Client) storedParts(ctx context.Context, id, multipart string, cursor *string) (parts []StoredPart, next string, err error) {
	params := wire.ListPartsParams{Upload: multipart}
	if cursor != nil {
		number, err := strconv.ParseInt(*cursor, 10, 64)
		if err != nil {
			return nil, "", fmt.Errorf("read the cursor of the next page: %w", err)
		}
		params.Cursor = &number
	}
	err = c.again(ctx, func(int) error {
		resp, err := c.calls.ListPartsWithResponse(ctx, id, &params)
		if err != nil {
			return err
		}
		page, err := answered(resp, resp.JSON200)
		parts, next = page.Parts, page.Cursor
		return err
	})
	return parts, next, err
}

// multipartOf gives the store's id of an upload in parts, which the URLs of its
// calls have.
func multipartOf(call string) (string, error) {
	u, err := url.Parse(call)
	if err != nil || u.Query().Get("upload") == "" {
		return "", fmt.Errorf("read address %q: it is none of an upload in parts", call)
	}
	return u.Query().Get("upload"), nil
}

// sendParts puts the parts that are not in have, by their numbers, several at
// a time, and ends the upload.
func (c *Client) sendParts(ctx context.Context, file io.ReaderAt, up Upload, have map[int64]string, count *counter) error {
	urls := &partURLs{client: c, up: up, parts: slices.Clone(up.Parts), expires: up.ExpiresAt}
	done := make([]PartETag, len(up.Parts))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(partsAtOnce)
	offset := int64(0)
	for i, part := range up.Parts {
		start := offset
		offset += part.Bytes
		if etag, ok := have[part.Number]; ok {
			done[i] = PartETag{Number: part.Number, ETag: etag}
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
				done[i] = PartETag{Number: part.Number, ETag: etag}
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
	up      Upload
	mu      sync.Mutex
	parts   []UploadPart
	expires time.Time
}

// signAtOnce is how many parts one request has signed: as many as are sent
// while their URLs are good, by most connections.
const signAtOnce = 500

// get returns part i with a URL that is good for a while.
func (p *partURLs) get(ctx context.Context, i int) (UploadPart, error) {
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
	var sizes []PartSize
	for _, part := range p.parts[i:min(i+signAtOnce, len(p.parts))] {
		sizes = append(sizes, PartSize{Number: part.Number, Bytes: part.Bytes})
	}
	fresh, err := p.client.SignParts(ctx, p.up, sizes)
	if err != nil {
		return UploadPart{}, err
	}
	for _, part := range fresh.Parts {
		if part.Number >= 1 && part.Number <= int64(len(p.parts)) {
			p.parts[part.Number-1] = part
		}
	}
	p.expires = fresh.ExpiresAt
	if p.parts[i].URL == "" {
		return UploadPart{}, errors.New("sign the parts anew: the API left out part " + fmt.Sprint(p.parts[i].Number))
	}
	return p.parts[i], nil
}

// isMD5 tells whether an ETag is one that a store makes of a part's MD5.
func isMD5(etag string) bool {
	return len(etag) == 32 && strings.Trim(etag, "0123456789abcdef") == ""
}
