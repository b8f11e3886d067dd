package ledger_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
)

func TestDynamoErrorsSayWhatAndWhere(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		want   []string
	}{
		{400, "AccessDeniedException", []string{"dynamodb:GetItem on table ledger-of-prod is denied", "user/deploy", "Allow"}},
		{400, "ExpiredTokenException", []string{"credentials are not accepted"}},
		{400, "UnrecognizedClientException", []string{"credentials are not accepted"}},
		{400, "ResourceNotFoundException", []string{"no table ledger-of-prod", "MOTIONMILL_LEDGER_TABLE", "AWS_REGION"}},
		{400, "ProvisionedThroughputExceededException", []string{"too busy"}},
		{400, "ValidationException", []string{"does not take", "motionmill doctor"}},
		{500, "InternalServerError", []string{"dynamodb:GetItem on table ledger-of-prod failed"}},
	} {
		t.Run(c.code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := canned(t, io.Discard, func(r *http.Request) (*http.Response, error) {
					return answer(r, c.status, c.code, "User: arn:aws:iam::1:user/deploy is not authorized"), nil
				})
				_, err := l.Get(t.Context(), "a")
				var typed *job.Error
				if !errors.As(err, &typed) || typed.Kind != job.Storage || typed.Subject != "a" || errors.Is(err, job.ErrConflict) {
					t.Fatalf("got %v", err)
				}
				for _, want := range c.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q does not say %q", err, want)
					}
				}
			})
		})
	}
}

// TestDynamoNamesCallTableAndRemedy: every call, and everything that can be
// wrong with who makes it, from where and when.
func TestDynamoNamesCallTableAndRemedy(t *testing.T) {
	refused := func(code string, ahead time.Duration) wire {
		return func(r *http.Request) (*http.Response, error) {
			reply := answer(r, 400, code, "User: arn:aws:iam::1:user/deploy")
			reply.Header.Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			return reply, nil
		}
	}
	away := func(*http.Request) (*http.Response, error) { return nil, errors.New("no such host") }
	html := func(r *http.Request) (*http.Response, error) {
		reply := empty(r, time.Now())
		reply.Body, reply.ContentLength = io.NopCloser(strings.NewReader("<html>Log in first</html>")), 25
		return reply, nil
	}
	// As when a role cannot be taken on: its denial is not the table's.
	roleDenied := &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no such trust"}}
	for name, c := range map[string]struct {
		server wire
		keys   error
		want   []string // ACTION stands for the call's.
		not    string
	}{
		"denied":                {server: refused("AccessDeniedException", 0), want: []string{"ACTION on table ledger-of-prod is denied", "user/deploy", "Allow ACTION on the table", "motionmill doctor"}},
		"missing":               {server: refused("ResourceNotFoundException", 0), want: []string{"ACTION: there is no table ledger-of-prod", "terraform", "AWS_REGION"}},
		"expired":               {server: refused("ExpiredTokenException", 0), want: []string{"the credentials are not accepted by ACTION", "Renew"}},
		"another shape":         {server: refused("ValidationException", 0), want: []string{"table ledger-of-prod does not take ACTION", "motionmill doctor"}},
		"a clock ahead":         {server: refused("InvalidSignatureException", -20*time.Minute), want: []string{"ACTION was refused", "the clock of this machine is 20m0s ahead", "NTP"}},
		"a clock behind":        {server: refused("InvalidSignatureException", 7*time.Minute), want: []string{"ACTION was refused", "the clock of this machine is 7m0s behind"}},
		"a wrong key":           {server: refused("InvalidSignatureException", time.Second), want: []string{"the credentials are not accepted by ACTION"}, not: "the clock of this machine is"},
		"no credentials":        {keys: errors.New("no role found"), want: []string{"no credentials to sign ACTION", "AWS_PROFILE", "no role found"}},
		"a role that is denied": {keys: roleDenied, want: []string{"no credentials to sign ACTION", "STS: AssumeRole"}, not: "Allow"},
		"away":                  {server: away, want: []string{"did not answer ACTION on table ledger-of-prod", "AWS_REGION", "no such host"}},
		"a proxy":               {server: html, want: []string{"the answer to ACTION cannot be read", "proxy"}},
	} {
		for action, call := range map[string]func(context.Context, *ledger.Dynamo) error{
			"dynamodb:GetItem": func(ctx context.Context, l *ledger.Dynamo) error { _, err := l.Get(ctx, "a"); return err },
			"dynamodb:Query": func(ctx context.Context, l *ledger.Dynamo) error {
				_, _, err := l.List(ctx, job.Filter{}, 10, "")
				return err
			},
			"dynamodb:DescribeTable": func(ctx context.Context, l *ledger.Dynamo) error { return l.CheckTable(ctx) },
		} {
			t.Run(name+" "+action, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					keys := aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
						if c.keys != nil {
							return aws.Credentials{}, c.keys
						}
						return credentials.NewStaticCredentialsProvider("id", "secret", "").Retrieve(ctx)
					})
					l := newDynamo(t, ledger.DynamoConfig{Table: "ledger-of-prod", AWS: &aws.Config{Region: "eu-central-1", Credentials: keys, HTTPClient: c.server}})
					err := call(t.Context(), l)
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

func TestDynamoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		l := canned(t, io.Discard, func(*http.Request) (*http.Response, error) {
			tries++
			return nil, &lostReplyError{}
		})
		began := time.Now()
		_, err := l.Get(t.Context(), "a")
		if job.KindOf(err) != job.Storage || !errors.Is(err, errLostReply) || !strings.Contains(err.Error(), "did not answer") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); tries != 5 || took > 4*time.Second {
			t.Errorf("it was tried %d times in %s", tries, took)
		}
	})
}

