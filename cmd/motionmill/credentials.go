package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/api/client"
)

// renewBefore is how long before its end an access token is no longer used.
const renewBefore = time.Minute

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

// token gives what a client of the API at base asks for tokens; nil where there
// are no credentials.
func (f *credentialFlags) token(base string) (func(context.Context) (string, error), error) {
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
	if f.tokenFile != "" {
		return func(context.Context) (string, error) {
			token, err := readSecret("token-file", f.tokenFile)
			return string(token), err
		}, nil
	}
	c, err := client.New(client.Config{URL: base})
	if err != nil {
		return nil, usageError{err}
	}
	return (&session{flags: *f, api: c}).token, nil
}

// session is one of a user who signs in with a password.
type session struct {
	flags credentialFlags
	api   *client.Client

	mu  sync.Mutex
	now client.SignedIn
}

// token gives an access token that is good for a while yet.
func (s *session) token(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Until(s.now.ExpiresAt) > renewBefore {
		return s.now.AccessToken, nil
	}
	if time.Until(s.now.RefreshExpiresAt) > renewBefore {
		fresh, err := s.api.Refresh(ctx, s.now.RefreshToken)
		var refused *client.Problem // The session has ended: there is the password.
		if !errors.As(err, &refused) {
			return s.keep(fresh, err)
		}
	}
	password, err := readSecret("user-password-file", s.flags.passwordFile)
	if err != nil {
		return "", err
	}
	return s.keep(s.api.Login(ctx, s.flags.user, string(password)))
}

func (s *session) keep(fresh client.SignedIn, err error) (string, error) {
	if err == nil {
		s.now = fresh
	}
	return fresh.AccessToken, err
}
