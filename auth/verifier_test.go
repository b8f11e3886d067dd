package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/motionmill/motionmill/auth"
)

const (
	issuer   = "https://id.example"
	audience = "motionmill-api"
)

// issuerKeys makes one RSA key for all tests: that takes a while.
var issuerKeys = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// publisher serves a JWK set that a test may change.
type publisher struct {
	*httptest.Server
	mu     sync.Mutex
	body   string
	status int
	hits   atomic.Int64
}

func publish(t *testing.T, keys ...map[string]any) *publisher {
	t.Helper()
	p := &publisher{status: http.StatusOK}
	p.set(t, keys...)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.hits.Add(1)
		p.mu.Lock()
		defer p.mu.Unlock()
		w.WriteHeader(p.status)
		_, _ = w.Write([]byte(p.body))
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *publisher) set(t *testing.T, keys ...map[string]any) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.body = string(body)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func rsaJWK(kid string, key *rsa.PublicKey, more ...string) map[string]any {
	k := map[string]any{"kty": "RSA", "kid": kid, "use": "sig", "n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes())}
	for i := 0; i < len(more); i += 2 {
		k[more[i]] = more[i+1]
	}
	return k
}

func ecJWK(t *testing.T, kid, curve string, key *ecdsa.PublicKey) map[string]any {
	t.Helper()
	point, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	half := (len(point) - 1) / 2
	return map[string]any{"kty": "EC", "kid": kid, "crv": curve, "x": encode(point[1 : 1+half]), "y": encode(point[1+half:])}
}

// good are claims that pass.
func good() jwt.MapClaims {
	now := time.Now()
	return jwt.MapClaims{"iss": issuer, "aud": audience, "sub": "anna", "roles": []string{"uploader"}, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
}

func with(changes jwt.MapClaims) jwt.MapClaims {
	claims := good()
	for name, value := range changes {
		if value == nil {
			delete(claims, name)
		} else {
			claims[name] = value
		}
	}
	return claims
}

func sign(t *testing.T, method jwt.SigningMethod, key any, claims jwt.Claims, header ...string) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	for i := 0; i < len(header); i += 2 {
		token.Header[header[i]] = header[i+1]
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func byKeys(t *testing.T, url string, change ...func(*auth.VerifierConfig)) *auth.Verifier {
	t.Helper()
	cfg := auth.VerifierConfig{Issuer: issuer, Audience: audience, KeysURL: url}
	for _, f := range change {
		f(&cfg)
	}
	v, err := auth.NewVerifier(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func wantDenied(t *testing.T, what string, err error, reason auth.Reason) {
	t.Helper()
	var denied *auth.Denied
	if !errors.As(err, &denied) || denied.Reason != reason {
		t.Errorf("%s gave %v, want it denied for %q", what, err, reason)
	}
}

func TestTokenOfTheIssuerIsTaken(t *testing.T) {
	key := issuerKeys()
	v := byKeys(t, publish(t, rsaJWK("one", &key.PublicKey)).URL)
	who, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodRS256, key, good(), "kid", "one"))
	if err != nil || who.Subject != "anna" || who.Role != auth.Uploader || who.Session != "" || who.Job != "" {
		t.Errorf("got %+v, %v", who, err)
	}
	if left := time.Until(who.Expires); left < 59*time.Minute || left > 61*time.Minute {
		t.Errorf("it ends in %v", left)
	}
	// One key needs no id; an audience may be one of several.
	who, err = v.Verify(t.Context(), sign(t, jwt.SigningMethodRS256, key, with(jwt.MapClaims{"aud": []string{"other", audience}})))
	if err != nil || who.Subject != "anna" {
		t.Errorf("without a key id and with two audiences: %+v, %v", who, err)
	}
}

func TestEveryKindOfKey(t *testing.T) {
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	public, private, _ := ed25519.GenerateKey(rand.Reader)
	key := issuerKeys()
	p := publish(t, rsaJWK("r", &key.PublicKey), ecJWK(t, "256", "P-256", &p256.PublicKey), ecJWK(t, "384", "P-384", &p384.PublicKey),
		ecJWK(t, "521", "P-521", &p521.PublicKey), map[string]any{"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": encode(public)},
		map[string]any{"kty": "oct", "kid": "secret", "k": "AAAA"}, rsaJWK("enc", &key.PublicKey, "use", "enc"))
	v := byKeys(t, p.URL, func(c *auth.VerifierConfig) {
		c.Algorithms = []string{"RS256", "PS384", "ES256", "ES384", "ES512", "EdDSA"}
	})
	for kid, c := range map[string]struct {
		method jwt.SigningMethod
		key    crypto.PrivateKey
	}{
		"r": {jwt.SigningMethodPS384, key}, "256": {jwt.SigningMethodES256, p256}, "384": {jwt.SigningMethodES384, p384},
		"521": {jwt.SigningMethodES512, p521}, "ed": {jwt.SigningMethodEdDSA, private},
	} {
		if _, err := v.Verify(t.Context(), sign(t, c.method, c.key, good(), "kid", kid)); err != nil {
			t.Errorf("%s: %v", kid, err)
		}
	}
	_, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodRS256, key, good(), "kid", "enc"))
	wantDenied(t, "a key for encryption", err, auth.UnknownKey)
	_, err = v.Verify(t.Context(), sign(t, jwt.SigningMethodES256, p256, good(), "kid", "384"))
	wantDenied(t, "a key of another curve", err, auth.UnknownKey)
}

func TestForgedTokens(t *testing.T) {
	key := issuerKeys()
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	v := byKeys(t, publish(t, rsaJWK("one", &key.PublicKey), ecJWK(t, "two", "P-256", &other.PublicKey)).URL)
	token := sign(t, jwt.SigningMethodRS256, key, good(), "kid", "one")
	parts := strings.Split(token, ".")

	admin, _ := json.Marshal(with(jwt.MapClaims{"roles": "admin"}))
	stranger, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	for what, c := range map[string]struct {
		token  string
		reason auth.Reason
	}{
		"changed claims":           {parts[0] + "." + encode(admin) + "." + parts[2], auth.Forged},
		"a changed signature":      {parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])), auth.Forged},
		"no signature":             {parts[0] + "." + parts[1] + ".", auth.Forged},
		"a stranger's key":         {sign(t, jwt.SigningMethodES256, stranger, good(), "kid", "two"), auth.Forged},
		"an unknown key":           {sign(t, jwt.SigningMethodES256, stranger, good(), "kid", "three"), auth.UnknownKey},
		"a key of another family":  {sign(t, jwt.SigningMethodES256, stranger, good(), "kid", "one"), auth.UnknownKey},
		"an algorithm not pinned":  {sign(t, jwt.SigningMethodRS512, key, good(), "kid", "one"), auth.WrongMethod},
		"two parts":                {parts[0] + "." + parts[1], auth.Malformed},
		"nothing":                  {"", auth.Malformed},
		"not JSON":                 {"e30.bm90IGpzb24." + parts[2], auth.Malformed},
		"a book":                   {strings.Repeat("a.", 10_000), auth.Malformed},
		"an extension not known":   {sign(t, jwt.SigningMethodRS256, key, good(), "kid", "one", "crit", "exp"), auth.Malformed},
		"bits after the signature": {token + "AAAA", auth.Forged},
	} {
		_, err := v.Verify(t.Context(), c.token)
		wantDenied(t, what, err, c.reason)
	}
}

