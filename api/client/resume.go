package client

import (
	"context"
	"crypto/md5" //nolint:gosec // it is what stores make ETags of
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// keptFor is how long an upload that was broken off can be gone on with; stores
// throw its parts away after about that time.
const keptFor = 7 * 24 * time.Hour

// Broken is the failure of an upload in parts that can be gone on with: by
// UploadFile of the same file, which sends what has not arrived.
type Broken struct {
	// Sent and Total are bytes.
	Sent, Total int64
	Err         error
}

// Error tells how far it came.
func (b *Broken) Error() string {
	return fmt.Sprintf("%v; %d of %d bytes have arrived, and the same command goes on from there", b.Err, b.Sent, b.Total)
}

// Unwrap returns the cause.
func (b *Broken) Unwrap() error { return b.Err }

// bookmark is the note of an upload in parts that is not over.
type bookmark struct{ path string }

// bookmarkFor names the note of a file as it is now, for one API and profile; a
// file that was changed has another.
func (c *Client) bookmarkFor(file string, info os.FileInfo, profile string) (bookmark, error) {
	whole, err := filepath.Abs(file)
	if err != nil {
		return bookmark{}, fmt.Errorf("upload %s: %w", file, err)
	}
	name := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%d\x00%s", c.base, whole, info.Size(), info.ModTime().UnixNano(), profile))
	return bookmark{filepath.Join(c.resume, hex.EncodeToString(name[:16])+".json")}, nil
}

// load returns the upload that was begun; false when there is none. A note that
// cannot be read is no reason not to upload.
func (b bookmark) load() (Upload, bool) {
	var up Upload
	text, err := os.ReadFile(b.path)
	return up, err == nil && json.Unmarshal(text, &up) == nil && len(up.Parts) > 0
}

// save notes an upload, without its URLs, which are as good as a password.
func (b bookmark) save(up Upload) error {
	up.Parts = append([]UploadPart(nil), up.Parts...)
	for i := range up.Parts {
		up.Parts[i].URL, up.Parts[i].Headers = "", nil
	}
	text, err := json.Marshal(up)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(b.path), 0o700)
	}
	if err == nil {
		err = os.WriteFile(b.path, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("note the upload: %w", err)
	}
	return nil
}

func (b bookmark) remove() { _ = os.Remove(b.path) } // One that is left leads to an upload that is gone.

// tidy removes the notes that are too old to be of use.
func (b bookmark) tidy() {
	entries, err := os.ReadDir(filepath.Dir(b.path))
	if err != nil {
		return // There is none yet.
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && time.Since(info.ModTime()) > keptFor && strings.HasSuffix(entry.Name(), ".json") {
			_ = os.Remove(filepath.Join(filepath.Dir(b.path), entry.Name())) // The next upload tries again.
		}
	}
}

// goOn sends a large file, and what is left of it where it was begun before.
func (c *Client) goOn(ctx context.Context, file *os.File, info os.FileInfo, profile string, begin func() (Upload, error), count *counter) (Upload, error) {
	mark, err := c.bookmarkFor(file.Name(), info, profile)
	if err != nil {
		return Upload{}, err
	}
	mark.tidy()
	up, begun := mark.load()
	have := map[int64]string{}
	if begun {
		have, err = c.arrived(ctx, file, up)
		var p *Problem
		if errors.As(err, &p) && (p.Status == http.StatusGone || p.Status == http.StatusNotFound) {
			begun = false
		} else if err != nil {
			return up, err
		}
	}
	if !begun {
		if up, err = begin(); err != nil || len(up.Parts) == 0 {
			return up, err
		}
		if err := mark.save(up); err != nil {
			return up, errors.Join(err, c.AbortUpload(context.WithoutCancel(ctx), up))
		}
	}
	err = c.sendParts(ctx, file, up, have, count)
	if err == nil {
		mark.remove()
		return up, nil
	}
	if ctx.Err() != nil || passing(err) {
		return up, &Broken{Sent: count.sum(), Total: count.total, Err: err}
	}
	mark.remove()
	return up, errors.Join(err, c.AbortUpload(context.WithoutCancel(ctx), up))
}

// arrived gives the receipts of the parts that the store has as the file has
// them now, by number.
func (c *Client) arrived(ctx context.Context, file io.ReaderAt, up Upload) (map[int64]string, error) {
	stored, err := c.ListParts(ctx, up)
	if err != nil {
		return nil, err
	}
	have := map[int64]string{}
	for _, part := range stored {
		if part.Number < 1 || part.Number > int64(len(up.Parts)) || part.Bytes != up.Parts[part.Number-1].Bytes {
			continue
		}
		offset := int64(0)
		for _, before := range up.Parts[:part.Number-1] {
			offset += before.Bytes
		}
		sum := md5.New() //nolint:gosec // it is what stores make ETags of
		if _, err := io.Copy(sum, io.NewSectionReader(file, offset, part.Bytes)); err != nil {
			return nil, fmt.Errorf("read what was sent before: %w", err)
		}
		// One whose ETag is of another making cannot be checked, and is sent again.
		if etag := strings.Trim(part.ETag, `"`); isMD5(etag) && etag == hex.EncodeToString(sum.Sum(nil)) {
			have[part.Number] = part.ETag
		}
	}
	return have, nil
}
