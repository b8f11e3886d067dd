package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// AccessFor is how long an access token is good.
	AccessFor = 10 * time.Minute
	// RefreshFor is how long a session lives without being refreshed.
	RefreshFor = 7 * 24 * time.Hour
	// SessionFor is how long it lives at most.
	SessionFor = 30 * 24 * time.Hour
	// sessionsEach is how many sessions a user may have; the oldest give way.
	sessionsEach = 50
	// accessAudience tells access tokens from grants.
	accessAudience = "motionmill"
	// refreshMark begins every refresh token, so that one that leaks is known for what it is.
	refreshMark = "mmr1"
)

// Tokens is what a sign-in or a refresh gives.
type Tokens struct {
	Identity Identity
	// Access is a bearer token, good until AccessExpires.
	Access        string
	AccessExpires time.Time
	// Refresh is good for one Refresh, until RefreshExpires.
	Refresh        string
	RefreshExpires time.Time
}

// Login begins a session. address is where the attempt comes from, an IP
// address. The error is a *Denied for a wrong name or password, and a *TooMany
// when there were too many of these.
func (a *Accounts) Login(ctx context.Context, name, password, address string) (Tokens, error) {
	name, nameErr := userName(name)
	if nameErr != nil || len(password) > maxPassword {
		name, password = "", "" // Counted and hashed like any other wrong one.
	}
	if err := a.attempts.begin(name, address); err != nil {
		return Tokens{}, err
	}
	hash, role := a.decoy, ""
	err := a.db.QueryRowContext(ctx, "SELECT hash, role FROM auth_users WHERE name = ?", name).Scan(&hash, &role)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Tokens{}, fmt.Errorf("sign in: %w", err)
	}
	known := err == nil
	right, err := a.hasher.matches(ctx, password, hash)
	if err != nil {
		return Tokens{}, fmt.Errorf("sign in: %w", err)
	}
	if !known || !right {
		return Tokens{}, &Denied{Reason: BadPassword}
	}
	a.attempts.succeeded(name, address)
	return a.begin(ctx, name, hash)
}

