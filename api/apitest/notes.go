package apitest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
)

// Notes keeps notes in memory.
type Notes struct {
	mu    sync.Mutex
	texts map[string][]byte
	err   error
}

// NewNotes returns notes without any.
func NewNotes() *Notes { return &Notes{texts: map[string][]byte{}} }

// Fail makes every call fail with err until it is called with nil.
func (n *Notes) Fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err = err
}

// ReadNote gives a note.
func (n *Notes) ReadNote(_ context.Context, name string) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	text, ok := n.texts[name]
	if n.err == nil && !ok {
		return nil, job.Fail(job.SourceGone, "read note", name, "there is none", "", nil)
	}
	return slices.Clone(text), n.err
}

// CreateNote writes a note unless there is one.
func (n *Notes) CreateNote(_ context.Context, name string, text []byte) (bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, taken := n.texts[name]; taken || n.err != nil {
		return false, n.err
	}
	n.texts[name] = slices.Clone(text)
	return true, nil
}

// RemoveNote removes a note.
func (n *Notes) RemoveNote(_ context.Context, name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err == nil {
		delete(n.texts, name)
	}
	return n.err
}

// ListNotes gives names in order.
func (n *Notes) ListNotes(_ context.Context, prefix string) ([]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var names []string
	for name := range n.texts {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, n.err
}

// Take stores a body as it is read.
func (s *Store) Take(ctx context.Context, put api.PutRequest, body io.Reader) error {
	content, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if _, taken := s.Body(put.Bucket, put.Key); taken && put.NoOverwrite {
		return api.ErrTaken
	}
	s.mu.Lock()
	err = errors.Join(s.err, ctx.Err())
	s.mu.Unlock()
	if err == nil {
		s.receive(put.Bucket, put.Key, object{body: content, kind: put.Type, metadata: put.Metadata})
	}
	return err
}

// ListParts gives the parts that were sent.
func (s *Store) ListParts(_ context.Context, bucket, key, uploadID string, after, limit int) ([]api.SentPart, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts, ok := s.parts[partsOf(bucket, key, uploadID)]
	if s.err != nil || !ok {
		return nil, errors.Join(s.err, job.Fail(job.SourceGone, "list parts", key, "there is no such upload", "", nil))
	}
	var sent []api.SentPart
	for number, body := range parts {
		if number > after {
			sent = append(sent, api.SentPart{Number: number, Bytes: int64(len(body)), ETag: `"` + etagOf(body) + `"`})
		}
	}
	slices.SortFunc(sent, func(x, y api.SentPart) int { return x.Number - y.Number })
	return sent[:min(limit, len(sent))], nil
}

// Metadata returns what an object was sent with.
func (s *Store) Metadata(bucket, key string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[bucket+"/"+key].metadata
}

// Parts counts the parts that lie in uploads which are not over.
func (s *Store) Parts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := 0
	for _, parts := range s.parts {
		count += len(parts)
	}
	return count
}
