package auth_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/motionmill/motionmill/auth"
)

func newGrants(t *testing.T, secret string) *auth.Grants {
	t.Helper()
	g, err := auth.NewGrants([]byte(strings.Repeat(secret, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGrants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGrants(t, "a")
		want := auth.Grant{Job: "j1", By: "anna", Link: "l1", Expires: time.Now().Add(time.Hour)}
		token, err := g.Sign(auth.Share, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := g.Open(auth.Share, token)
		if err != nil || got.Job != "j1" || got.By != "anna" || got.Link != "l1" || !got.Expires.Equal(want.Expires) {
			t.Errorf("got %+v, %v", got, err)
		}

		_, err = g.Open(auth.Playback, token)
		wantDenied(t, "a share link as a cookie", err, auth.Forged)
		_, err = newGrants(t, "b").Open(auth.Share, token)
		wantDenied(t, "the link of another stage", err, auth.Forged)
		for i := range len(token) {
			changed := token[:i] + string("AB"[strings.Count(token[i:i+1], "A")]) + token[i+1:]
			if _, err := g.Open(auth.Share, changed); err == nil {
				t.Fatalf("a link with its sign %d changed is good", i)
			}
		}
		claims := jwt.MapClaims{"iss": "motionmill", "aud": "share", "job": "j2", "exp": time.Now().Add(time.Hour).Unix()}
		_, err = g.Open(auth.Share, sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims))
		wantDenied(t, "a link by alg none", err, auth.WrongMethod)

		nameless, err := g.Sign(auth.Share, auth.Grant{Job: "j1", Expires: want.Expires})
		if err != nil {
			t.Fatal(err)
		}
		_, err = g.Open(auth.Share, nameless)
		wantDenied(t, "a link that could not be called back", err, auth.Malformed)

		time.Sleep(time.Hour - time.Second)
		if _, err := g.Open(auth.Share, token); err != nil {
			t.Errorf("just before its end: %v", err)
		}
		time.Sleep(time.Second)
		_, err = g.Open(auth.Share, token)
		wantDenied(t, "an expired link", err, auth.Expired)
	})
	if _, err := auth.NewGrants([]byte("short")); err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("a short secret gave %v", err)
	}
}
