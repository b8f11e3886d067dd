package api

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// maxName is the length of the longest object name, in bytes.
	maxName = 200
	// maxExtension is the longest ending that is kept when a name is cut.
	maxExtension = 16
	// tokenLength is that of 16 bytes in base 32.
	tokenLength = 26
	// profileFolder marks the profile in an object's key.
	profileFolder = "profile="
)

var tokenEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// upload is where one upload goes. Its id carries all of it, so that the API
// keeps no list of uploads: whoever has the id can ask for its state, after a
// restart and from any replica.
type upload struct {
	// token is unique and sorts by time: 48 bits of milliseconds, 80 of chance.
	token string
	// owner is empty where nobody is known by name.
	owner string
	// profile is empty for the default one.
	profile string
	name    string
}

func newUpload(owner, profile, name string) upload {
	return upload{token: newToken(), owner: owner, profile: profile, name: safeName(name)}
}

// newToken returns 26 letters and digits that nobody has seen before; later
// ones sort behind.
func newToken() string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(time.Now().UnixMilli())<<16)
	_, _ = rand.Read(raw[6:]) // crypto/rand's Read never fails
	return tokenEncoding.EncodeToString(raw[:])
}

// key returns the object key that the upload is signed for.
func (u upload) key() string {
	key := "uploads/"
	if u.owner != "" {
		key += ownerFolder + ownerEncoding.EncodeToString([]byte(u.owner)) + "/"
	}
	if u.profile != "" {
		key += profileFolder + u.profile + "/"
	}
	return key + u.token + "/" + u.name
}

// id returns the opaque id that clients are given. The owner is not in it: an
// id leads to the uploads of whoever asks, and to nobody else's.
func (u upload) id() string {
	return u.token + "." + base64.RawURLEncoding.EncodeToString([]byte(u.profile+"/"+u.name))
}

// parseUpload reads an id back, as one of owner's uploads. Only ids that id
// could have made pass, so no id leads outside the folder of uploads.
func parseUpload(id, owner string, profiles []string) (upload, bool) {
	token, rest, ok := strings.Cut(id, ".")
	if !ok || len(token) != tokenLength {
		return upload{}, false
	}
	if raw, err := tokenEncoding.DecodeString(token); err != nil || tokenEncoding.EncodeToString(raw) != token {
		return upload{}, false
	}
	text, err := base64.RawURLEncoding.DecodeString(rest)
	if err != nil {
		return upload{}, false
	}
	profile, name, ok := strings.Cut(string(text), "/")
	u := upload{token: token, owner: owner, profile: profile, name: name}
	if !ok || safeName(name) != name || u.id() != id || profile != "" && !slices.Contains(profiles, profile) {
		return upload{}, false
	}
	return u, true
}

// safeName makes a file name fit to be the last part of an object key: the
// base name, letters and digits of every script, spaces and common signs kept,
// everything else an underscore, at most 200 bytes with the ending kept.
func safeName(name string) string {
	name = strings.ReplaceAll(strings.ToValidUTF8(name, "_"), `\`, "/")
	name = name[strings.LastIndexByte(name, '/')+1:]
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		case strings.ContainsRune("-_.,()[]@+=!", r):
			return r
		default:
			return '_'
		}
	}, name)
	name = strings.Join(strings.Fields(name), " ")
	for _, before := range []string{" .", ".."} {
		for strings.Contains(name, before) {
			name = strings.ReplaceAll(name, before, ".")
		}
	}
	name = strings.Trim(name, ". ")
	if name == "" {
		return "video"
	}
	extension := path.Ext(name)
	if len(extension) > maxExtension {
		extension = ""
	}
	return strings.TrimRight(cut(strings.TrimSuffix(name, extension), maxName-len(extension)), ". ") + extension
}

// cut shortens text to at most limit bytes without splitting a character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
