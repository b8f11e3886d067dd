// Package auth says who asks, and proves it: bearer tokens of an identity
// provider (JWT, by its published keys or a shared secret), a small store of
// users with passwords for teams without one, and signed grants to read one
// job (share links and playback cookies).
//
// It knows of identities and roles, not of HTTP routes or jobs: who may do what
// is decided by package api. No error of this package repeats a secret or a
// token.
package auth
