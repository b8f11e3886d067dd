package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/motionmill/motionmill/job"
)

const (
	// documentLimit is the most that the document of an item holds, in bytes.
	// DynamoDB takes items of 400 KB; half of that leaves ample room for the other
	// attributes, and bounds what a renewal costs, which pays for the whole item.
	documentLimit = 190 << 10
	// lastOutputLimit is what the newest failure keeps of its stderr, and of its
	// stack, in bytes, when dropping those of all older ones was not enough, and
	// leastOutputLimit when not even that was, since JSON writes a byte as six.
	lastOutputLimit  = 32 << 10
	leastOutputLimit = 4 << 10
	// messageLimit is what a failure keeps of its message, in bytes, when even
	// that was not enough.
	messageLimit = 1 << 10
)

// fit encodes a record in at most limit bytes. One that is larger loses the
// output of its attempts, the oldest first, then the length of messages, then
// the oldest attempts, and no more than it takes; its state, its kinds of error
// and its newest attempt stay. What was cut says so in its place. The record
// that was given is not changed.
func fit(r job.Record, limit int) ([]byte, error) {
	document, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	if len(document) <= limit {
		return document, nil
	}
	r.History = slices.Clone(r.History)
	excess := len(document) - limit
	older := max(len(r.History)-1, 0)
	for _, pass := range []struct {
		cut   func(job.Failure) job.Failure
		count int // of attempts, from the oldest on
		last  bool
	}{
		{func(f job.Failure) job.Failure { return cutOutput(f, 0) }, older, false},
		{func(f job.Failure) job.Failure { return cutOutput(f, lastOutputLimit) }, len(r.History), true},
		{func(f job.Failure) job.Failure { return cutOutput(f, leastOutputLimit) }, len(r.History), true},
		{cutMessage, len(r.History), true},
	} {
		for i := range r.History[:pass.count] {
			if excess <= 0 {
				break
			}
			r.History[i].Error, excess = cut(r.History[i].Error, pass.cut, excess)
		}
		if pass.last && excess > 0 {
			r.Error, excess = cut(r.Error, pass.cut, excess)
		}
	}
	for excess > 0 && len(r.History) > 1 {
		excess -= size(r.History[0]) + len(",")
		r.History = r.History[1:]
	}
	if document, err = json.Marshal(r); err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	if len(document) > limit {
		return nil, job.Fail(job.Internal, "write job", r.ID, fmt.Sprintf("its record takes %d bytes, more than the %d that fit in an item", len(document), limit), "", nil)
	}
	return document, nil
}

// cut replaces a failure by what by leaves of it, and tells how many bytes are
// then still too many.
func cut(f *job.Failure, by func(job.Failure) job.Failure, excess int) (*job.Failure, int) {
	if f == nil {
		return nil, excess
	}
	less := by(*f)
	if saved := size(f) - size(less); saved > 0 {
		return &less, excess - saved
	}
	return f, excess
}

// size is how many bytes v takes in a document.
func size(v any) int {
	text, err := json.Marshal(v)
	if err != nil {
		return 0 // The whole record is encoded in the end, which tells.
	}
	return len(text)
}

// leftOut stands where something was cut. It is the same whatever was cut, so
// that a record which is cut again at each write stays as it is.
const leftOut = "[left out here: the record was too large]"

// cutOutput leaves the last lines of a failure's stderr and the beginning of
// its stack, about keep bytes of each.
func cutOutput(f job.Failure, keep int) job.Failure {
	first, room := len(f.Stderr), keep
	for first > 0 && size(f.Stderr[first-1]) <= room {
		first--
		room -= size(f.Stderr[first])
	}
	if first > 0 {
		f.Stderr = append([]string{leftOut}, f.Stderr[first:]...)
	}
	f.Stack = shorten(f.Stack, keep)
	return f
}

func cutMessage(f job.Failure) job.Failure {
	f.Message = shorten(f.Message, messageLimit)
	return f
}

// shorten leaves the beginning of a text that is longer than keep bytes, and
// of the note; both together are no longer than that.
func shorten(s string, keep int) string {
	keep = max(keep, len(leftOut))
	if len(s) <= keep {
		return s
	}
	keep -= len(leftOut)
	for keep > 0 && !utf8.RuneStart(s[keep]) {
		keep--
	}
	return s[:keep] + leftOut
}
