package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/motionmill/motionmill/api/client/wire"
)

// maxManifest bounds the manifest that is read into memory, in bytes.
const maxManifest = 16 << 20

// ErrAltered is what Download fails with when a file is not what the job's
// manifest says.
var ErrAltered = errors.New("the file is not what the manifest says")

// resultFile is a file of the result, as the manifest lists it.
type resultFile struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Download fetches the result of a job that has succeeded into dir, which is
// made if need be: every file that the manifest lists, and manifest.json last.
// Sizes and SHA-256 are verified, and no file appears under its name before it
// is whole. progress, which may be nil, is told the bytes so far and in all.
func (c *Client) Download(ctx context.Context, id, dir string, progress func(done, total int64)) error {
	j, err := c.Job(ctx, id)
	if err != nil {
		return fmt.Errorf("download job %s: %w", id, err)
	}
	if j.State != wire.JobStateSucceeded {
		return fmt.Errorf("download job %s: it is %s; only a job that has succeeded has files", id, j.State)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // results are for everyone who may look into the folder
		return fmt.Errorf("download job %s: %w", id, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("download job %s: %w", id, err)
	}
	defer func() { _ = root.Close() }() // nothing is written through it any more
	return c.downloadInto(ctx, id, root, progress)
}

func (c *Client) downloadInto(ctx context.Context, id string, root *os.Root, progress func(done, total int64)) error {
	text, err := c.manifest(ctx, id)
	if err != nil {
		return fmt.Errorf("download the manifest of job %s: %w", id, err)
	}
	var m struct {
		Outputs []resultFile `json:"outputs"`
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("read the manifest of job %s: %w", id, err)
	}
	count := &counter{total: int64(len(text)), tell: progress}
	for _, f := range m.Outputs {
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			return fmt.Errorf("read the manifest of job %s: %q does not lie below the result", id, f.Path)
		}
		count.total += f.Bytes
	}
	for _, f := range m.Outputs {
		err := c.again(ctx, func(int) error {
			body, err := c.File(ctx, id, f.Path)
			if err != nil {
				return err
			}
			defer func() { _ = body.Close() }() // only read
			return save(root, f, body, count)
		})
		if err != nil {
			return fmt.Errorf("download %s of job %s: %w", f.Path, id, err)
		}
	}
	whole := resultFile{Path: "manifest.json", Bytes: int64(len(text))}
	if err := save(root, whole, bytes.NewReader(text), count); err != nil {
		return fmt.Errorf("download the manifest of job %s: %w", id, err)
	}
	return nil
}

func (c *Client) manifest(ctx context.Context, id string) ([]byte, error) {
	var text []byte
	err := c.again(ctx, func(int) error {
		body, err := c.File(ctx, id, "manifest.json")
		if err != nil {
			return err
		}
		defer func() { _ = body.Close() }() // only read
		text, err = io.ReadAll(io.LimitReader(body, maxManifest))
		return err
	})
	return text, err
}

// File asks for one file of a job's result and follows the redirect to the
// store, to which no token of the API's goes. The caller closes the body.
func (c *Client) File(ctx context.Context, id, file string) (io.ReadCloser, error) {
	// The bytes as they are stored, .gz included.
	resp, err := c.files.GetFile(ctx, id, file, nil, wanting("Accept-Encoding", "identity"), withFolders)
	if err != nil || resp.StatusCode < http.StatusMultipleChoices {
		return bodyOf(resp), err // The API sends some files itself.
	}
	defer drain(resp)
	target, err := resp.Location()
	if err != nil {
		return nil, fmt.Errorf("read where %s of job %s is: %w", file, id, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("make a request for %s: %w", file, err)
	}
	req.Header.Set("Accept-Encoding", "identity")
	stored, err := c.send(c.http, req)
	return bodyOf(stored), err
}

// withFolders has the slashes of a file's path, which is the end of the URL's,
// be slashes.
func withFolders(_ context.Context, req *http.Request) error {
	escaped := req.URL.EscapedPath()
	file := strings.LastIndexByte(escaped, '/') + 1
	req.URL.RawPath = escaped[:file] + strings.ReplaceAll(escaped[file:], "%2F", "/")
	return nil
}

// wanting sets a header of a request.
func wanting(name, value string) wire.RequestEditorFn {
	return func(_ context.Context, req *http.Request) error {
		req.Header.Set(name, value)
		return nil
	}
}

func bodyOf(resp *http.Response) io.ReadCloser {
	if resp == nil {
		return nil
	}
	return resp.Body
}

// save writes a file beside its place, checks it, and moves it there.
func save(root *os.Root, f resultFile, body io.Reader, count *counter) (err error) {
	folder := path.Dir(f.Path)
	if err := root.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make folder %s: %w", folder, err)
	}
	temporary := path.Join(folder, "."+path.Base(f.Path)+"."+rand.Text()[:8]+".part")
	file, err := root.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("create %s: %w", temporary, err)
	}
	read := &countingReader{reader: body, count: count}
	defer func() {
		if err != nil {
			read.takeBack()
			_ = file.Close()           // it is thrown away
			_ = root.Remove(temporary) // as far as that is possible
		}
	}()
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(file, hash), read)
	if err != nil {
		return fmt.Errorf("receive %s: %w", f.Path, err)
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); size != f.Bytes || f.SHA256 != "" && !strings.EqualFold(sum, f.SHA256) {
		return fmt.Errorf("%w: %d bytes with SHA-256 %s came, %d with %s were to come", ErrAltered, size, sum, f.Bytes, f.SHA256)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", f.Path, err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("write %s: %w", f.Path, err)
	}
	if err := root.Rename(temporary, f.Path); err != nil {
		return fmt.Errorf("write %s: %w", f.Path, err)
	}
	return nil
}
