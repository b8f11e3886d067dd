package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// Where the metadata of an instance say what.
const (
	pathInstance  = "instance-id"
	pathRegion    = "placement/region"
	pathGroup     = "tags/instance/aws:autoscaling:groupName"
	pathSpot      = "spot/instance-action"
	pathRebalance = "events/recommendations/rebalance"
	pathLifecycle = "autoscaling/target-lifecycle-state"
)

// metadata is what an instance can learn of itself.
type metadata interface {
	// get returns the text at a path, and whether there is one.
	get(ctx context.Context, path string) (text string, found bool, err error)
}

// instanceMetadata asks the instance metadata service, with a session token
// (IMDSv2) and never without. A request is tried once: there is a next poll.
type instanceMetadata struct{ client *imds.Client }

// newInstanceMetadata uses the settings of the SDK, among them
// AWS_EC2_METADATA_SERVICE_ENDPOINT and AWS_EC2_METADATA_DISABLED.
func newInstanceMetadata(settings aws.Config) instanceMetadata {
	return instanceMetadata{imds.NewFromConfig(settings, func(o *imds.Options) {
		o.Retryer = aws.NopRetryer{}
		o.EnableFallback = aws.FalseTernary
	})}
}

// longestAnswer bounds what is read of an answer, in bytes.
const longestAnswer = 4 << 10

func (m instanceMetadata) get(ctx context.Context, path string) (string, bool, error) {
	out, err := m.client.GetMetadata(ctx, &imds.GetMetadataInput{Path: path})
	var answered interface{ HTTPStatusCode() int }
	if errors.As(err, &answered) && answered.HTTPStatusCode() == http.StatusNotFound {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read instance metadata %s: %w", path, err)
	}
	defer out.Content.Close() // It was only read.
	text, err := io.ReadAll(io.LimitReader(out.Content, longestAnswer))
	if err != nil {
		return "", false, fmt.Errorf("read instance metadata %s: %w", path, err)
	}
	return strings.TrimSpace(string(text)), true, nil
}
