package api

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/motionmill/motionmill/job"
)

// Ledger is what the API reads of the jobs, and the one write that it makes.
type Ledger interface {
	// Get reads one record, strongly consistent; its State is job.None when
	// there is none.
	Get(ctx context.Context, id string) (job.Record, error)
	// Put writes next if when holds of the stored record, else it fails with
	// job.ErrConflict.
	Put(ctx context.Context, next job.Record, when job.Condition) error
	// List gives at most limit records that f selects, newest first, and the
	// cursor of the following page; an empty cursor is the first or, given
	// back, the last page. A cursor that it cannot read is an error of kind
	// job.Unsupported.
	List(ctx context.Context, f job.Filter, limit int, cursor string) ([]job.Record, string, error)
	// HighWater reads the newest known version of a key; zero when none is known.
	HighWater(ctx context.Context, bucket, key string) (job.HighWater, error)
}

// Queue is the work queue, to which retries are sent.
type Queue interface {
	// Send sends up to ten messages.
	Send(ctx context.Context, messages ...job.Outgoing) error
}

// DeadLetters is the dead-letter queue, for people to look at.
type DeadLetters interface {
	// Look shows each message, the oldest first, until show returns false. It
	// receives none.
	Look(ctx context.Context, show func(job.Message) bool) error
	// Remove deletes messages by id and returns how many of them were there.
	Remove(ctx context.Context, ids ...string) (int, error)
}

// Signer makes URLs that let a client reach one object without credentials
// of its own until they expire.
type Signer interface {
	PresignPut(ctx context.Context, put PutRequest) (Signed, error)
	PresignPart(ctx context.Context, part PartRequest) (Signed, error)
	// PresignGet signs the reading of an object.
	PresignGet(ctx context.Context, get GetRequest) (string, error)
}

// Objects reads what lies in the buckets.
type Objects interface {
	// Exists tells whether there is an object under the key.
	Exists(ctx context.Context, bucket, key string) (bool, error)
	// Read gives a whole object; one of more than limit bytes is an error.
	// An object that is not there is an error of kind job.SourceGone.
	Read(ctx context.Context, bucket, key string, limit int64) ([]byte, error)
}

// Multipart begins and ends uploads that are sent in parts. An upload id that
// the store does not know (any more), and parts that it does not have as they
// are named, are errors of kind job.SourceGone.
type Multipart interface {
	// StartMultipart gives the store's id of the upload.
	StartMultipart(ctx context.Context, start PutRequest) (string, error)
	// CompleteMultipart makes the object of its parts, in order of their numbers.
	CompleteMultipart(ctx context.Context, bucket, key, uploadID string, parts []DonePart) error
	// AbortMultipart throws away the parts that were sent.
	AbortMultipart(ctx context.Context, bucket, key, uploadID string) error
	// ListParts gives up to limit of the parts that have been sent and whose
	// numbers are greater than after, in order.
	ListParts(ctx context.Context, bucket, key, uploadID string, after, limit int) ([]SentPart, error)
}

// Intake stores what the API fetches itself.
type Intake interface {
	// Take stores a body under a key as it is read, whole or not at all. Bytes
	// is its length, 0 when it is not known. A key that has an object is an error
	// with ErrTaken in its chain.
	Take(ctx context.Context, put PutRequest, body io.Reader) error
}

// ErrTaken tells that a key has an object already.
var ErrTaken = errors.New("the key has an object")

// Notes keeps small documents where every replica of the API sees them. Names
// are of letters, digits, hyphens and slashes.
type Notes interface {
	// ReadNote gives a note; one that is not there is an error of kind job.SourceGone.
	ReadNote(ctx context.Context, name string) ([]byte, error)
	// CreateNote writes a note unless there is one of the name, which it then
	// leaves as it is and returns false.
	CreateNote(ctx context.Context, name string, text []byte) (bool, error)
	// RemoveNote removes a note; one that is not there is no error.
	RemoveNote(ctx context.Context, name string) error
	// ListNotes gives the names that begin with prefix.
	ListNotes(ctx context.Context, prefix string) ([]string, error)
}

// PutRequest describes the one upload that a signature allows.
type PutRequest struct {
	Bucket string
	Key    string
	// Bytes is the length to pin; 0 pins none (the older form, and multipart
	// uploads, whose parts are pinned each).
	Bytes int64
	// Type is the Content-Type to pin; empty pins none.
	Type string
	// Metadata becomes x-amz-meta- headers, pinned as well.
	Metadata map[string]string
	// NoOverwrite pins If-None-Match: *, so that the URL works once.
	NoOverwrite bool
	// Expires is how long the URL is good.
	Expires time.Duration
}

// PartRequest describes one part of a multipart upload.
type PartRequest struct {
	Bucket   string
	Key      string
	UploadID string
	// Number counts from 1.
	Number int
	// Bytes is the length to pin.
	Bytes   int64
	Expires time.Duration
}

// GetRequest describes one object to be read.
type GetRequest struct {
	Bucket  string
	Key     string
	Expires time.Duration
	// DownloadName, when not empty, makes browsers save the object under it.
	DownloadName string
	// HeadersOnly asks for the URL of a HEAD: a signature holds for one method.
	HeadersOnly bool
}

// Signed is a request that needs no other credentials.
type Signed struct {
	Method string
	URL    string
	// Headers are those that the request must carry, as they were signed. Host
	// and Content-Length may be among them; clients set these themselves.
	Headers map[string]string
	// ExpiresAt is when the URL ceases to work.
	ExpiresAt time.Time
}

// SentPart is a part that lies in the store.
type SentPart struct {
	Number int
	Bytes  int64
	// ETag is the store's receipt, as the part's upload was answered.
	ETag string
}

// DonePart is a part that the store has acknowledged.
type DonePart struct {
	Number int
	ETag   string
}
