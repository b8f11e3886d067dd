package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/motionmill/motionmill/auth"
)

// provider is an issuer that answers without a network, so that a bubble's
// clock governs it.
type provider struct {
	mu   sync.Mutex
	keys []map[string]any
	fail error
	hits int
}

func (p *provider) RoundTrip(*http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hits++
	if p.fail != nil {
		return nil, p.fail
	}
	body, err := json.Marshal(map[string]any{"keys": p.keys})
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(string(body)))}, err
}

func (p *provider) publish(keys ...map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = keys
}

func (p *provider) failWith(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = err
}

func (p *provider) wantHits(t *testing.T, want int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hits != want {
		t.Errorf("the issuer was asked %d times, want %d", p.hits, want)
	}
}

func (p *provider) verifier(t *testing.T) *auth.Verifier {
	t.Helper()
	return byKeys(t, "https://id.example/keys", func(c *auth.VerifierConfig) { c.HTTP = &http.Client{Transport: p} })
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestRotatedKeysAreFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := newKey(t), newKey(t)
		old, fresh := ecJWK(t, "old", "P-256", &before.PublicKey), ecJWK(t, "new", "P-256", &after.PublicKey)
		p := &provider{keys: []map[string]any{old}}
		v := p.verifier(t)
		verify := func(kid string, key *ecdsa.PrivateKey) error {
			_, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodES256, key, good(), "kid", kid))
			return err
		}
		for range 5 {
			if err := verify("old", before); err != nil {
				t.Fatal(err)
			}
		}
		p.wantHits(t, 1) // kept

		p.publish(old, fresh)
		time.Sleep(31 * time.Second)
		if err := verify("new", after); err != nil {
			t.Errorf("a rotated key: %v", err)
		}
		p.wantHits(t, 2)

		// The issuer takes the old key back: within the hour it is refused.
		p.publish(fresh)
		time.Sleep(61 * time.Minute)
		if err := verify("new", after); err != nil {
			t.Errorf("the new key: %v", err)
		}
		wantDenied(t, "a key taken back", verify("old", before), auth.UnknownKey)
	})
}

func TestInventedKeyIDsDoNotFloodTheIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newKey(t)
		p := &provider{keys: []map[string]any{ecJWK(t, "one", "P-256", &key.PublicKey)}}
		v := p.verifier(t)
		var wait sync.WaitGroup
		for i := range 200 {
			token := sign(t, jwt.SigningMethodES256, key, good(), "kid", fmt.Sprint("invented ", i))
			wait.Go(func() {
				_, err := v.Verify(t.Context(), token)
				wantDenied(t, "an invented key id", err, auth.UnknownKey)
			})
		}
		wait.Wait()
		p.wantHits(t, 1)
	})
}

func TestKeysOutliveAnIssuerThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newKey(t)
		p := &provider{keys: []map[string]any{ecJWK(t, "one", "P-256", &key.PublicKey)}}
		v := p.verifier(t)
		verify := func(kid string) error {
			_, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodES256, key, good(), "kid", kid))
			return err
		}
		if err := verify("one"); err != nil {
			t.Fatal(err)
		}
		down := errors.New("connection refused")
		p.failWith(down)
		time.Sleep(2 * time.Hour)
		for range 10 {
			if err := verify("one"); err != nil {
				t.Errorf("a known key while the issuer is down: %v", err)
			}
		}
		p.wantHits(t, 2) // one try, then a pause
		var denied *auth.Denied
		if err := verify("two"); !errors.Is(err, down) || errors.As(err, &denied) {
			t.Errorf("an unknown key while the issuer is down gave %v: the token is not at fault", err)
		}
		time.Sleep(23 * time.Hour)
		if err := verify("one"); !errors.Is(err, down) {
			t.Errorf("a key that was not confirmed for a day gave %v", err)
		}
		p.failWith(nil)
		time.Sleep(31 * time.Second)
		if err := verify("one"); err != nil {
			t.Errorf("when the issuer is back: %v", err)
		}
	})
}

func TestWaitingForKeysEndsWithTheRequest(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	blocked := make(chan struct{}, 1)
	client := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		blocked <- struct{}{}
		<-release
		return nil, errors.New("too late")
	})}
	v := byKeys(t, "https://id.example/keys", func(c *auth.VerifierConfig) { c.HTTP = client })
	token := sign(t, jwt.SigningMethodES256, newKey(t), good(), "kid", "one")
	go func() { _, _ = v.Verify(context.Background(), token) }()
	<-blocked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Verify(ctx, token); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestKeySetsThatAreNone(t *testing.T) {
	key := issuerKeys()
	weak := rsaJWK("weak", &key.PublicKey, "n", encode([]byte(strings.Repeat("\xf1", 128))))
	off := ecJWK(t, "off", "P-256", &newKey(t).PublicKey)
	off["y"] = off["x"]
	for what, c := range map[string]struct {
		status int
		body   string
	}{
		"an error":           {500, "oops"},
		"a redirect":         {302, ""},
		"not JSON":           {200, "<html>sign in</html>"},
		"no keys":            {200, `{"keys":[]}`},
		"a weak key":         {200, marshal(t, map[string]any{"keys": []any{weak}})},
		"a point off":        {200, marshal(t, map[string]any{"keys": []any{off}})},
		"an even exponent":   {200, marshal(t, map[string]any{"keys": []any{rsaJWK("e", &key.PublicKey, "e", "Ag")}})},
		"secrets only":       {200, `{"keys":[{"kty":"oct","kid":"one","k":"c2VjcmV0"}]}`},
		"more than a megab.": {200, `{"keys":[]` + strings.Repeat(" ", 1<<20) + `}`},
	} {
		p := publish(t)
		p.body, p.status = c.body, c.status
		v := byKeys(t, p.URL)
		warm := v.Warm(t.Context())
		_, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodRS256, key, good(), "kid", "one"))
		var denied *auth.Denied
		if warm == nil || err == nil || errors.As(err, &denied) {
			t.Errorf("%s gave %v and %v: the token is not at fault", what, warm, err)
		}
		if hits := p.hits.Load(); hits != 1 {
			t.Errorf("%s was fetched %d times", what, hits)
		}
	}
}

func TestAKeyPinnedToItsAlgorithm(t *testing.T) {
	key := issuerKeys()
	v := byKeys(t, publish(t, rsaJWK("one", &key.PublicKey, "alg", "PS256")).URL, func(c *auth.VerifierConfig) { c.Algorithms = []string{"RS256", "PS256"} })
	if _, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodPS256, key, good(), "kid", "one")); err != nil {
		t.Error(err)
	}
	_, err := v.Verify(t.Context(), sign(t, jwt.SigningMethodRS256, key, good(), "kid", "one"))
	wantDenied(t, "RS256 by a key of PS256", err, auth.UnknownKey)
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
