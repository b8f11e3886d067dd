package api

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestSafeName(t *testing.T) {
	for in, want := range map[string]string{
		"squat.mp4":                       "squat.mp4",
		"Übung 3 (links).MOV":             "Übung 3 (links).MOV",
		"深蹲.mp4":                          "深蹲.mp4",
		`C:\Users\me\clip.mp4`:            "clip.mp4",
		"../../etc/passwd":                "passwd",
		"..":                              "video",
		"":                                "video",
		".mp4":                            "mp4",
		"a\x00b\nc\u202e.mp4":             "a_b c_.mp4",
		"a?b#c%20d.mp4":                   "a_b_c_20d.mp4",
		"  two   blanks .mp4 ":            "two blanks.mp4",
		strings.Repeat("é", 150) + ".mp4": strings.Repeat("é", 98) + ".mp4",
		strings.Repeat("x", 199) + "." + "longer": strings.Repeat("x", 193) + ".longer",
	} {
		if got := safeName(in); got != want {
			t.Errorf("safeName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestUploadIDComesBack(t *testing.T) {
	profiles := []string{"trainer", "pose"}
	rapid.Check(t, func(t *rapid.T) {
		u := newUpload(rapid.SampledFrom([]string{"", "auth0|5 é/.."}).Draw(t, "owner"), rapid.SampledFrom([]string{"", "pose"}).Draw(t, "profile"), rapid.String().Draw(t, "name"))
		if len(u.name) == 0 || len(u.name) > maxName || !utf8.ValidString(u.name) || u.name[0] == '.' ||
			strings.ContainsFunc(u.name, func(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) }) {
			t.Fatalf("name %q is not safe", u.name)
		}
		back, ok := parseUpload(u.id(), u.owner, profiles)
		if !ok || back != u {
			t.Fatalf("%+v came back as %+v, %t", u, back, ok)
		}
		if _, ok := parseUpload(u.id(), u.owner, []string{"trainer"}); ok && u.profile != "" {
			t.Fatalf("an id of a profile that is not known was taken")
		}
	})
}

func TestParseUploadTakesOnlyItsOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.String().Draw(t, "id")
		if u, ok := parseUpload(id, "", []string{"pose"}); ok && u.id() != id {
			t.Fatalf("%q was read as %+v", id, u)
		}
	})
}
