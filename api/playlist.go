package api

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/motionmill/motionmill/job"
)

const (
	// playlistType is the media type of HLS playlists (RFC 8216, 4).
	playlistType = "application/vnd.apple.mpegurl"
	// maxPlaylist is more than one of a day of video has, in bytes.
	maxPlaylist = 4 << 20
)

func isPlaylist(file string) bool { return path.Ext(file) == ".m3u8" }

// playlist answers with a playlist itself. What it names is relative to it: a
// player that was led to the store would look for segments there, unsigned.
func (a *API) playlist(ctx context.Context, rec job.Record, in *fileInput) (*fileOutput, error) {
	text, err := a.cfg.Objects.Read(ctx, a.cfg.OutputsBucket, path.Join(path.Dir(rec.Manifest), in.Path), maxPlaylist)
	if err != nil {
		return nil, a.unread(ctx, rec, "read the playlist", err)
	}
	if in.Share != "" {
		text = withShare(text, in.Share)
	}
	return &fileOutput{Status: http.StatusOK, ContentType: playlistType, CacheControl: "private, no-cache", Body: text}, nil
}

// withShare puts the token of a share link at the end of each address in a
// playlist: those on lines of their own and those in the URI of a tag.
func withShare(playlist []byte, token string) []byte {
	query := "?" + url.Values{shareParameter: {token}}.Encode()
	named := regexp.MustCompile(`(\bURI="[^"]+)"`)
	lines := strings.Split(string(playlist), "\n")
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "#"):
			lines[i] = named.ReplaceAllString(line, "${1}"+strings.ReplaceAll(query, "$", "$$")+`"`)
		case strings.TrimSpace(line) != "":
			address := strings.TrimRight(line, "\r")
			lines[i] = address + query + line[len(address):]
		}
	}
	return []byte(strings.Join(lines, "\n"))
}
