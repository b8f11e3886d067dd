package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// maxToken is the longest token that is looked at, in bytes.
	maxToken = 16 << 10
	// maxSubject is the longest subject, in bytes.
	maxSubject = 256
	// minSecret is the shortest secret for HMAC-SHA256, in bytes (RFC 7518, 3.2).
	minSecret = 32
	// leeway is by how much clocks may differ.
	leeway = 30 * time.Second
)

// VerifierConfig says whose tokens are taken. Exactly one of KeysURL and Secret
// is set.
type VerifierConfig struct {
	// Issuer and Audience are required: what `iss` must be and `aud` must hold.
	Issuer   string
	Audience string
	// KeysURL is where the issuer publishes its keys (JWKS). https, or http on
	// loopback.
	KeysURL string
	// Secret is shared with the issuer, at least 32 bytes: tokens are then HS256.
	Secret []byte
	// Algorithms are those that are taken with KeysURL, of RS256, RS384, RS512,
	// PS256, PS384, PS512, ES256, ES384, ES512 and EdDSA. Default: RS256, ES256.
	Algorithms []string
	// RoleClaim is the claim that holds one role, a list of them, or words of
	// which some are roles; "a.b" is claim b inside of a. Default: roles.
	RoleClaim string
	// DefaultRole is that of tokens without a role. Default: None, which may
	// do nothing.
	DefaultRole Role
	// HTTP fetches the keys. Default: one that gives up after ten seconds and
	// follows no redirect.
	HTTP *http.Client
}

// Verifier reads the bearer tokens of an identity provider. It is safe for
// concurrent use.
type Verifier struct {
	cfg    VerifierConfig
	keys   *keySet // nil with a shared secret
	parser *jwt.Parser
}

// asymmetric are the algorithms of published keys. None of them can be
// verified with a secret, so a public key is never taken for one.
func asymmetric() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// NewVerifier checks the configuration; it fetches nothing yet.
func NewVerifier(cfg VerifierConfig) (*Verifier, error) {
	if cfg.RoleClaim == "" {
		cfg.RoleClaim = "roles"
	}
	switch {
	case cfg.Issuer == "" || cfg.Audience == "":
		return nil, errors.New("configure bearer tokens: the issuer and the audience must both be set, or tokens for others would be taken")
	case (cfg.KeysURL == "") == (len(cfg.Secret) == 0):
		return nil, errors.New("configure bearer tokens: give either the URL of the issuer's keys or a shared secret")
	case cfg.DefaultRole == Admin:
		return nil, errors.New("configure bearer tokens: the default role cannot be admin")
	}
	v := &Verifier{cfg: cfg}
	methods := []string{"HS256"}
	if cfg.KeysURL == "" {
		if len(cfg.Secret) < minSecret {
			return nil, fmt.Errorf("configure bearer tokens: the shared secret has %d bytes, and less than %d can be guessed", len(cfg.Secret), minSecret)
		}
		if len(cfg.Algorithms) > 0 && !slices.Equal(cfg.Algorithms, methods) {
			return nil, errors.New("configure bearer tokens: with a shared secret the algorithm is HS256 and no other")
		}
	} else {
		if methods = cfg.Algorithms; len(methods) == 0 {
			methods = []string{"RS256", "ES256"}
		}
		for _, m := range methods {
			if !slices.Contains(asymmetric(), m) {
				return nil, fmt.Errorf("configure bearer tokens: algorithm %q is none of %s", m, strings.Join(asymmetric(), ", "))
			}
		}
		var err error
		if v.keys, err = newKeySet(cfg.KeysURL, cfg.HTTP); err != nil {
			return nil, fmt.Errorf("configure bearer tokens: %w", err)
		}
	}
	v.parser = newParser(methods, cfg.Issuer, cfg.Audience)
	return v, nil
}

// newParser pins what every token of ours or of an issuer is held to.
func newParser(methods []string, issuer, audience string) *jwt.Parser {
	return jwt.NewParser(jwt.WithValidMethods(methods), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway), jwt.WithStrictDecoding())
}

