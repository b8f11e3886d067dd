package api

import (
	"bytes"
	"context"
	"net/http"
	"path"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/motionmill/motionmill/job"
)

// maxIndex is more than a playlist of a day of video has, in bytes.
const maxIndex = 4 << 20

// indexKind is a kind of file that names others of its result.
type indexKind struct {
	mediaType string
	withShare func(text []byte, token string) []byte
}

// indexes are the kinds by the extension of their files.
var indexes = map[string]indexKind{
	".m3u8": {"application/vnd.apple.mpegurl", playlistWithShare}, // RFC 8216, 4
	".vtt":  {"text/vtt", spriteWithShare},                        // WebVTT, 9
}

// namedInTag is an address in a tag of a playlist.
var namedInTag = regexp.MustCompile(`(\bURI="[^"]+)"`)

// indexContent describes indexes to readers of the API's document.
func indexContent() map[string]*huma.MediaType {
	content := map[string]*huma.MediaType{}
	for _, kind := range indexes {
		content[kind.mediaType] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	return content
}

// index answers with a playlist, or with the sprite's WebVTT, itself. What it
// names is relative to it: a player that was led to the store would look for
// segments and pictures there, unsigned.
func (a *API) index(ctx context.Context, rec job.Record, in *fileInput, kind indexKind) (*fileOutput, error) {
	text, err := a.cfg.Objects.Read(ctx, a.cfg.OutputsBucket, path.Join(path.Dir(rec.Manifest), in.Path), maxIndex)
	if err != nil {
		return nil, a.unread(ctx, rec, "read "+in.Path, err)
	}
	if in.Share != "" {
		text = kind.withShare(text, in.Share)
	}
	return &fileOutput{Status: http.StatusOK, ContentType: kind.mediaType, CacheControl: "private, no-cache", Body: text}, nil
}

// playlistWithShare puts the token of a share link at the end of each address
// in a playlist: those on lines of their own and those in the URI of a tag.
func playlistWithShare(playlist []byte, token string) []byte {
	query := shareQuery(token)
	lines := strings.Split(string(playlist), "\n")
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "#"):
			lines[i] = namedInTag.ReplaceAllString(line, "${1}"+strings.ReplaceAll(query, "$", "$$")+`"`)
		case strings.TrimSpace(line) != "":
			address := strings.TrimRight(line, "\r")
			lines[i] = address + query + line[len(address):]
		}
	}
	return []byte(strings.Join(lines, "\n"))
}

// spriteWithShare puts the token of a share link into each address in the
// sprite's WebVTT: before the fragment that says where in it a thumbnail lies
// (Media Fragments URI 1.0, 4.2.2).
func spriteWithShare(text []byte, token string) []byte {
	const fragment = "#xywh="
	return bytes.ReplaceAll(text, []byte(fragment), []byte(shareQuery(token)+fragment))
}