func TestAlgorithmNone(t *testing.T) {
	key := issuerKeys()
	p := publish(t, rsaJWK("one", &key.PublicKey))
	secret := []byte(strings.Repeat("s", 32))
	shared, err := auth.NewVerifier(auth.VerifierConfig{Issuer: issuer, Audience: audience, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	claims, _ := json.Marshal(good())
	for _, v := range []*auth.Verifier{byKeys(t, p.URL), shared} {
		_, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good(), "kid", "one"))
		wantDenied(t, "alg none", err, auth.WrongMethod)
		for _, alg := range []string{"None", "NONE", "nOnE", "", "none "} {
			header, _ := json.Marshal(map[string]string{"alg": alg, "typ": "JWT", "kid": "one"})
			for _, signature := range []string{"", "AAAA"} {
				_, err := v.Verify(t.Context(), encode(header)+"."+encode(claims)+"."+signature)
				wantDenied(t, "alg "+alg, err, auth.WrongMethod)
			}
		}
	}
}

// The classic confusion: the public key, which everyone has, taken for a secret.
func TestHS256WithThePublicKey(t *testing.T) {
	key := issuerKeys()
	p := publish(t, rsaJWK("one", &key.PublicKey))
	v := byKeys(t, p.URL)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string][]byte{
		"PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "DER": der,
		"PKCS1": x509.MarshalPKCS1PublicKey(&key.PublicKey), "modulus": key.N.Bytes(), "the set": []byte(p.body),
	} {
		for _, method := range []jwt.SigningMethod{jwt.SigningMethodHS256, jwt.SigningMethodHS384, jwt.SigningMethodHS512} {
			_, err := v.Verify(t.Context(), sign(t, method, secret, good(), "kid", "one"))
			wantDenied(t, method.Alg()+" with the public key as "+what, err, auth.WrongMethod)
		}
	}
	if _, err := auth.NewVerifier(auth.VerifierConfig{Issuer: issuer, Audience: audience, KeysURL: p.URL, Algorithms: []string{"RS256", "HS256"}}); err == nil {
		t.Error("HS256 could be allowed beside published keys")
	}
}

