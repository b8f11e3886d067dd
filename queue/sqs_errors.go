package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/motionmill/motionmill/awsclient"
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

// codeOf returns the code of an error that the queue answered with, or "".
func codeOf(err error) string {
	var answered smithy.APIError
	if errors.As(err, &answered) && !awsclient.LacksCredentials(err) {
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
		"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationToken",
		"RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture", "OptInRequired",
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

// failed is the error of a request that the server did not carry out: it names
// the action of IAM that the call needs.
func (q *SQS) failed(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s on queue %s: %w", op, q.cfg.URL, ctx.Err())
	}
	action := actionOf(op, err)
	storage := func(finding, remedy string) error {
		return job.Fail(job.Storage, op, "on queue "+q.cfg.URL, action+": "+finding, remedy, err)
	}
	switch code := codeOf(err); {
	case code == "":
		return storage(q.unanswered(err))
	case code == codeNoQueue, code == codeOldNoQueue:
		return storage("the queue does not exist", "Check its URL, AWS_REGION and the account, or create it")
	case isBusy(code):
		return storage("the queue is too busy", "Try again later")
	case isDenied(code):
		return storage("access is denied", "Allow "+action+" on the queue to this identity, in its role and in the queue's policy; motionmill doctor names it")
	case isUnknownCaller(code):
		if off := awsclient.ClockOff(err); off != "" {
			return storage("the clock of this machine is "+off, "Set it right, by NTP")
		}
		return storage("the credentials are not accepted", "Renew them, and check the clock of this machine")
	case isKey(code):
		return storage("the key of the queue cannot be used", "Allow kms:GenerateDataKey and kms:Decrypt on it, and check that it is enabled")
	case isRequest(code):
		return job.Fail(job.Unsupported, op, "on queue "+q.cfg.URL, action+": the queue does not take it", "", err)
	default:
		return storage("the server refused", "")
	}
}

// unanswered tells what an error means that is no answer of the queue's.
func (q *SQS) unanswered(err error) (finding, remedy string) {
	var operation *smithy.OperationError
	var late noAnswerError
	switch signed := !awsclient.LacksCredentials(err); {
	case !errors.As(err, &operation):
		return "the answer is not as expected", ""
	case signed && (awsclient.Unsent(err) || errors.As(err, &late)):
		return "there was no answer", "Check that " + q.where() + " can be reached: the network, AWS_REGION, AWS_ENDPOINT_URL_SQS"
	case signed && awsclient.Answered(err):
		return "the answer cannot be read", "Check that " + q.where() + " is SQS, and not a proxy"
	default:
		return "there are no credentials to sign it with",
			"Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role; log in again where a session has ended"
	}
}

// actionOf names what a policy must allow for a call: that of the error, or
// that which an operation makes.
func actionOf(op string, err error) string {
	var operation *smithy.OperationError
	if errors.As(err, &operation) {
		return "sqs:" + strings.TrimSuffix(operation.Operation(), "Batch")
	}
	verb, _, _ := strings.Cut(op, " ")
	return cmp.Or(map[string]string{
		"send": "sqs:SendMessage", "receive": "sqs:ReceiveMessage", "delete": "sqs:DeleteMessage",
		"hide": "sqs:ChangeMessageVisibility", "count": "sqs:GetQueueAttributes", "read": "sqs:GetQueueAttributes",
	}[verb], "sqs")
}

func (q *SQS) where() string {
	if endpoint := q.client.Options().BaseEndpoint; endpoint != nil {
		return *endpoint
	}
	return "SQS in " + q.client.Options().Region
}
