// Package awsclient holds what our clients of AWS have in common: where their
// settings come from, which requests they make again, how they send bodies, and
// what an error of the SDK tells whatever the service.
package awsclient