func TestClaimsThatAreNotForUs(t *testing.T) {
	secret := []byte(strings.Repeat("s", 32))
	v, err := auth.NewVerifier(auth.VerifierConfig{Issuer: issuer, Audience: audience, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	if who, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, secret, good())); err != nil || who.Subject != "anna" {
		t.Fatalf("a good token gave %+v, %v", who, err)
	}
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for what, c := range map[string]struct {
		claims jwt.MapClaims
		reason auth.Reason
	}{
		"expired":                  {jwt.MapClaims{"exp": at(-time.Minute)}, auth.Expired},
		"no expiry":                {jwt.MapClaims{"exp": nil}, auth.Incomplete},
		"an expiry in words":       {jwt.MapClaims{"exp": "tomorrow"}, auth.Malformed},
		"not yet valid":            {jwt.MapClaims{"nbf": at(time.Minute)}, auth.NotYet},
		"issued in the future":     {jwt.MapClaims{"iat": at(time.Hour)}, auth.NotYet},
		"another audience":         {jwt.MapClaims{"aud": "billing"}, auth.WrongTarget},
		"a longer audience":        {jwt.MapClaims{"aud": audience + "x"}, auth.WrongTarget},
		"no audience":              {jwt.MapClaims{"aud": nil}, auth.Incomplete},
		"another issuer":           {jwt.MapClaims{"iss": "https://id.example.evil.example"}, auth.WrongIssuer},
		"no issuer":                {jwt.MapClaims{"iss": nil}, auth.Incomplete},
		"no subject":               {jwt.MapClaims{"sub": nil}, auth.NoSubject},
		"an empty subject":         {jwt.MapClaims{"sub": ""}, auth.NoSubject},
		"a subject that is a list": {jwt.MapClaims{"sub": []string{"anna"}}, auth.NoSubject},
		"a subject too long":       {jwt.MapClaims{"sub": strings.Repeat("a", 257)}, auth.NoSubject},
	} {
		_, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, secret, with(c.claims)))
		wantDenied(t, what, err, c.reason)
	}
	_, err = v.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), good()))
	wantDenied(t, "another secret", err, auth.Forged)
	_, err = v.Verify(t.Context(), sign(t, jwt.SigningMethodHS512, secret, good()))
	wantDenied(t, "HS512", err, auth.WrongMethod)
	_, err = v.Verify(t.Context(), sign(t, jwt.SigningMethodRS256, issuerKeys(), good()))
	wantDenied(t, "RS256 where a secret is shared", err, auth.WrongMethod)
}

