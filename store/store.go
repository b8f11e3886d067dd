// Package store is where objects come from and go to: one S3 client that
// serves the embedded stage and AWS alike.
//
// It fetches one version of an object to a file and proves that it is that
// version, whole; it uploads files; and it signs URLs that let a browser or a
// tool do one thing with one key for a short time. Which server answers is
// decided by the SDK's own settings (AWS_ENDPOINT_URL_S3, AWS_REGION, the
// default chain of credentials), never by settings of ours.
//
// Every failure is a *job.Error that names the object, the finding and the
// remedy, save for a cancelled context, which comes back as it is. Failures
// are told apart by type and status, never by the text of a message.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/motionmill/motionmill/awsclient"
	"github.com/motionmill/motionmill/job"
)

// Config is what the SDK's own settings cannot say.
type Config struct {
	// PublicEndpoint is the base URL, with an optional path, under which
	// clients reach the S3 endpoint: http://127.0.0.1:8080/s3. Presigned URLs
	// are signed for the endpoint itself and then moved there. Empty leaves
	// them as they were signed. It needs an endpoint to be set.
	PublicEndpoint string
	// Tries is how often a request is made before its failure counts, with
	// growing waits in between; default 3, the SDK's own, which a busy S3 soon
	// uses up. AWS_MAX_ATTEMPTS, where it is set, wins.
	Tries int
	// AWS, when set, is used in place of the SDK's default chain. Programs
	// leave it nil; tests that talk to several servers do not.
	AWS *aws.Config
}

// Object is an object that was fetched or stored whole.
type Object struct {
	Bytes int64
	// SHA256 is the hash of the content, in lower-case hexadecimal.
	SHA256 string
	// ETag is without quotes.
	ETag string
	// Version is empty in a bucket without versioning.
	Version     string
	ContentType string
	// Metadata is what was sent along (x-amz-meta-), by names in small letters;
	// nil for one that was stored.
	Metadata map[string]string
}

// Info is what the server says of an object without sending it.
type Info struct {
	// Source holds bucket, key, version, ETag and size. It has no sequencer:
	// only notifications know it.
	Source   job.Source
	Type     string
	Modified time.Time
}

// Store is one S3 client. It may be used by several goroutines at once.
type Store struct {
	client   *s3.Client
	presign  *s3.PresignClient
	transfer *transfermanager.Client
	// endpoint is the URL that is moved to public when a URL has been signed.
	endpoint, public string
}

// partBytes is the size of the parts of transfers: the SDK's own default,
// named here because ranges and parts are both made of it.
const partBytes = 8 << 20

// New returns a store. It reads the SDK's settings and sends nothing.
func New(ctx context.Context, cfg Config) (*Store, error) {
	shared, err := awsclient.Settings(ctx, cfg.AWS)
	if err != nil {
		return nil, err
	}
	if shared.Region == "" {
		return nil, job.Fail(job.Internal, "open object store", "", "no region is set",
			"Set AWS_REGION, or a region in the shared configuration of AWS.", nil)
	}
	retries := awsclient.Retries(shared, func(o *retry.StandardOptions) { o.MaxAttempts = cmp.Or(cfg.Tries, retry.DefaultMaxAttempts) })
	endpoint := ""
	client := s3.NewFromConfig(shared, func(o *s3.Options) {
		if retries != nil {
			o.Retryer = retries
		}
		if o.BaseEndpoint != nil {
			endpoint = strings.TrimRight(*o.BaseEndpoint, "/")
			// Other servers than S3 seldom have a host name for each bucket.
			o.UsePathStyle = true
		}
	})
	public, err := publicBase(cfg.PublicEndpoint, endpoint)
	if err != nil {
		return nil, err
	}
	signer := s3.New(client.Options(), func(o *s3.Options) {
		// The body is not known when a URL is signed; a checksum of nothing
		// would be signed with it and the upload refused.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	})
	return &Store{
		client:  client,
		presign: s3.NewPresignClient(signer),
		transfer: transfermanager.New(client, func(o *transfermanager.Options) {
			o.PartSizeBytes = partBytes
			// We check the whole file against what the server declares; the
			// manager could check only some answers.
			o.DisableChecksumValidation = true
			o.FailTimeout = 10 * time.Second
		}),
		endpoint: endpoint,
		public:   public,
	}, nil
}

// publicBase checks the endpoint that signed URLs are moved to.
func publicBase(public, endpoint string) (string, error) {
	if public == "" {
		return "", nil
	}
	if endpoint == "" {
		return "", job.Fail(job.Internal, "open object store", public, "a public endpoint is set, but no S3 endpoint",
			"Set AWS_ENDPOINT_URL_S3 too: the signed host is replaced, which only a server of your own allows.", nil)
	}
	base, err := url.Parse(public)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") || base.RawQuery != "" || base.Fragment != "" {
		return "", job.Fail(job.Internal, "open object store", public, "the public endpoint is not a base URL",
			"Write it as http://host:port/path.", err)
	}
	return strings.TrimRight(public, "/"), nil
}

// publish moves a URL that was signed for the endpoint to the public one. The
// path and the query stay byte for byte: they are under the signature.
func (s *Store) publish(signed string) (string, error) {
	if s.public == "" {
		return signed, nil
	}
	rest, ok := strings.CutPrefix(signed, s.endpoint)
	if !ok || !strings.HasPrefix(rest, "/") {
		return "", job.Fail(job.Internal, "presign", "", fmt.Sprintf("the URL was signed for another host than %s", s.endpoint), "", nil)
	}
	return s.public + rest, nil
}

var errNoName = errors.New("bucket and key must not be empty")

func named(bucket, key string) error {
	if bucket == "" || key == "" {
		return errNoName
	}
	return nil
}

func uri(bucket, key string) string { return job.Source{Bucket: bucket, Key: key}.URI() }
