package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// refusal is how a bucket answers every request.
type refusal struct {
	status       int
	code, region string
	ahead        time.Duration // of its clock
	err          error         // Of the connection, in place of an answer.
}

func (c refusal) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	if c.err != nil {
		return nil, c.err
	}
	text := ""
	if r.Method != http.MethodHead && c.code != "" {
		text = fmt.Sprintf("<Error><Code>%s</Code><Message>User: arn:aws:iam::1:user/deploy</Message></Error>", c.code)
	}
	answer := reply(c.status, strings.NewReader(text), len(text))
	answer.Request, answer.ProtoMajor, answer.ProtoMinor = r, 1, 1
	answer.Header.Set("Date", time.Now().Add(c.ahead).UTC().Format(http.TimeFormat))
	if c.region != "" {
		answer.Header.Set("X-Amz-Bucket-Region", c.region)
	}
	return answer, nil
}

// calls are what a store asks a bucket for, by the action that each needs.
func calls(t *testing.T) map[string]func(context.Context, *store.Store) error {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("body"), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]func(context.Context, *store.Store) error{
		"s3:GetObject download": func(ctx context.Context, s *store.Store) error {
			_, err := s.Download(ctx, job.Source{Bucket: "b", Key: "k"}, filepath.Join(dir, "x"), nil)
			return err
		},
		"s3:GetObject get": func(ctx context.Context, s *store.Store) error { _, err := s.Get(ctx, "b", "k", 10); return err },
		"s3:PutObject put": func(ctx context.Context, s *store.Store) error { return s.Put(ctx, "b", "k", []byte("x"), "") },
		"s3:PutObject upload": func(ctx context.Context, s *store.Store) error {
			_, err := s.Upload(ctx, "b", "k", path, "")
			return err
		},
		"s3:PutObject parts": func(ctx context.Context, s *store.Store) error {
			_, err := s.CreateMultipart(ctx, store.PutRequest{Bucket: "b", Key: "k"})
			return err
		},
		"s3:ListBucketVersions": func(ctx context.Context, s *store.Store) error {
			_, _, err := s.Page(ctx, "b", "", store.Mark{}, 10)
			return err
		},
		"s3:AbortMultipartUpload":  func(ctx context.Context, s *store.Store) error { return s.AbortMultipart(ctx, "b", "k", "u") },
		"s3:ListBucket":            func(ctx context.Context, s *store.Store) error { return s.CheckBucket(ctx, "b") },
		"s3:GetBucketVersioning":   func(ctx context.Context, s *store.Store) error { _, err := s.KeepsVersions(ctx, "b"); return err },
		"s3:GetBucketNotification": func(ctx context.Context, s *store.Store) error { _, err := s.Notifications(ctx, "b"); return err },
	}
}

