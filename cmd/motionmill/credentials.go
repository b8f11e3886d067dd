package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/api"
)

// renewBefore is how long before its end an access token is no longer used.
const renewBefore = time.Minute

// maxTokens bounds the answer to a sign-in, in bytes.
const maxTokens = 64 << 10

// credentialFlags prove to an API who asks.
type credentialFlags struct {
	tokenFile    string
	user         string
	passwordFile string
}

func (f *credentialFlags) add(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringVar(&f.tokenFile, "token-file", "", "file with the bearer token for the API; read again for each request")
	flags.StringVar(&f.user, "user", "", "name to sign in with, where the stage keeps its own users")
	flags.StringVar(&f.passwordFile, "user-password-file", "", "file with the password of --user")
}

// http gives a client that sends the credentials to the API at base and to
// nobody else; nil, which is the default one, when there are none.
func (f *credentialFlags) http(base string) (*http.Client, error) {
	if f.tokenFile == "" && f.user == "" {
		return nil, nil
	}
	if f.tokenFile != "" && f.user != "" || (f.user == "") != (f.passwordFile == "") {
		return nil, usageError{errors.New("sign-in: give --token-file, or --user with --user-password-file")}
	}
	for flag, path := range map[string]string{"token-file": f.tokenFile, "user-password-file": f.passwordFile} {
		if path == "" {
			continue
		}
		if _, err := readSecret(flag, path); err != nil {
			return nil, err
		}
	}
	address, err := url.Parse(base)
	if err != nil {
		return nil, usageError{fmt.Errorf("read --server: %w", err)}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = 2 * time.Minute
	return &http.Client{Transport: &signedIn{flags: *f, base: address, next: transport}}, nil
}

// signedIn adds a bearer token to the calls of the API. What goes to the object
// store, at the same address or another, is signed already.
type signedIn struct {
	flags credentialFlags
	base  *url.URL
	next  http.RoundTripper

	mu      sync.Mutex
	session api.SignedIn
}

// RoundTrip sends one request.
func (s *signedIn) RoundTrip(r *http.Request) (*http.Response, error) {
	calls := strings.TrimSuffix(s.base.Path, "/") + "/v1/"
	if r.URL.Host != s.base.Host || r.URL.Scheme != s.base.Scheme || !strings.HasPrefix(r.URL.Path, calls) {
		return s.next.RoundTrip(r)
	}
	token, refusal, err := s.token(r.Context())
	if err != nil || refusal != nil {
		return refusal, err // The caller reads there why it could not sign in.
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return s.next.RoundTrip(r)
}

// token gives a token that is good for a while yet, or the answer that refused one.
func (s *signedIn) token(ctx context.Context) (string, *http.Response, error) {
	if s.flags.tokenFile != "" {
		token, err := readSecret("token-file", s.flags.tokenFile)
		return string(token), nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Until(s.session.ExpiresAt) > renewBefore {
		return s.session.AccessToken, nil, nil
	}
	if time.Until(s.session.RefreshExpiresAt) > renewBefore {
		refusal, err := s.post(ctx, "/v1/auth/refresh", api.RefreshRequest{RefreshToken: s.session.RefreshToken})
		if refusal == nil {
			return s.session.AccessToken, nil, err
		}
		_ = refusal.Body.Close() // The session has ended: there is the password.
	}
	password, err := readSecret("user-password-file", s.flags.passwordFile)
	if err != nil {
		return "", nil, err
	}
	refusal, err := s.post(ctx, "/v1/auth/login", api.SignIn{Name: s.flags.user, Password: string(password)})
	return s.session.AccessToken, refusal, err
}

// post makes a call that gives tokens, and keeps them; or it returns the
// answer that gave none.
func (s *signedIn) post(ctx context.Context, path string, body any) (*http.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	target := strings.TrimSuffix(s.base.String(), "/") + path
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var fresh api.SignedIn
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxTokens)).Decode(&fresh); err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	s.session = fresh
	return nil, nil
}