// TestDynamoTriesAgainWhenAReplyBreaksOff lets the first reply of each request
// end in the middle.
func TestDynamoTriesAgainWhenAReplyBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := map[string]int{}
		l := canned(t, io.Discard, func(r *http.Request) (*http.Response, error) {
			reply := empty(r, time.Now())
			if tries[operation(r)]++; tries[operation(r)] == 1 {
				reply.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"It`), iotest.ErrReader(io.ErrUnexpectedEOF)))
			}
			return reply, nil
		})
		mustGet(t, l, "a")
		mustPut(t, l, queued("a"), when(0, job.None))
		if tries["GetItem"] != 2 || tries["UpdateItem"] != 2 {
			t.Errorf("it was tried %v, want twice each", tries)
		}
	})
}

// TestDynamoTriesAgainAfterSilence lets a server swallow the first request.
func TestDynamoTriesAgainAfterSilence(t *testing.T) {
	var requests atomic.Int32
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			<-over
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()
	defer close(over)
	l := newDynamo(t, ledger.DynamoConfig{Table: "t", AttemptTimeout: 500 * time.Millisecond, AWS: &aws.Config{
		Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), BaseEndpoint: &server.URL,
	}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if r, err := l.Get(ctx, "a"); err != nil || r.State != job.None || requests.Load() != 2 {
		t.Errorf("got %+v and error %v after %d requests", r, err, requests.Load())
	}
}

func TestDynamoStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := canned(t, io.Discard, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := l.Get(ctx, "a"); !errors.Is(err, ctx.Err()) || ctx.Err() == nil {
			t.Errorf("got %v", err)
		}
		if err := l.Put(ctx, queued("a"), when(0, job.None)); !errors.Is(err, ctx.Err()) || errors.Is(err, job.ErrConflict) {
			t.Errorf("got %v", err)
		}
	})
}

// TestDynamoBySettingsOfTheSDK opens a ledger as programs do.
func TestDynamoBySettingsOfTheSDK(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()
	nowhere := t.TempDir() + "/none"
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB": server.URL, "AWS_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": nowhere, "AWS_SHARED_CREDENTIALS_FILE": nowhere, "AWS_PROFILE": "",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
	} {
		t.Setenv(name, value)
	}
	_, err := newDynamo(t, ledger.DynamoConfig{Table: "t"}).Get(t.Context(), "a")
	if job.KindOf(err) != job.Storage || !strings.Contains(err.Error(), "Check that there are credentials") || requests.Load() != 0 {
		t.Errorf("without credentials it gave %v after %d requests", err, requests.Load())
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	if r := mustGet(t, newDynamo(t, ledger.DynamoConfig{Table: "t"}), "a"); r.State != job.None || requests.Load() != 1 {
		t.Errorf("got %+v after %d requests", r, requests.Load())
	}
}

func TestDynamoSettings(t *testing.T) {
	region := &aws.Config{Region: "eu-central-1"}
	for _, c := range []struct {
		cfg  ledger.DynamoConfig
		want string
	}{
		{ledger.DynamoConfig{AWS: region}, "MOTIONMILL_LEDGER_TABLE"},
		{ledger.DynamoConfig{Table: "t", AWS: &aws.Config{}}, "AWS_REGION"},
		{ledger.DynamoConfig{Table: "t", AWS: region, KeepDays: 28}, "at least 29"},
		{ledger.DynamoConfig{Table: "t", AWS: region, KeepDays: -1}, "-1 days"},
	} {
		if _, err := ledger.NewDynamo(t.Context(), c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v gave %v, want %q in it", c.cfg, err, c.want)
		}
	}
}