// Warm fetches the issuer's keys, so that a wrong address is found before the
// first request; with a shared secret it does nothing.
func (v *Verifier) Warm(ctx context.Context) error {
	if v.keys == nil {
		return nil
	}
	return v.keys.refresh(ctx)
}

// Verify proves who sent a token. The error is a *Denied when the token is at
// fault; any other means that the issuer's keys could not be had.
func (v *Verifier) Verify(ctx context.Context, token string) (Identity, error) {
	claims := jwt.MapClaims{}
	parsed, err := parse(v.parser, token, claims, func(t *jwt.Token) (any, error) {
		if v.keys == nil {
			return v.cfg.Secret, nil
		}
		kid, _ := t.Header["kid"].(string)
		return v.keys.find(ctx, kid, t.Method.Alg())
	})
	if err != nil {
		return Identity{}, err
	}
	subject, err := parsed.Claims.GetSubject()
	if err != nil || subject == "" || len(subject) > maxSubject {
		return Identity{}, &Denied{Reason: NoSubject}
	}
	expires, err := parsed.Claims.GetExpirationTime()
	if err != nil {
		return Identity{}, &Denied{Reason: Malformed}
	}
	return Identity{Subject: subject, Role: v.role(claims), Expires: expires.Add(leeway)}, nil
}

// parse reads a token and turns what is wrong with it into a *Denied. An error
// of find that is none is passed on.
func parse(parser *jwt.Parser, token string, claims jwt.Claims, find jwt.Keyfunc) (*jwt.Token, error) {
	if len(token) > maxToken {
		return nil, &Denied{Reason: Malformed}
	}
	var failed error
	reached := false
	parsed, err := parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		reached = true
		// No extension that must be understood is known here (RFC 7515, 4.1.11).
		if _, critical := t.Header["crit"]; critical {
			failed = &Denied{Reason: Malformed}
			return nil, failed
		}
		key, err := find(t)
		failed = err
		return key, err
	})
	switch {
	case failed != nil:
		return nil, failed
	case err == nil:
		return parsed, nil
	case !reached && !errors.Is(err, jwt.ErrTokenMalformed):
		return nil, &Denied{Reason: WrongMethod} // The key is asked for only once the algorithm is one of the pinned.
	}
	return nil, &Denied{Reason: reasonOf(err)}
}

// reasonOf names what is wrong, the signature before any claim, and whom the
// token is for before when.
func reasonOf(err error) Reason {
	for _, known := range []struct {
		err    error
		reason Reason
	}{
		{jwt.ErrTokenMalformed, Malformed},
		{jwt.ErrTokenSignatureInvalid, Forged},
		{jwt.ErrTokenUnverifiable, Forged},
		{jwt.ErrTokenInvalidIssuer, WrongIssuer},
		{jwt.ErrTokenInvalidAudience, WrongTarget},
		{jwt.ErrTokenRequiredClaimMissing, Incomplete},
		{jwt.ErrTokenExpired, Expired},
		{jwt.ErrTokenNotValidYet, NotYet},
		{jwt.ErrTokenUsedBeforeIssued, NotYet},
	} {
		if errors.Is(err, known.err) {
			return known.reason
		}
	}
	return Malformed
}

// role gives the highest role that the claim names.
func (v *Verifier) role(claims jwt.MapClaims) Role {
	best := v.cfg.DefaultRole
	for _, word := range wordsOf(claimAt(claims, v.cfg.RoleClaim)) {
		if role, err := ParseRole(word); err == nil && role > best {
			best = role
		}
	}
	return best
}

// claimAt finds a claim by its whole name, or else step by step along the dots.
func claimAt(claims map[string]any, name string) any {
	if value, ok := claims[name]; ok {
		return value
	}
	first, rest, found := strings.Cut(name, ".")
	inner, isObject := claims[first].(map[string]any)
	if !found || !isObject {
		return nil
	}
	return claimAt(inner, rest)
}

func wordsOf(value any) []string {
	switch value := value.(type) {
	case string:
		return strings.Fields(value)
	case []any:
		var words []string
		for _, each := range value {
			if word, ok := each.(string); ok {
				words = append(words, word)
			}
		}
		return words
	default:
		return nil
	}
}
