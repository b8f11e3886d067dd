package pull

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
)

// looksRight refuses what is plainly no model: nothing, a web page, a pointer of Git LFS.
func (p *pull) looksRight(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return p.fail("what was fetched cannot be read", "", err)
	}
	defer file.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return p.fail("what was fetched cannot be read", "", err)
	}
	text := bytes.TrimSpace(head[:n])
	finding := ""
	switch {
	case n == 0:
		finding = "an empty file"
	case bytes.HasPrefix(text, []byte("<")):
		finding = "a web page"
	case bytes.HasPrefix(text, []byte("version https://git-lfs")):
		finding = "a pointer of Git LFS"
	case strings.HasPrefix(string(text), "{"):
		finding = "a text"
	default:
		return nil
	}
	return p.fail(p.offer.Source+" gives "+finding+" and not a model; it was removed",
		"A proxy or a login may be in between: open the URL in a browser", nil)
}
