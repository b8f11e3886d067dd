package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/motionmill/motionmill/job"
)

// OutputsPrefix begins the keys of what Motionmill makes. An object under it
// is never a source, whichever bucket it lies in.
const OutputsPrefix = "outputs/"

// DefaultProfile is the profile of a source whose key names none.
const DefaultProfile = "trainer"

// maxEnvelopes is how deep a notification may lie in envelopes.
const maxEnvelopes = 8

// ReaderConfig holds the settings of a Reader. Its zero value is ready to use.
type ReaderConfig struct {
	// Bucket is the only bucket whose objects are taken; empty takes all.
	Bucket string
	// DefaultProfile is for objects whose key names no profile. Default "trainer".
	DefaultProfile string
}

// Reader reads the messages of the work queue. It keeps no state.
type Reader struct {
	cfg ReaderConfig
}

// NewReader returns a Reader.
func NewReader(cfg ReaderConfig) *Reader {
	if cfg.DefaultProfile == "" {
		cfg.DefaultProfile = DefaultProfile
	}
	return &Reader{cfg: cfg}
}

// Read tells what the body of a message says: an S3 notification, bare, in an
// SNS envelope or by EventBridge, or a requeue or retry letter of our own.
//
// A notice without orders and without a retry says in Ignored why. A body that
// cannot be read, even in one of its records only, gives an error of type
// *job.Error that names the place in it, and no notice; such a message belongs
// in the dead-letter queue. Reading the same body always gives the same jobs.
func (r *Reader) Read(body []byte) (job.Notice, error) {
	if !utf8.Valid(body) {
		return job.Notice{}, unreadable("body", errors.New("it is not UTF-8"))
	}
	return r.read(body, maxEnvelopes)
}

// ProfileOfKey gives the profile that an object's key asks for: NAME, where a
// folder of the form profile=NAME is on its path (the last one, if there are
// several), else def.
func ProfileOfKey(key, def string) string {
	profile := def
	for folder, rest, more := strings.Cut(key, "/"); more; folder, rest, more = strings.Cut(rest, "/") {
		if name, ok := strings.CutPrefix(folder, "profile="); ok && name != "" {
			profile = name
		}
	}
	return profile
}

// read tells the forms apart by the fields that they alone have.
func (r *Reader) read(body []byte, envelopes int) (job.Notice, error) {
	if envelopes == 0 {
		return job.Notice{}, unreadable("body", fmt.Errorf("it lies in more than %d envelopes", maxEnvelopes))
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return job.Notice{}, unreadable("body", fmt.Errorf("it is not a JSON object: %w", err))
	}
	has := func(name string) bool { _, ok := fields[name]; return ok }
	switch {
	case has("motionmill"):
		return r.readLetter(body, envelopes)
	case has("Records"):
		return r.readRecords(fields["Records"])
	case has("detail-type") && has("detail"):
		return r.readEventBridge(body)
	case has("Type") && (has("Message") || has("SubscribeURL")):
		return r.readSNS(body, envelopes)
	case has("Event"):
		return readTest(fields["Event"])
	default:
		return job.Notice{}, unreadable("body", errors.New("it is neither a notification nor a letter of Motionmill"))
	}
}

// judged is what one record of a notification comes to: an order, or the
// reason why it is none.
type judged struct {
	order   job.Order
	ignored string
}

// judge decides about an object that was announced.
func (r *Reader) judge(s job.Source) judged {
	switch {
	case r.cfg.Bucket != "" && s.Bucket != r.cfg.Bucket:
		return judged{ignored: fmt.Sprintf("%s is not in the bucket %s", s.URI(), r.cfg.Bucket)}
	case strings.HasPrefix(s.Key, OutputsPrefix):
		return judged{ignored: s.URI() + " is a result of our own"}
	case strings.HasSuffix(s.Key, "/"):
		return judged{ignored: s.URI() + " is a folder"}
	}
	return judged{order: job.Order{Source: s.Normal(), Profile: ProfileOfKey(s.Key, r.cfg.DefaultProfile)}}
}

// notice puts the records of one message together. The same job twice is one order.
func notice(records []judged) job.Notice {
	var n job.Notice
	var reasons []string
	seen := map[string]bool{}
	for _, record := range records {
		if record.ignored != "" {
			reasons = append(reasons, record.ignored)
		} else if id := record.order.ID(); !seen[id] {
			seen[id] = true
			n.Orders = append(n.Orders, record.order)
		}
	}
	if len(n.Orders) == 0 {
		n.Ignored = strings.Join(reasons, "; ")
	}
	return n
}

// unreadable is the error of Read: where in the message, and what is wrong there.
func unreadable(where string, err error) *job.Error {
	return job.Fail(job.Unsupported, "read message", where, "", "", err)
}
