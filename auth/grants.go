package auth

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Purpose tells grants apart: each is signed by a key of its own.
type Purpose string

// The purposes.
const (
	// Share is a link that its owner gives away.
	Share Purpose = "share"
	// Playback is a cookie with which a player fetches the files of a job.
	Playback Purpose = "playback"
)

// ownIssuer is the issuer of what this package signs.
const ownIssuer = "motionmill"

// Grant lets whoever holds it read one job.
type Grant struct {
	// Job is the id of the job.
	Job string
	// By is the subject that gave it.
	By string
	// Link is the id of the share link that it is or was opened by, by which it
	// can be called back; empty for a cookie of who is signed in.
	Link string
	// Expires is when it ends, to the second.
	Expires time.Time
}

// Grants signs and reads grants. It is safe for concurrent use.
type Grants struct{ keys map[Purpose][]byte }

// NewGrants derives the keys from a secret of at least 32 bytes. Another
// secret makes every grant void.
func NewGrants(secret []byte) (*Grants, error) {
	if len(secret) < minSecret {
		return nil, fmt.Errorf("configure grants: the secret has %d bytes, and less than %d can be guessed", len(secret), minSecret)
	}
	g := &Grants{keys: map[Purpose][]byte{}}
	for _, purpose := range []Purpose{Share, Playback} {
		key, err := deriveKey(secret, string(purpose))
		if err != nil {
			return nil, fmt.Errorf("configure grants: %w", err)
		}
		g.keys[purpose] = key
	}
	return g, nil
}

// deriveKey gives a key for one use of a secret, which says nothing of the
// secret or of the keys for other uses (HKDF, RFC 5869).
func deriveKey(secret []byte, use string) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, nil, "motionmill/1 "+use, sha256.Size)
}

// Sign gives the token of a grant: letters, digits, dots, dashes and underscores.
func (g *Grants) Sign(purpose Purpose, grant Grant) (string, error) {
	claims := jwt.MapClaims{
		"iss": ownIssuer, "aud": string(purpose), "sub": grant.By, "job": grant.Job,
		"exp": grant.Expires.Unix(), "iat": time.Now().Unix(), "jti": rand.Text(),
	}
	if grant.Link != "" {
		claims["link"] = grant.Link
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(g.keys[purpose])
	if err != nil {
		return "", fmt.Errorf("sign a grant: %w", err)
	}
	return token, nil
}

// Open reads a token that Sign gave for the same purpose. The error is a *Denied.
func (g *Grants) Open(purpose Purpose, token string) (Grant, error) {
	parser := newParser([]string{jwt.SigningMethodHS256.Alg()}, ownIssuer, string(purpose))
	claims := jwt.MapClaims{}
	if _, err := parse(parser, token, claims, func(*jwt.Token) (any, error) { return g.keys[purpose], nil }); err != nil {
		return Grant{}, err
	}
	expires, err := claims.GetExpirationTime()
	if err != nil {
		return Grant{}, &Denied{Reason: Malformed}
	}
	grant := Grant{Expires: expires.Time}
	grant.Job, _ = claims["job"].(string)
	grant.By, _ = claims["sub"].(string)
	grant.Link, _ = claims["link"].(string)
	if grant.Job == "" || purpose == Share && grant.Link == "" {
		return Grant{}, &Denied{Reason: Malformed}
	}
	// Other machines' clocks have no part in it: it ends when it says.
	if !time.Now().Before(grant.Expires) {
		return Grant{}, &Denied{Reason: Expired}
	}
	return grant, nil
}
