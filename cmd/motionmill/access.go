package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/auth"
	"github.com/motionmill/motionmill/local/database"
)

// accessFlags say who may use the API.
type accessFlags struct {
	users       string
	issuer      string
	audience    string
	keysURL     string
	secretFile  string
	algorithms  []string
	roleClaim   string
	defaultRole string
	signingKey  string
	hosts       []string
}

func (f *accessFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	addUsersFlag(cmd, &f.users)
	flags.StringVar(&f.issuer, "auth-issuer", "", "issuer (iss) whose bearer tokens are taken")
	flags.StringVar(&f.audience, "auth-audience", "", "audience (aud) that a bearer token must be meant for")
	flags.StringVar(&f.keysURL, "auth-keys-url", "", "where the issuer publishes its keys (JWKS), https")
	flags.StringVar(&f.secretFile, "auth-secret-file", "", "file with a secret of 32 bytes or more that is shared with the issuer, instead of its keys (HS256)")
	flags.StringSliceVar(&f.algorithms, "auth-algorithms", nil, "algorithms that are taken with the issuer's keys; default RS256,ES256")
	flags.StringVar(&f.roleClaim, "auth-role-claim", "roles", "claim that names the roles viewer, uploader and admin; a.b is b inside of a")
	flags.StringVar(&f.defaultRole, "auth-default-role", "none", "role of tokens that name none: none, viewer or uploader")
	flags.StringVar(&f.signingKey, "signing-key-file", "", "file with a secret of 32 bytes or more that signs share links and playback cookies; with --users it is not needed")
	flags.StringArrayVar(&f.hosts, "allow-host", nil, "host name besides that of --listen by which the API may be addressed; * is any (repeatable)")
}

func addUsersFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "users", "", "file of users who sign in with a password (motionmill users); without it and --auth-issuer nobody signs in")
}

// apply puts who may do what into the configuration of an API. The caller
// closes what is returned, which may be nil.
func (f *accessFlags) apply(ctx context.Context, cfg *api.Config, listen string, log *slog.Logger) (*sql.DB, error) {
	cfg.Hosts = append(cfg.Hosts, f.hosts...)
	tokens := f.issuer != "" || f.audience != "" || f.keysURL != "" || f.secretFile != ""
	switch {
	case f.users != "" && tokens:
		return nil, usageError{errors.New("sign-in: give either --users or the --auth settings, not both: it must be clear whose word counts")}
	case f.users != "":
		return f.applyUsers(ctx, cfg)
	case tokens:
		return nil, f.applyTokens(ctx, cfg, log)
	}
	if !onLoopback(listen) {
		log.WarnContext(ctx, "whoever reaches this address may do everything; set --users or --auth-issuer, or listen on loopback", "listen", listen)
	}
	return nil, nil
}

func onLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	ip, ipErr := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || ipErr == nil && ip.IsLoopback())
}

func (f *accessFlags) applyUsers(ctx context.Context, cfg *api.Config) (*sql.DB, error) {
	accounts, db, err := openUsers(ctx, f.users, false)
	if err != nil {
		return nil, err
	}
	key := accounts.GrantKey()
	if f.signingKey != "" {
		if key, err = readSecret("signing-key-file", f.signingKey); err != nil {
			return db, err
		}
	}
	grants, err := auth.NewGrants(key)
	if err != nil {
		return db, usageError{err}
	}
	cfg.Access = &api.Access{Verifier: accounts, Accounts: accounts, Grants: grants}
	return db, nil
}

func (f *accessFlags) applyTokens(ctx context.Context, cfg *api.Config, log *slog.Logger) error {
	role, err := auth.ParseRole(f.defaultRole)
	if err != nil {
		return usageError{fmt.Errorf("read --auth-default-role: %w", err)}
	}
	settings := auth.VerifierConfig{
		Issuer: f.issuer, Audience: f.audience, KeysURL: f.keysURL, Algorithms: f.algorithms, RoleClaim: f.roleClaim, DefaultRole: role,
	}
	if f.secretFile != "" {
		if settings.Secret, err = readSecret("auth-secret-file", f.secretFile); err != nil {
			return err
		}
	}
	verifier, err := auth.NewVerifier(settings)
	if err != nil {
		return usageError{err}
	}
	if f.signingKey == "" {
		return usageError{fmt.Errorf("sign-in: --signing-key-file is not set; make one: (umask 077; head -c 48 /dev/urandom | base64 > signing.key), the same for every process of the API")}
	}
	key, err := readSecret("signing-key-file", f.signingKey)
	if err != nil {
		return err
	}
	grants, err := auth.NewGrants(key)
	if err != nil {
		return usageError{err}
	}
	if err := verifier.Warm(ctx); err != nil { // It may come up later: until then tokens are answered 503.
		log.WarnContext(ctx, "the issuer's keys cannot be had yet", "error", err)
	}
	cfg.Access = &api.Access{Verifier: verifier, Grants: grants}
	return nil
}

// readSecret reads a secret from a file that nobody else can read; blanks
// around it do not count.
func readSecret(flag, path string) ([]byte, error) {
	if err := checkPrivate(path); err != nil {
		return nil, usageError{fmt.Errorf("read --%s: %w", flag, err)}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError{fmt.Errorf("read --%s: %w", flag, err)}
	}
	return bytes.TrimSpace(text), nil
}

// checkPrivate refuses a file that is not there or that others may read or
// write; the group may read it.
func checkPrivate(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a plain file", path)
	case info.Mode().Perm()&0o027 != 0:
		return fmt.Errorf("others may read %s, or its group write to it; chmod 600 %s", path, path)
	}
	return nil
}

// openUsers opens a store of users; only create makes one where there is none.
func openUsers(ctx context.Context, path string, create bool) (*auth.Accounts, *sql.DB, error) {
	err := checkPrivate(path)
	if errors.Is(err, fs.ErrNotExist) && create {
		var file *os.File
		if file, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil { // SQLite gives its other files the same mode.
			err = file.Close()
		}
	} else if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; make it: motionmill users add NAME --role admin --users %s", err, path)
	}
	if err != nil {
		return nil, nil, usageError{fmt.Errorf("open the store of users: %w", err)}
	}
	db, err := database.Open(path)
	if err != nil {
		return nil, nil, err
	}
	accounts, err := auth.OpenAccounts(ctx, auth.AccountsConfig{DB: db})
	if err != nil {
		_ = db.Close() // Why it cannot be used says more.
		return nil, nil, err
	}
	return accounts, db, nil
}
