package notice

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
)

// Box keeps small documents durably, where every process of a stage sees them.
// Names are of letters, digits, hyphens and slashes; no name begins another.
type Box interface {
	// List gives the documents whose names begin with prefix, in their order.
	List(ctx context.Context, prefix string) ([]Entry, error)
	// Read gives a document; one that is not there is an error of kind job.SourceGone.
	Read(ctx context.Context, name string) ([]byte, error)
	// Write puts a document in the place of the one that has the tag, or, with
	// none, where there is no document. ok tells whether that was so; else nothing
	// is written. The new tag is given only when one was.
	Write(ctx context.Context, name, tag string, text []byte) (newTag string, ok bool, err error)
	// Remove removes a document; one that is not there is no error.
	Remove(ctx context.Context, name string) error
}

// Entry is a document of a box. Its tag is another one after every change.
type Entry struct{ Name, Tag string }

const (
	// dueFolder holds what is to be delivered, deadFolder what was not.
	dueFolder, deadFolder = "webhooks/due/", "webhooks/dead/"
	// everyone stands in the place of an endpoint until the deliveries of a job
	// are made, one for each.
	everyone = "all"
)

// document is what lies in the box: a job as it was announced, and how far its
// delivery to one endpoint is.
type document struct {
	ID string `json:"id"`
	// Endpoint is the key of an endpoint, or everyone.
	Endpoint string     `json:"endpoint"`
	Record   job.Record `json:"record"`
	// Shown is the endpoint's address, for people.
	Shown string `json:"url,omitempty"`
	// Since is when its day began; DueAt is when it may be tried again.
	Since time.Time `json:"since"`
	DueAt time.Time `json:"due_at"`
	Tries int       `json:"tries"`
	// TriedAt, Status and Error tell of the last try. Status is 0 without an answer.
	TriedAt time.Time `json:"tried_at,omitzero"`
	Status  int       `json:"status,omitempty"`
	Error   string    `json:"error,omitempty"`
	// Again tells that somebody asked for it after it was dead.
	Again bool `json:"again,omitempty"`
}

// newDocument is due at once. Its ID is the same whenever it is made.
func newDocument(rec job.Record, endpoint string, since time.Time) document {
	id := rec.ID + "-" + strconv.FormatInt(rec.Fence, 10) + "-" + endpoint
	return document{ID: id, Endpoint: endpoint, Record: rec, Since: since, DueAt: since}
}

func (d document) encode() []byte {
	text, err := json.Marshal(d)
	if err != nil { // Every field is of a type that JSON can hold.
		panic(fmt.Sprintf("encode delivery: %v", err))
	}
	return text
}

func decode(name string, text []byte) (document, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return d, fmt.Errorf("read delivery %s: %w", name, err)
	}
	return d, nil
}

// Post leaves a job in a final state for the webhooks: one write, durable when
// it returns. To post the same state again does no harm: it is delivered once
// more at most, under the same id.
func Post(ctx context.Context, box Box, rec job.Record) error {
	d := newDocument(rec, everyone, time.Now().UTC())
	if _, _, err := box.Write(ctx, dueFolder+d.ID, "", d.encode()); err != nil {
		return fmt.Errorf("leave job %s for the webhooks: %w", rec.ID, err)
	}
	return nil
}

// Endpoint is where webhooks go.
type Endpoint struct {
	URL *url.URL
	key string
}

var keyEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewEndpoint reads an address. The key that stands for it in ids of
// deliveries depends on nothing else.
func NewEndpoint(address string) (Endpoint, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return Endpoint{}, job.Fail(job.Unsupported, "read the address of a webhook", "", "it is no http or https address", "Give one as https://example.com/hook.", nil)
	}
	u.Fragment = ""
	sum := sha256.Sum256([]byte(u.String()))
	return Endpoint{URL: u, key: keyEncoding.EncodeToString(sum[:8])}, nil
}

// shown is the address without what may be secret in it.
func (e Endpoint) shown() string {
	path := e.URL.Path
	if strings.Count(path, "/") > 1 { // What follows a first part may be a token.
		path = "/" + strings.SplitN(path, "/", 3)[1] + "/…"
	}
	return e.URL.Scheme + "://" + e.URL.Host + path
}
