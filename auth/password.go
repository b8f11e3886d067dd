package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

const (
	// minPassword and maxPassword bound a password: characters, and bytes.
	minPassword = 12
	maxPassword = 1024
	// saltBytes and hashBytes are what RFC 9106 recommends.
	saltBytes = 16
	hashBytes = 32
	// hashing is how many passwords are hashed at once: each takes its memory.
	hashing = 2
	// hashWait is how long a sign-in waits for its turn.
	hashWait = 5 * time.Second
)

// Cost is what hashing one password takes (argon2id, RFC 9106).
type Cost struct {
	// Memory is in KiB.
	Memory uint32
	// Passes over the memory.
	Passes uint32
	// Lanes run in parallel.
	Lanes uint8
}

// DefaultCost is the second recommended choice of RFC 9106, section 4.
func DefaultCost() Cost { return Cost{Memory: 64 << 10, Passes: 3, Lanes: 4} }

// hasher makes and compares hashes of passwords, a few at a time.
type hasher struct {
	cost Cost
	turn chan struct{}
}

func newHasher(cost Cost) *hasher { return &hasher{cost: cost, turn: make(chan struct{}, hashing)} }

// checkPassword refuses passwords that are too easy or too long.
func checkPassword(name, password string) error {
	switch {
	case !utf8.ValidString(password):
		return errors.New("the password is not UTF-8")
	case utf8.RuneCountInString(password) < minPassword:
		return fmt.Errorf("the password must have at least %d characters", minPassword)
	case len(password) > maxPassword:
		return fmt.Errorf("the password must have at most %d bytes", maxPassword)
	case strings.EqualFold(password, name):
		return errors.New("the password must not be the name")
	}
	return nil
}

// hash gives the encoded hash of a password with a salt of its own.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // crypto/rand's Read never fails
	sum, err := h.derive(ctx, password, salt, h.cost)
	if err != nil {
		return "", err
	}
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, h.cost.Memory, h.cost.Passes, h.cost.Lanes, encode(salt), encode(sum)), nil
}

// matches tells whether a password is the one of an encoded hash.
func (h *hasher) matches(ctx context.Context, password, encoded string) (bool, error) {
	var version int
	var cost Cost
	fields := strings.Split(encoded, "$")
	if len(fields) != 6 || fields[1] != "argon2id" {
		return false, errors.New("read the hash of a password: it is not one of argon2id")
	}
	_, err1 := fmt.Sscanf(fields[2], "v=%d", &version)
	_, err2 := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &cost.Memory, &cost.Passes, &cost.Lanes)
	salt, err3 := base64.RawStdEncoding.DecodeString(fields[4])
	want, err4 := base64.RawStdEncoding.DecodeString(fields[5])
	if err := errors.Join(err1, err2, err3, err4); err != nil || version != argon2.Version || len(want) != hashBytes ||
		cost.Lanes == 0 || cost.Passes == 0 || cost.Passes > 100 || cost.Memory > 1<<21 {
		return false, errors.New("read the hash of a password: it is damaged; set the password anew")
	}
	got, err := h.derive(ctx, password, salt, cost)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// derive waits for its turn, so that many sign-ins at once cannot take all memory.
func (h *hasher) derive(ctx context.Context, password string, salt []byte, cost Cost) ([]byte, error) {
	patience := time.NewTimer(hashWait)
	defer patience.Stop()
	select {
	case h.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("hash the password: %w", ctx.Err())
	case <-patience.C:
		return nil, &TooMany{RetryAfter: hashWait}
	}
	defer func() { <-h.turn }()
	return argon2.IDKey([]byte(password), salt, cost.Passes, cost.Memory, cost.Lanes, hashBytes), nil
}
