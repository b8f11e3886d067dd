package media

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

const (
	tailLines = 20
	tailWidth = 400
)

// tail keeps the last lines written to it. It takes everything and never
// blocks, so that a child cannot stall on stderr.
type tail struct {
	replace *strings.Replacer
	address *regexp.Regexp

	mu      sync.Mutex
	kept    []string
	partial []byte
	seen    int64
}

// newTail returns an empty tail that writes subject for the path of the
// input, so that no private folder shows in an error.
func newTail(input, subject string) *tail {
	pairs := []string{}
	if input != "" {
		pairs = append(pairs, "file:"+input, subject, input, subject)
	}
	return &tail{
		replace: strings.NewReplacer(pairs...),
		address: regexp.MustCompile(` @ 0x[0-9a-f]+`),
	}
}

// Write takes a piece of output.
func (t *tail) Write(piece []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rest := piece
	for {
		end := bytes.IndexAny(rest, "\r\n")
		if end < 0 {
			break
		}
		t.partial = append(t.partial, rest[:end]...)
		t.keep()
		rest = rest[end+1:]
	}
	if len(t.partial) < tailWidth*4 {
		t.partial = append(t.partial, rest...)
	}
	return len(piece), nil
}

func (t *tail) keep() {
	line := strings.TrimRight(string(t.partial), " \t")
	t.partial = t.partial[:0]
	if line == "" {
		return
	}
	line = t.address.ReplaceAllString(t.replace.Replace(line), "")
	line = strings.ToValidUTF8(line, "?")
	if len(line) > tailWidth {
		line = strings.ToValidUTF8(line[:tailWidth], "") + "…"
	}
	t.seen++
	t.kept = append(t.kept, line)
	if len(t.kept) > tailLines {
		t.kept = append(t.kept[:0], t.kept[1:]...)
	}
}

// lines returns what was kept, oldest first.
func (t *tail) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.partial) > 0 {
		t.keep()
	}
	return append([]string(nil), t.kept...)
}

// count returns how many lines there were.
func (t *tail) count() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen
}
