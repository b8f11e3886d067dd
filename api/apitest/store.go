package apitest

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // it is what S3 makes ETags of
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
)

// Store is an object store in memory. It signs URLs below its base and, as an
// http.Handler at that base, takes only what was signed: as S3 does, 403 for
// anything else and 412 for an overwrite that If-None-Match forbids.
type Store struct {
	base string
	// OnObject, when set, learns of every object that came by PUT or multipart.
	OnObject func(bucket, key, etag string, bytes int64)
	// Refuse, when set, may answer a request before it is looked at; it is how
	// tests make a part fail.
	Refuse func(r *http.Request) (status int)

	mu      sync.Mutex
	objects map[string]object
	grants  map[string]grant
	parts   map[string]map[int][]byte
	err     error
}

type object struct {
	body     []byte
	kind     string
	metadata map[string]string
}

type grant struct {
	method, path, download string
	bytes                  int64
	headers                map[string]string
	uploadID               string
	part                   int
	until                  time.Time
}

// NewStore returns an empty store that signs URLs below base ("http://host").
func NewStore(base string) *Store {
	return &Store{base: base, objects: map[string]object{}, grants: map[string]grant{}, parts: map[string]map[int][]byte{}}
}

// SetBase changes where signed URLs lead.
func (s *Store) SetBase(base string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base = base
}

// Fail makes every call (not the HTTP side) fail with err.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Put stores an object.
func (s *Store) Put(bucket, key, kind string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[bucket+"/"+key] = object{body: body, kind: kind}
}

// Body returns an object's bytes and whether it is there.
func (s *Store) Body(bucket, key string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objects[bucket+"/"+key]
	return o.body, ok
}

// Uploads counts the multipart uploads that are neither ended nor thrown away.
func (s *Store) Uploads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.parts)
}

func (s *Store) sign(g grant, until time.Duration) (api.Signed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return api.Signed{}, s.err
	}
	g.until = time.Now().Add(until)
	token := rand.Text()
	s.grants[token] = g
	u := url.URL{Path: "/" + g.path}
	headers := map[string]string{"Host": strings.TrimPrefix(s.base, "http://")}
	for name, value := range g.headers {
		headers[name] = value
	}
	return api.Signed{Method: g.method, URL: s.base + u.EscapedPath() + "?X-Amz-Signature=" + token, Headers: headers, ExpiresAt: g.until}, nil
}

// PresignPut signs one upload.
func (s *Store) PresignPut(_ context.Context, put api.PutRequest) (api.Signed, error) {
	headers := map[string]string{}
	if put.Type != "" {
		headers["Content-Type"] = put.Type
	}
	if put.NoOverwrite {
		headers["If-None-Match"] = "*"
	}
	for name, value := range put.Metadata {
		headers["X-Amz-Meta-"+name] = value
	}
	if put.Bytes > 0 {
		headers["Content-Length"] = strconv.FormatInt(put.Bytes, 10)
	}
	return s.sign(grant{method: http.MethodPut, path: put.Bucket + "/" + put.Key, bytes: put.Bytes, headers: headers}, put.Expires)
}

// PresignPart signs one part.
func (s *Store) PresignPart(_ context.Context, p api.PartRequest) (api.Signed, error) {
	return s.sign(grant{
		method: http.MethodPut, path: p.Bucket + "/" + p.Key, bytes: p.Bytes, uploadID: p.UploadID, part: p.Number,
	}, p.Expires)
}

// PresignGet signs one reading.
func (s *Store) PresignGet(_ context.Context, get api.GetRequest) (string, error) {
	method := http.MethodGet
	if get.HeadersOnly {
		method = http.MethodHead
	}
	signed, err := s.sign(grant{method: method, path: get.Bucket + "/" + get.Key, download: get.DownloadName}, get.Expires)
	return signed.URL, err
}

// Exists tells whether an object is there.
func (s *Store) Exists(_ context.Context, bucket, key string) (bool, error) {
	_, ok := s.Body(bucket, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return ok, s.err
}

// Read gives a whole object.
func (s *Store) Read(_ context.Context, bucket, key string, limit int64) ([]byte, error) {
	body, ok := s.Body(bucket, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return nil, s.err
	case !ok:
		return nil, job.Fail(job.SourceGone, "read object", bucket+"/"+key, "it is not there", "", nil)
	case int64(len(body)) > limit:
		return nil, fmt.Errorf("read object %s/%s: it has more than %d bytes", bucket, key, limit)
	default:
		return slices.Clone(body), nil
	}
}

// partsOf names the parts of an upload: its id is good for the one key.
func partsOf(bucket, key, uploadID string) string { return bucket + "/" + key + "?" + uploadID }

// StartMultipart begins an upload in parts.
func (s *Store) StartMultipart(_ context.Context, put api.PutRequest) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := rand.Text()
	s.parts[partsOf(put.Bucket, put.Key, id)] = map[int][]byte{}
	return id, s.err
}

