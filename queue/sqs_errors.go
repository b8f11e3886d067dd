package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/motionmill/motionmill/job"
)

// oldPrefix is what the codes of older servers have in front.
const oldPrefix = "AWS.SimpleQueueService."

// Codes of SQS, without that.
const (
	codeStaleReceipt = "ReceiptHandleIsInvalid"
	codeNotInFlight  = "MessageNotInflight"
	codeInvalidValue = "InvalidParameterValue"
	codeNoQueue      = "QueueDoesNotExist"
	codeOldNoQueue   = "NonExistentQueue"
)

func shortCode(code string) string { return strings.TrimPrefix(code, oldPrefix) }

// codeOf returns the code of an error that a server answered with, or "".
func codeOf(err error) string {
	var answered smithy.APIError
	if errors.As(err, &answered) {
		return shortCode(answered.ErrorCode())
	}
	return ""
}

// isBusy tells whether a code asks for patience.
func isBusy(code string) bool {
	_, throttled := retry.DefaultThrottleErrorCodes[code]
	return throttled || code == "OverLimit" || code == "ServiceUnavailable" || isKey(code) && strings.Contains(code, "Throttl")
}

// isKey tells whether a code is about the key that encrypts the queue:
// "KmsDisabled", "KMS.DisabledException".
func isKey(code string) bool { return strings.HasPrefix(strings.ToUpper(code), "KMS") }

// isAccess tells whether a code is about who asks, or about keys, and not about what is asked.
func isAccess(code string) bool {
	return isKey(code) || isDenied(code) || isUnknownCaller(code)
}

func isDenied(code string) bool {
	return slices.Contains([]string{"AccessDenied", "AccessDeniedException", "AuthorizationError", "InvalidSecurity"}, code)
}

func isUnknownCaller(code string) bool {
	return slices.Contains([]string{
		"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException",
		"SignatureDoesNotMatch", "InvalidSignatureException", "MissingAuthenticationToken", "RequestExpired", "OptInRequired",
	}, code)
}

// isRequest tells whether a code says that the request itself is wrong, so
// that asking again does not help.
func isRequest(code string) bool {
	return slices.Contains([]string{
		"InvalidMessageContents", "BatchRequestTooLong", "MessageTooLong", codeInvalidValue,
		"InvalidAttributeValue", "InvalidParameterCombination", "MissingParameter", "UnsupportedOperation",
	}, code)
}

// refused is the error of a request that breaks a limit: asking again does not help.
func (q *SQS) refused(op, subject string, err error) error {
	return job.Fail(job.Unsupported, op, "on queue "+q.cfg.URL, subject, "", err)
}

// failed is the error of a request that the server did not carry out.
func (q *SQS) failed(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s on queue %s: %w", op, q.cfg.URL, ctx.Err())
	}
	storage := func(finding, remedy string) error {
		return job.Fail(job.Storage, op, "on queue "+q.cfg.URL, finding, remedy, err)
	}
	switch code := codeOf(err); {
	case code == "":
		return storage("the queue did not answer", "Check that "+q.where()+" can be reached, and that there are credentials")
	case code == codeNoQueue, code == codeOldNoQueue:
		return storage("the queue does not exist", "Check its URL and AWS_REGION, or create it")
	case isBusy(code):
		return storage("the queue is too busy", "Try again later")
	case isDenied(code):
		return storage("access is denied", "Allow "+actionOf(op)+" on the queue to this identity, in its role and in the queue's policy")
	case isUnknownCaller(code):
		return storage("the credentials are not accepted", "Renew them, and check the clock of this machine")
	case isKey(code):
		return storage("the key of the queue cannot be used", "Allow kms:GenerateDataKey and kms:Decrypt on it, and check that it is enabled")
	case isRequest(code):
		return job.Fail(job.Unsupported, op, "on queue "+q.cfg.URL, "the queue does not take it", "", err)
	default:
		return storage("", "")
	}
}

// actionOf names what a policy must allow for an operation.
func actionOf(op string) string {
	for verb, action := range map[string]string{
		"send": "sqs:SendMessage", "receive": "sqs:ReceiveMessage", "delete": "sqs:DeleteMessage",
		"hide": "sqs:ChangeMessageVisibility", "count": "sqs:GetQueueAttributes",
	} {
		if strings.HasPrefix(op, verb) {
			return action
		}
	}
	return "the action"
}

func (q *SQS) where() string {
	if endpoint := q.client.Options().BaseEndpoint; endpoint != nil {
		return *endpoint
	}
	return "SQS in " + q.client.Options().Region
}