func TestRoles(t *testing.T) {
	secret := []byte(strings.Repeat("s", 32))
	for _, c := range []struct {
		claim   string
		least   auth.Role
		changes jwt.MapClaims
		want    auth.Role
	}{
		{"", auth.None, jwt.MapClaims{"roles": "viewer"}, auth.Viewer},
		{"", auth.None, jwt.MapClaims{"roles": "openid admin email"}, auth.Admin},
		{"", auth.None, jwt.MapClaims{"roles": []string{"staff", "viewer", "uploader"}}, auth.Uploader},
		{"", auth.None, jwt.MapClaims{"roles": []any{1, nil, map[string]any{"admin": true}}}, auth.None},
		{"", auth.None, jwt.MapClaims{"roles": []string{"Admin", "administrator", "admin "}}, auth.None},
		{"", auth.None, jwt.MapClaims{"roles": map[string]any{"admin": true}}, auth.None},
		{"", auth.None, jwt.MapClaims{"roles": nil}, auth.None},
		{"", auth.Viewer, jwt.MapClaims{"roles": nil}, auth.Viewer},
		{"", auth.Uploader, jwt.MapClaims{"roles": "viewer"}, auth.Uploader},
		{"realm_access.roles", auth.None, jwt.MapClaims{"roles": nil, "realm_access": map[string]any{"roles": []string{"admin"}}}, auth.Admin},
		{"https://app.example/roles", auth.None, jwt.MapClaims{"https://app.example/roles": []string{"viewer"}}, auth.Viewer},
		{"cognito:groups", auth.None, jwt.MapClaims{"roles": "admin"}, auth.None},
	} {
		v, err := auth.NewVerifier(auth.VerifierConfig{Issuer: issuer, Audience: audience, Secret: secret, RoleClaim: c.claim, DefaultRole: c.least})
		if err != nil {
			t.Fatal(err)
		}
		who, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, secret, with(c.changes)))
		if err != nil || who.Role != c.want {
			t.Errorf("%s of %v is %v, %v; want %v", c.claim, maps.Collect(maps.All(c.changes)), who.Role, err, c.want)
		}
	}
}

func TestConfigurationThatWouldTakeAnything(t *testing.T) {
	secret := []byte(strings.Repeat("s", 32))
	for what, cfg := range map[string]auth.VerifierConfig{
		"no issuer":         {Audience: audience, Secret: secret},
		"no audience":       {Issuer: issuer, Secret: secret},
		"no key":            {Issuer: issuer, Audience: audience},
		"both keys":         {Issuer: issuer, Audience: audience, Secret: secret, KeysURL: "https://id.example/keys"},
		"a short secret":    {Issuer: issuer, Audience: audience, Secret: []byte("hunter2")},
		"keys over http":    {Issuer: issuer, Audience: audience, KeysURL: "http://id.example/keys"},
		"keys from a file":  {Issuer: issuer, Audience: audience, KeysURL: "file:///etc/keys"},
		"keys by password":  {Issuer: issuer, Audience: audience, KeysURL: "https://me:hunter2@id.example/keys"},
		"everyone an admin": {Issuer: issuer, Audience: audience, Secret: secret, DefaultRole: auth.Admin},
		"an algorithm":      {Issuer: issuer, Audience: audience, KeysURL: "https://id.example/keys", Algorithms: []string{"none"}},
		"RS256 by secret":   {Issuer: issuer, Audience: audience, Secret: secret, Algorithms: []string{"RS256"}},
	} {
		_, err := auth.NewVerifier(cfg)
		if err == nil {
			t.Errorf("%s was taken", what)
		} else if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "ssss") {
			t.Errorf("%s: the error repeats a secret: %v", what, err)
		}
	}
}