// CompleteMultipart makes the object of its parts.
func (s *Store) CompleteMultipart(_ context.Context, bucket, key, uploadID string, done []api.DonePart) error {
	s.mu.Lock()
	uploadID = partsOf(bucket, key, uploadID)
	parts, ok := s.parts[uploadID]
	var body []byte
	for _, p := range done {
		part, sent := parts[p.Number]
		if !sent || etagOf(part) != strings.Trim(p.ETag, `"`) {
			ok = false
		}
		body = append(body, part...)
	}
	if !ok || s.err != nil {
		defer s.mu.Unlock()
		if s.err != nil {
			return s.err
		}
		return job.Fail(job.SourceGone, "complete upload", key, "there is no such upload or part", "", nil)
	}
	delete(s.parts, uploadID)
	s.mu.Unlock()
	s.receive(bucket, key, object{body: body})
	return nil
}

// AbortMultipart throws the parts away.
func (s *Store) AbortMultipart(_ context.Context, bucket, key, uploadID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	uploadID = partsOf(bucket, key, uploadID)
	if _, ok := s.parts[uploadID]; !ok {
		return job.Fail(job.SourceGone, "abort upload", key, "there is no such upload", "", nil)
	}
	delete(s.parts, uploadID)
	return s.err
}

func (s *Store) receive(bucket, key string, o object) {
	s.mu.Lock()
	s.objects[bucket+"/"+key] = o
	s.mu.Unlock()
	if s.OnObject != nil {
		s.OnObject(bucket, key, etagOf(o.body), int64(len(o.body)))
	}
}

// ServeHTTP answers presigned requests.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Refuse != nil {
		if status := s.Refuse(r); status != 0 {
			_, _ = io.Copy(io.Discard, r.Body)
			http.Error(w, "refused by the test", status)
			return
		}
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	s.mu.Lock()
	g, ok := s.grants[r.URL.Query().Get("X-Amz-Signature")]
	s.mu.Unlock()
	if !ok || g.path != path || time.Now().After(g.until) || g.method != r.Method {
		http.Error(w, "SignatureDoesNotMatch", http.StatusForbidden)
		return
	}
	if g.method != http.MethodPut {
		s.serveObject(w, r, g)
		return
	}
	s.takeObject(w, r, g)
}

func (s *Store) serveObject(w http.ResponseWriter, r *http.Request, g grant) {
	s.mu.Lock()
	o, ok := s.objects[g.path]
	s.mu.Unlock()
	if !ok {
		http.Error(w, "NoSuchKey", http.StatusNotFound)
		return
	}
	if o.kind != "" {
		w.Header().Set("Content-Type", o.kind)
	}
	if g.download != "" {
		w.Header().Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(g.download))
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(o.body))
}

func (s *Store) takeObject(w http.ResponseWriter, r *http.Request, g grant) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // The client has gone in the middle: no object.
	}
	for name, value := range g.headers {
		if name != "Content-Length" && r.Header.Get(name) != value {
			http.Error(w, "SignatureDoesNotMatch: "+name, http.StatusForbidden)
			return
		}
	}
	if g.bytes > 0 && int64(len(body)) != g.bytes {
		http.Error(w, "SignatureDoesNotMatch: Content-Length", http.StatusForbidden)
		return
	}
	w.Header().Set("ETag", `"`+etagOf(body)+`"`)
	bucket, key, _ := strings.Cut(g.path, "/")
	if g.part > 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		parts := s.parts[partsOf(bucket, key, g.uploadID)]
		if parts == nil {
			http.Error(w, "NoSuchUpload", http.StatusNotFound)
			return
		}
		parts[g.part] = body
		return
	}
	if _, exists := s.Body(bucket, key); exists && r.Header.Get("If-None-Match") == "*" {
		http.Error(w, "PreconditionFailed", http.StatusPreconditionFailed)
		return
	}
	metadata := map[string]string{}
	for name, values := range r.Header {
		if rest, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-meta-"); ok {
			metadata[rest] = values[0]
		}
	}
	s.receive(bucket, key, object{body: body, kind: r.Header.Get("Content-Type"), metadata: metadata})
}

func etagOf(body []byte) string {
	sum := md5.Sum(body) //nolint:gosec // it is what S3 makes ETags of
	return hex.EncodeToString(sum[:])
}
