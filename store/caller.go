package store

import (
	"errors"
	"net/http"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// tolerance is how far a clock may be off before it is worth a word. S3 refuses
// signatures from fifteen minutes on.
const tolerance = time.Minute

// answerOf returns the header of the answer that an error came with; nil when
// there was none.
func answerOf(err error) http.Header {
	var answered *smithyhttp.ResponseError
	if !errors.As(err, &answered) || answered.Response == nil || answered.Response.Response == nil {
		return nil
	}
	return answered.Response.Header
}

// regionOf returns the region of the bucket that an error is about, empty when
// the server does not tell.
func regionOf(err error) string { return answerOf(err).Get("X-Amz-Bucket-Region") }

// clockOff tells how far this machine's clock is from that of the server which
// answered err, in minutes: "7m0s ahead"; empty when it is right or nobody knows.
func clockOff(err error) string {
	date, unread := http.ParseTime(answerOf(err).Get("Date"))
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

// lacksCredentials tells an error of the services that give credentials out
// from one of the store's own: it is a call within a call.
func lacksCredentials(err error) bool {
	var operation, within *smithy.OperationError
	return errors.As(err, &operation) && errors.As(operation.Err, &within)
}

// isUnsent tells that a request went out, or was to, and no answer came.
func isUnsent(err error) bool {
	var unsent *smithyhttp.RequestSendError
	return errors.As(err, &unsent)
}
