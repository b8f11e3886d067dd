package awsclient

import (
	"context"
	"errors"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/motionmill/motionmill/job"
)

// Settings returns a copy of given or, where that is nil, the SDK's own settings
// with its default chain of credentials. It sends nothing. Settings that cannot
// be read are an error of kind internal.
func Settings(ctx context.Context, given *aws.Config) (aws.Config, error) {
	if given != nil {
		return given.Copy(), nil
	}
	// The SDK's log of its own is text on stderr, debugging included, whatever format
	// and level ours has. What fails there fails the request as well, which says so.
	own, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return aws.Config{}, job.Fail(job.Internal, "read the settings of AWS", "", "", "Mend the variable or file that it names.", err)
	}
	return own, nil
}

// Retries returns how requests are tried, with BrokeOff among the reasons and
// what set says; or nil where the settings themselves choose (AWS_RETRY_MODE,
// AWS_MAX_ATTEMPTS).
func Retries(settings aws.Config, set func(*retry.StandardOptions)) aws.Retryer {
	if settings.Retryer != nil || settings.RetryMode != "" || settings.RetryMaxAttempts != 0 {
		return nil
	}
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(brokeOff))
		set(o)
	})
}

// brokeOff has a request made again whose answer broke off in the middle, which
// the SDK takes for an answer that nobody can read.
func brokeOff(err error) aws.Ternary {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}
