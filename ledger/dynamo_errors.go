package ledger

import (
	"context"
	"errors"
	"fmt"

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

// explain tells what an error of the SDK means and what to do about it.
func (l *Dynamo) explain(err error) (finding, remedy string) {
	call := "dynamodb"
	var operation *smithy.OperationError
	if errors.As(err, &operation) {
		call = "dynamodb:" + operation.Operation()
	}
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		if operation == nil {
			return "", "" // It is ours.
		}
		var unsent *smithyhttp.RequestSendError
		if errors.As(err, &unsent) {
			return "DynamoDB did not answer " + call, "Check that it can be reached: the network, AWS_REGION, AWS_ENDPOINT_URL_DYNAMODB."
		}
		return call + " could not be made", "Check that there are credentials: the role of the instance, AWS_PROFILE or AWS_ACCESS_KEY_ID."
	}
	switch refusal.ErrorCode() {
	case "AccessDeniedException":
		return call + " on table " + l.table + " is denied",
			"Allow the identity that the message names " + call + " on the table and its indexes."
	case "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "MissingAuthenticationTokenException", "IncompleteSignatureException":
		return "the credentials are not accepted", "Check the credentials, that they have not expired, and that the clock is right."
	case "ResourceNotFoundException":
		return "there is no table " + l.table + ", or not all of its indexes",
			"Create it with terraform, or set MOTIONMILL_LEDGER_TABLE and AWS_REGION to the table of this stage."
	case "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded":
		return "table " + l.table + " is too busy", "Try again later; a table on demand adapts by itself."
	case "ValidationException":
		return "table " + l.table + " does not take " + call, "Check that the table has the shape that this version needs: motionmill doctor."
	default:
		return call + " failed", ""
	}
}
