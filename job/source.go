package job

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
)

// Source is one version of one object in the uploads bucket.
type Source struct {
	Bucket string `json:"bucket"`
	// Key is the object's key as S3 lists it: never form-encoded.
	Key string `json:"key"`
	// Version is the version id; empty in a bucket without versioning.
	Version string `json:"version,omitempty"`
	// ETag is the entity tag without quotes.
	ETag string `json:"etag,omitempty"`
	// Sequencer orders the versions of one key; empty where the server sends none.
	Sequencer string `json:"sequencer,omitempty"`
	// Bytes is the object's size as announced; 0 where the notification did not say.
	Bytes int64 `json:"bytes,omitempty"`
}

// Normal returns s in the one spelling that identity is computed from: the
// ETag without quotes and the version "null" as no version.
func (s Source) Normal() Source {
	s.ETag = strings.Trim(s.ETag, `"`)
	if s.Version == "null" {
		s.Version = ""
	}
	return s
}

// URI names the object for people: s3://bucket/key.
func (s Source) URI() string { return "s3://" + s.Bucket + "/" + s.Key }

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// ID returns the identity of the job that makes profile from s: 26 lower-case
// characters, a pure function of its arguments, so that the same event seen
// twice is the same job. The sequencer counts only where there is no version
// id; without it an upload of A, B and A again would be taken for the first.
func ID(s Source, profile string) string {
	s = s.Normal()
	sequencer := s.Sequencer
	if s.Version != "" {
		sequencer = ""
	}
	h := sha256.New()
	for _, field := range []string{s.Bucket, s.Key, s.Version, s.ETag, strings.ToUpper(sequencer), profile} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(field)))
		h.Write(length[:])
		h.Write([]byte(field))
	}
	return idEncoding.EncodeToString(h.Sum(nil)[:16])
}

// CompareSequencers tells which of two sequencers of the same key is older:
// negative when a is, positive when b is, 0 when they are equal. They compare
// as hexadecimal strings padded on the right with zeros, as S3 documents.
func CompareSequencers(a, b string) int {
	a, b = strings.ToUpper(a), strings.ToUpper(b)
	if n := max(len(a), len(b)); n > 0 {
		a += strings.Repeat("0", n-len(a))
		b += strings.Repeat("0", n-len(b))
	}
	return strings.Compare(a, b)
}
