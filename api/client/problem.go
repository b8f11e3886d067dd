package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"github.com/motionmill/motionmill/api/client/wire"
)

// ProblemPrefix begins the type of every problem; the words after it are stable.
const ProblemPrefix = "urn:motionmill:problem:"

// Problem is an error that the API answered (RFC 9457). Type is ProblemPrefix
// and a word; Errors names the fields that were wrong; Instance has the id of
// the request, by which the API's log tells more.
type Problem wire.Problem

// Error gives the detail, and what was wrong with which field.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = fmt.Sprintf("%s (%d)", p.Title, p.Status)
	}
	for _, e := range p.Errors {
		if !strings.Contains(text, e.Message) {
			text += "; " + strings.TrimSpace(e.Location+" "+e.Message)
		}
	}
	return text
}

// Unreachable is the failure to get any answer from a server.
type Unreachable struct {
	// URL is the address, without query.
	URL string
	// Remedy is what to do.
	Remedy string
	Err    error
}

// Error names the address and the remedy.
func (u *Unreachable) Error() string {
	return fmt.Sprintf("reach %s: %v. %s", u.URL, u.Err, u.Remedy)
}

// Unwrap returns the cause.
func (u *Unreachable) Unwrap() error { return u.Err }

// final marks an error that is not to be tried again.
type final struct{ error }

// Unwrap returns the error.
func (f final) Unwrap() error { return f.error }

// passing tells whether trying again may help.
func passing(err error) bool {
	var p *Problem
	if errors.As(err, &p) {
		return p.Type == ProblemPrefix+"in-progress" || p.Status >= 500 || p.Status == http.StatusRequestTimeout || p.Status == http.StatusTooManyRequests
	}
	var ended final
	if errors.As(err, &ended) {
		return false
	}
	var local *fs.PathError // of the disk here, as LinkError
	var link *os.LinkError
	return !errors.Is(err, context.Canceled) && !errors.As(err, &local) && !errors.As(err, &link)
}
