package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/smithy-go"

	"github.com/motionmill/motionmill/awsclient"
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
	if awsclient.LacksCredentials(err) || !errors.As(err, &refusal) {
		return l.unanswered(call, err)
	}
	switch refusal.ErrorCode() {
	case "AccessDeniedException", "AccessDenied":
		return call + " on table " + l.table + " is denied",
			"Allow " + call + " on the table and its indexes to this identity; motionmill doctor names it."
	case "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "ExpiredToken", "InvalidClientTokenId", "MissingAuthenticationTokenException",
		"MissingAuthenticationToken", "IncompleteSignatureException", "IncompleteSignature", "SignatureDoesNotMatch", "RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture":
		if off := awsclient.ClockOff(err); off != "" {
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
func (l *Dynamo) unanswered(call string, err error) (finding, remedy string) {
	switch signed := !awsclient.LacksCredentials(err); {
	case signed && awsclient.Unsent(err):
		return "DynamoDB did not answer " + call + " on table " + l.table,
			"Check that it can be reached: the network, AWS_REGION, AWS_ENDPOINT_URL_DYNAMODB."
	case signed && awsclient.Answered(err):
		return "the answer to " + call + " cannot be read", "Check that AWS_ENDPOINT_URL_DYNAMODB is DynamoDB, and not a proxy."
	default:
		return "there are no credentials to sign " + call + " with",
			"Check that there are credentials: the role of the instance, AWS_PROFILE or AWS_ACCESS_KEY_ID; log in again where a session has ended."
	}
}
