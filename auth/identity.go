package auth

import (
	"context"
	"fmt"
	"time"
)

// Role says what somebody may do. The roles are ordered: each may do what
// those before it may.
type Role int

// The roles, from the least. None may do nothing.
const (
	None Role = iota
	// Viewer reads jobs and results of their own.
	Viewer
	// Uploader also uploads, cancels, retries and shares.
	Uploader
	// Admin does all of that with everybody's jobs.
	Admin
)

// ParseRole reads the name of a role, as String gives it; "none" and "" are None.
func ParseRole(name string) (Role, error) {
	for role := None; role <= Admin; role++ {
		if name == role.String() {
			return role, nil
		}
	}
	if name == "" {
		return None, nil
	}
	return None, fmt.Errorf("read role %q: it is none of viewer, uploader, admin", name)
}

// String gives the name of the role.
func (r Role) String() string {
	switch r {
	case Viewer:
		return "viewer"
	case Uploader:
		return "uploader"
	case Admin:
		return "admin"
	default:
		return "none"
	}
}

// Identity is who asks, as proved by a credential.
type Identity struct {
	// Subject names the person or program for good: the owner of what it
	// uploads. It is never empty, but for a grant.
	Subject string
	Role    Role
	// Expires is when the credential ends; zero is never.
	Expires time.Time
	// Session is the id of the session that the credential belongs to; empty
	// for tokens of an identity provider.
	Session string
	// Job, when not empty, is the one job that may be read, and nothing else:
	// the identity is a grant's.
	Job string
}

type identityKey struct{}

// NewContext returns a context that carries who asks.
func NewContext(ctx context.Context, who Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, who)
}

// FromContext returns who asks; false where nobody was asked to prove it.
func FromContext(ctx context.Context) (Identity, bool) {
	who, ok := ctx.Value(identityKey{}).(Identity)
	return who, ok
}

// Reason says in one word why a credential is refused.
type Reason string

// The reasons.
const (
	Malformed    Reason = "malformed"
	Incomplete   Reason = "incomplete"
	Forged       Reason = "forged"
	Expired      Reason = "expired"
	NotYet       Reason = "not_yet_valid"
	WrongMethod  Reason = "algorithm"
	WrongIssuer  Reason = "issuer"
	WrongTarget  Reason = "audience"
	UnknownKey   Reason = "unknown_key"
	NoSubject    Reason = "subject"
	Ended        Reason = "ended"
	Reused       Reason = "reused"
	BadPassword  Reason = "password"
	WrongPurpose Reason = "purpose"
	Withdrawn    Reason = "withdrawn"
)

// Denied is why a credential proves nothing. Its text is fit for whoever sent
// the credential: it has nothing of it inside.
type Denied struct {
	Reason Reason
	// Subject is whose session it was, where that is known.
	Subject string
}

// Error says why, and what to do.
func (d *Denied) Error() string {
	switch d.Reason {
	case Forged:
		return "the signature does not fit"
	case Expired:
		return "it has expired; get a new one"
	case NotYet:
		return "it is not valid yet; compare the clocks"
	case Incomplete:
		return "it lacks its issuer, its audience or its expiry"
	case WrongMethod:
		return "it is signed by an algorithm that is not taken"
	case WrongIssuer:
		return "it is from another issuer"
	case WrongTarget:
		return "it is meant for another audience"
	case UnknownKey:
		return "it is signed with a key that the issuer does not publish"
	case NoSubject:
		return "it names no subject"
	case Ended:
		return "the session has ended; sign in again"
	case Reused:
		return "the refresh token was used before; the session is ended for safety, sign in again"
	case BadPassword:
		return "name or password is wrong"
	case WrongPurpose:
		return "it is meant for something else"
	case Withdrawn:
		return "it has ended; ask whoever gave it to you for another"
	default:
		return "it cannot be read"
	}
}

// TooMany is the refusal to try another password for now.
type TooMany struct {
	// RetryAfter is when to try again.
	RetryAfter time.Duration
}

// Error says when to try again.
func (t *TooMany) Error() string {
	return fmt.Sprintf("too many attempts to sign in; try again in %s", t.RetryAfter.Round(time.Second))
}
