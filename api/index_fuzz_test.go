package api

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzPlaylistWithShare puts a token into any playlist: every line stays a line, and every address has the
// token at its end.
func FuzzPlaylistWithShare(f *testing.F) {
	f.Add([]byte("#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:4,\n00001.m4s\n"), "a.b.c")
	f.Add([]byte("#EXT-X-MEDIA:URI=\"a\",X-URI=\"b\"\r\n\nx\r\n"), "$1\"\n#")
	f.Fuzz(func(t *testing.T, playlist []byte, token string) {
		query := "?" + url.Values{shareParameter: {token}}.Encode()
		if strings.ContainsAny(query, "\"\n\r #") {
			t.Fatalf("the query is %q", query)
		}
		before := strings.Split(string(playlist), "\n")
		after := strings.Split(string(playlistWithShare(playlist, token)), "\n")
		if len(before) != len(after) {
			t.Fatalf("%d lines became %d", len(before), len(after))
		}
		for i, line := range before {
			switch {
			case strings.TrimSpace(line) == "":
				if after[i] != line {
					t.Fatalf("%q became %q", line, after[i])
				}
			case !strings.HasPrefix(line, "#"):
				if address := strings.TrimRight(after[i], "\r"); !strings.HasSuffix(address, query) || strings.Contains(address, "\r") && !strings.Contains(strings.TrimRight(line, "\r"), "\r") {
					t.Fatalf("%q became %q", line, after[i])
				}
			case strings.ReplaceAll(after[i], query, "") != line && !strings.Contains(line, query):
				t.Fatalf("%q became %q", line, after[i])
			}
		}
	})
}