// TestErrorsNameCallBucketAndRemedy: every call, and everything that can be
// wrong with who makes it, from where and when. The answer to HEAD has no body.
func TestErrorsNameCallBucketAndRemedy(t *testing.T) {
	// As when a role cannot be taken on: its denial is not the bucket's.
	roleDenied := &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: &smithy.GenericAPIError{Code: "AccessDenied", Message: "no such trust"}}
	asked := calls(t)
	for name, c := range map[string]struct {
		server refusal
		keys   error
		want   []string // ACTION stands for the call's.
		not    string
	}{
		"denied":                 {server: refusal{status: 403, code: "AccessDenied"}, want: []string{"ACTION: access is denied", "Allow ACTION", "motionmill doctor"}},
		"another region":         {server: refusal{status: 301, code: "PermanentRedirect", region: "us-west-2"}, want: []string{"ACTION: the bucket is in us-west-2, and the region is set to eu-central-1", "Set AWS_REGION to us-west-2"}},
		"another region, 400":    {server: refusal{status: 400, code: "AuthorizationHeaderMalformed", region: "us-west-2"}, want: []string{"ACTION: the bucket is in us-west-2"}},
		"another region, silent": {server: refusal{status: 301, code: "PermanentRedirect"}, want: []string{"ACTION: the bucket is in another region", "AWS_REGION"}},
		"expired":                {server: refusal{status: 400, code: "ExpiredToken"}, want: []string{"ACTION: the ", "Renew the"}},
		"an unknown key":         {server: refusal{status: 403, code: "InvalidAccessKeyId"}, want: []string{"ACTION: "}, not: "clock of this machine is"},
		"a clock ahead":          {server: refusal{status: 403, code: "RequestTimeTooSkewed", ahead: -20 * time.Minute}, want: []string{"ACTION: the clock of this machine is 20m0s ahead", "NTP"}},
		"a clock behind":         {server: refusal{status: 403, code: "RequestTimeTooSkewed", ahead: 20 * time.Minute}, want: []string{"ACTION: the clock of this machine is 20m0s behind"}},
		"no credentials":         {keys: errors.New("no role found"), want: []string{"ACTION: there are no credentials to sign it with", "AWS_PROFILE", "no role found"}},
		"a role that is denied":  {keys: roleDenied, want: []string{"ACTION: there are no credentials", "STS: AssumeRole"}, not: "Allow"},
		"away":                   {server: refusal{err: errors.New("no such host")}, want: []string{"ACTION: the object store did not answer", "http://s3.invalid", "AWS_REGION", "no such host"}},
	} {
		for what, call := range asked {
			t.Run(name+" "+what, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					action, _, _ := strings.Cut(what, " ")
					keys := aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
						if c.keys != nil {
							return aws.Credentials{}, c.keys
						}
						return credentials.NewStaticCredentialsProvider("id", "secret", "").Retrieve(ctx)
					})
					s, err := store.New(t.Context(), store.Config{Tries: 2, AWS: &aws.Config{
						Region: "eu-central-1", BaseEndpoint: aws.String("http://s3.invalid"), HTTPClient: c.server, Credentials: keys,
					}})
					if err != nil {
						t.Fatal(err)
					}
					err = call(t.Context(), s)
					if job.KindOf(err) != job.Storage {
						t.Fatalf("it gives %s: %v", job.KindOf(err), err)
					}
					for _, want := range c.want {
						if want = strings.ReplaceAll(want, "ACTION", action); !strings.Contains(err.Error(), want) {
							t.Errorf("%q does not say %q", err, want)
						}
					}
					if c.not != "" && strings.Contains(err.Error(), c.not) {
						t.Errorf("%q says %q", err, c.not)
					}
				})
			})
		}
	}
}

func TestABucketThatIsNotThere(t *testing.T) {
	for what, call := range calls(t) {
		s, err := store.New(t.Context(), store.Config{AWS: &aws.Config{
			Region: "eu-central-1", BaseEndpoint: aws.String("http://s3.invalid"), HTTPClient: refusal{status: 404, code: "NoSuchBucket"},
			Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
		}})
		if err != nil {
			t.Fatal(err)
		}
		err = call(t.Context(), s)
		if job.KindOf(err) != job.Storage || !strings.Contains(err.Error(), "the bucket does not exist") || errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s gives %v", what, err)
		}
	}
}

func TestABucketTellsHowItIsMade(t *testing.T) {
	answers := map[string]string{
		"versioning": "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
		"notification": `<NotificationConfiguration><QueueConfiguration><Queue>arn:q</Queue><Event>s3:ObjectCreated:*</Event>
			<Filter><S3Key><FilterRule><Name>Prefix</Name><Value>uploads/</Value></FilterRule><FilterRule><Name>suffix</Name><Value>.mp4</Value></FilterRule></S3Key></Filter>
			</QueueConfiguration><EventBridgeConfiguration/></NotificationConfiguration>`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		for query, body := range answers {
			if r.URL.Query().Has(query) {
				_, _ = io.WriteString(w, body)
			}
		}
	}))
	defer server.Close()
	s := open(t, server.URL)
	if keeps, err := s.KeepsVersions(t.Context(), "b"); err != nil || !keeps {
		t.Errorf("it keeps versions: %v (%v)", keeps, err)
	}
	want := store.Notifications{Elsewhere: true, Queues: []store.QueueNotification{{Queue: "arn:q", Events: []string{"s3:ObjectCreated:*"}, Prefix: "uploads/", Suffix: ".mp4"}}}
	if got, err := s.Notifications(t.Context(), "b"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("it notifies %+v (%v), want %+v", got, err, want)
	}
	if ahead, told, err := s.ServerAhead(t.Context(), "b"); err != nil || !told || ahead.Round(time.Minute) != time.Hour {
		t.Errorf("the server is ahead by %s, told %v (%v)", ahead, told, err)
	}
}