// begin makes a session of a user whose password was found to be that of hash.
func (a *Accounts) begin(ctx context.Context, name, hash string) (Tokens, error) {
	now := time.Now()
	session, secret := rand.Text(), rand.Text()
	var role string
	err := a.change(ctx, func(tx *sql.Tx) error {
		// Read again: a password that was changed meanwhile begins nothing.
		err := tx.QueryRowContext(ctx, "SELECT role FROM auth_users WHERE name = ? AND hash = ?", name, hash).Scan(&role)
		if errors.Is(err, sql.ErrNoRows) {
			return &Denied{Reason: BadPassword}
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM auth_sessions WHERE expires_at <= ?", now.Unix()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM auth_sessions WHERE user = ?1 AND id NOT IN
			(SELECT id FROM auth_sessions WHERE user = ?1 ORDER BY created_at DESC, id LIMIT ?2)`, name, sessionsEach-1); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO auth_sessions VALUES (?, ?, ?, ?, ?)",
			session, name, digest(secret), now.Unix(), now.Add(RefreshFor).Unix())
		return err
	})
	if err != nil {
		return Tokens{}, fmt.Errorf("sign in: %w", err)
	}
	return a.tokens(session, secret, name, role, now, now.Add(RefreshFor))
}

// Refresh exchanges a refresh token for new tokens; it is then used up. A token
// that was used up before ends its session, since two hold it: the error is a
// *Denied for Reused, with the subject.
func (a *Accounts) Refresh(ctx context.Context, refresh string) (Tokens, error) {
	session, secret, ok := splitRefresh(refresh)
	if !ok {
		return Tokens{}, &Denied{Reason: Malformed}
	}
	now := time.Now()
	next := rand.Text()
	var name, role string
	var expires time.Time
	var denied *Denied // Beside the transaction, which is to end the session for good.
	err := a.change(ctx, func(tx *sql.Tx) error {
		var current []byte
		var created, ends int64
		err := tx.QueryRowContext(ctx, `SELECT s.user, u.role, s.token, s.created_at, s.expires_at
			FROM auth_sessions s JOIN auth_users u ON u.name = s.user WHERE s.id = ?`, session).Scan(&name, &role, &current, &created, &ends)
		if errors.Is(err, sql.ErrNoRows) || err == nil && ends <= now.Unix() {
			denied = &Denied{Reason: Ended}
			return nil
		}
		if err != nil {
			return err
		}
		if subtle.ConstantTimeCompare(current, digest(secret)) != 1 {
			denied = &Denied{Reason: Reused, Subject: name}
			_, err := tx.ExecContext(ctx, "DELETE FROM auth_sessions WHERE id = ?", session)
			return err
		}
		expires = now.Add(RefreshFor)
		if last := time.Unix(created, 0).Add(SessionFor); expires.After(last) {
			expires = last
		}
		_, err = tx.ExecContext(ctx, "UPDATE auth_sessions SET token = ?, expires_at = ? WHERE id = ?", digest(next), expires.Unix(), session)
		return err
	})
	if err != nil {
		return Tokens{}, fmt.Errorf("refresh the session: %w", err)
	}
	if denied != nil {
		return Tokens{}, denied
	}
	return a.tokens(session, next, name, role, now, expires)
}

// Logout ends a session; one that has ended already is fine.
func (a *Accounts) Logout(ctx context.Context, session string) error {
	if _, err := a.db.ExecContext(ctx, "DELETE FROM auth_sessions WHERE id = ?", session); err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	return nil
}

// LogoutBy ends the session of a refresh token, used up or not; a token that
// cannot be read ends none.
func (a *Accounts) LogoutBy(ctx context.Context, refresh string) error {
	session, _, ok := splitRefresh(refresh)
	if !ok {
		return nil
	}
	return a.Logout(ctx, session)
}

// Verify proves who holds an access token. A session that has ended, and a user
// who was removed, end it at once. The error is a *Denied when the token is at
// fault.
func (a *Accounts) Verify(ctx context.Context, token string) (Identity, error) {
	claims := jwt.MapClaims{}
	if _, err := parse(a.parser, token, claims, func(*jwt.Token) (any, error) { return a.accessKey, nil }); err != nil {
		return Identity{}, err
	}
	subject, err := claims.GetSubject()
	session, _ := claims["sid"].(string)
	expires, err2 := claims.GetExpirationTime()
	if err != nil || err2 != nil || session == "" {
		return Identity{}, &Denied{Reason: Malformed}
	}
	now := time.Now()
	if !now.Before(expires.Time) { // No leeway: the clock is our own.
		return Identity{}, &Denied{Reason: Expired}
	}
	var text string
	err = a.db.QueryRowContext(ctx, `SELECT u.role FROM auth_sessions s JOIN auth_users u ON u.name = s.user
		WHERE s.id = ? AND s.user = ? AND s.expires_at > ?`, session, subject, now.Unix()).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return Identity{}, &Denied{Reason: Ended}
	}
	if err != nil {
		return Identity{}, fmt.Errorf("look up the session: %w", err)
	}
	role, err := ParseRole(text)
	if err != nil {
		return Identity{}, fmt.Errorf("look up the session: %w", err)
	}
	return Identity{Subject: subject, Role: role, Expires: expires.Time, Session: session}, nil
}

// tokens makes what a client is given.
func (a *Accounts) tokens(session, secret, name, roleName string, now, refreshExpires time.Time) (Tokens, error) {
	role, err := ParseRole(roleName)
	if err != nil {
		return Tokens{}, fmt.Errorf("make tokens for %s: %w", name, err)
	}
	expires := time.Unix(now.Add(AccessFor).Unix(), 0)
	if refreshExpires.Before(expires) {
		expires = refreshExpires
	}
	claims := jwt.MapClaims{
		"iss": ownIssuer, "aud": accessAudience, "sub": name, "sid": session, "iat": now.Unix(), "exp": expires.Unix(), "jti": rand.Text(),
	}
	access, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(a.accessKey)
	if err != nil {
		return Tokens{}, fmt.Errorf("make tokens for %s: %w", name, err)
	}
	return Tokens{
		Identity: Identity{Subject: name, Role: role, Expires: expires, Session: session},
		Access:   access, AccessExpires: expires,
		Refresh: refreshMark + "." + session + "." + secret, RefreshExpires: refreshExpires,
	}, nil
}

func splitRefresh(token string) (session, secret string, ok bool) {
	parts := strings.Split(token, ".")
	if len(token) > maxToken || len(parts) != 3 || parts[0] != refreshMark || parts[1] == "" || parts[2] == "" {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// digest is what is kept of a secret that has 128 bits of chance: no salt and
// no work is needed to hide it.
func digest(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
