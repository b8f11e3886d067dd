package awsclient

import (
	"errors"
	"net/http"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// tolerance is how far a clock may be off before it is worth a word. Most
// services refuse signatures from five minutes on, S3 from fifteen.
const tolerance = time.Minute

// LacksCredentials tells an error of the services that give credentials out
// from one of the service that was called: it is a call within a call.
func LacksCredentials(err error) bool {
	var operation, within *smithy.OperationError
	return errors.As(err, &operation) && errors.As(operation.Err, &within)
}

// Unsent tells that a request went out, or was to, and no answer came.
func Unsent(err error) bool {
	var unsent *smithyhttp.RequestSendError
	return errors.As(err, &unsent)
}

// Answered tells that an answer came, be it one that cannot be read.
func Answered(err error) bool {
	var answered *smithyhttp.ResponseError
	return errors.As(err, &answered)
}

// Header returns the header of the answer that an error came with; nil when
// there was none.
func Header(err error) http.Header {
	var answered *smithyhttp.ResponseError
	if !errors.As(err, &answered) || answered.Response == nil || answered.Response.Response == nil {
		return nil
	}
	return answered.Response.Header
}

// ClockOff tells how far this machine's clock is from that of the server which
// answered err, in minutes: "7m0s ahead"; empty when it is right or nobody knows.
func ClockOff(err error) string {
	date, unread := http.ParseTime(Header(err).Get("Date"))
	off := time.Since(date)
	switch {
	case unread != nil, off.Abs() < tolerance:
		return ""
	case off < 0:
		return (-off).Round(time.Minute).String() + " behind"
	default:
		return off.Round(time.Minute).String() + " ahead"
	}
}
