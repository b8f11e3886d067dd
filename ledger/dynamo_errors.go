package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/motionmill/motionmill/job"
)

// failed is the error of a request that DynamoDB did not carry out, or whose
// reply did not come.
func (l *Dynamo) failed(ctx context.Context, op, subject string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", op, subject, ctx.Err())
	}
	var typed *job.Error
	if errors.As(err, &typed) {
		return err
	}
	finding, remedy := l.explain(err)
	return job.Fail(job.Storage, op, subject, finding, remedy, err)
}

// explain tells what an error of the SDK means, and what to do about it: it
// names the call, which is also the action of IAM that it needs.
func (l *Dynamo) explain(err error) (finding, remedy string) {
	var operation *smithy.OperationError
	if !errors.As(err, &operation) {
		return "", "" // It is ours.
	}
	call := "dynamodb:" + operation.Operation()
	var refusal smithy.APIError
	if lacksCredentials(operation) || !errors.As(err, &refusal) {
		return l.unanswered(call, operation)
	}
	switch refusal.ErrorCode() {
	case "AccessDeniedException", "AccessDenied":
		return call + " on table " + l.table + " is denied",
			"Allow " + call + " on the table and its indexes to this identity; motionmill doctor names it."
	case "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "ExpiredToken", "InvalidClientTokenId", "MissingAuthenticationTokenException",
		"MissingAuthenticationToken", "IncompleteSignatureException", "IncompleteSignature", "SignatureDoesNotMatch", "RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture":
		if off := clockOff(err); off != "" {
			return call + " was refused, since the clock of this machine is " + off, "Set it right, by NTP."
		}
		return "the credentials are not accepted by " + call, "Renew the credentials, and check that the clock is right."
	case "ResourceNotFoundException":
		return call + ": there is no table " + l.table + ", or not all of its indexes",
			"Create it with terraform, or set MOTIONMILL_LEDGER_TABLE and AWS_REGION to the table of this stage."
	case "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded":
		return "table " + l.table + " is too busy for " + call, "Try again later; a table on demand adapts by itself."
	case "ValidationException":
		return "table " + l.table + " does not take " + call, "Check that the table has the shape that this version needs: motionmill doctor."
	default:
		return call + " on table " + l.table + " failed", ""
	}
}

// unanswered tells what an error means that is no answer of DynamoDB's.
func (l *Dynamo) unanswered(call string, operation *smithy.OperationError) (finding, remedy string) {
	var unsent *smithyhttp.RequestSendError
	var answered *smithyhttp.ResponseError
	switch {
	case !lacksCredentials(operation) && errors.As(operation, &unsent):
		return "DynamoDB did not answer " + call + " on table " + l.table,
			"Check that it can be reached: the network, AWS_REGION, AWS_ENDPOINT_URL_DYNAMODB."
	case !lacksCredentials(operation) && errors.As(operation, &answered):
		return "the answer to " + call + " cannot be read", "Check that AWS_ENDPOINT_URL_DYNAMODB is DynamoDB, and not a proxy."
	default:
		return "there are no credentials to sign " + call + " with",
			"Check that there are credentials: the role of the instance, AWS_PROFILE or AWS_ACCESS_KEY_ID; log in again where a session has ended."
	}
}

// lacksCredentials tells an error of the services that give credentials out
// from one of DynamoDB's own: it is a call within a call.
func lacksCredentials(operation *smithy.OperationError) bool {
	var within *smithy.OperationError
	return errors.As(operation.Err, &within)
}

// tolerance is how far a clock may be off before it is worth a word. Signatures
// are refused from five minutes on.
const tolerance = time.Minute

// clockOff tells how far this machine's clock is from that of the server which
// answered err, in minutes: "7m0s ahead"; empty when it is right or nobody knows.
func clockOff(err error) string {
	var answered *smithyhttp.ResponseError
	if !errors.As(err, &answered) || answered.Response == nil || answered.Response.Response == nil {
		return ""
	}
	date, unread := http.ParseTime(answered.Response.Header.Get("Date"))
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
