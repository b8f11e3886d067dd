package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// client answers requests without a network, so that a bubble can wait for it.
type client func(*http.Request) *http.Response

func (c client) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	answer := c(r)
	if answer == nil {
		return nil, fmt.Errorf("%s: %w", r.Method, io.ErrUnexpectedEOF)
	}
	answer.Request, answer.ProtoMajor, answer.ProtoMinor = r, 1, 1
	return answer, nil
}

func reply(status int, body io.Reader, length int) *http.Response {
	header := http.Header{"Content-Type": {"application/xml"}, "Content-Length": {fmt.Sprint(length)}}
	return &http.Response{StatusCode: status, Header: header, ContentLength: int64(length), Body: io.NopCloser(body)}
}

func slowDown() *http.Response {
	const text = `<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`
	return reply(http.StatusServiceUnavailable, strings.NewReader(text), len(text))
}

func openWith(t *testing.T, c client, tries, userTries int) *store.Store {
	t.Helper()
	s, err := store.New(t.Context(), store.Config{Tries: tries, AWS: &aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("http://s3.invalid"), HTTPClient: c, RetryMaxAttempts: userTries,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTriesOutlastABusyStore counts the requests that a store makes while it
// is told to slow down, dropped and told so again.
func TestTriesOutlastABusyStore(t *testing.T) {
	for _, c := range []struct {
		name             string
		tries, userTries int
		bad              int32
		ok               bool
		requests         int32
	}{
		{"the SDK's own give in", 0, 0, 6, false, 3},
		{"more do not", 8, 0, 6, true, 7},
		{"nor for ever", 8, 0, 100, false, 8},
		{"the user's setting wins", 8, 2, 6, false, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var requests atomic.Int32
				s := openWith(t, func(*http.Request) *http.Response {
					switch n := requests.Add(1); {
					case n > c.bad:
						return reply(http.StatusOK, http.NoBody, 0)
					case n%3 == 2:
						return nil // The connection ends without an answer.
					default:
						return slowDown()
					}
				}, c.tries, c.userTries)
				err := s.Put(t.Context(), "b", "k", []byte("body"), "")
				if (err == nil) != c.ok || requests.Load() != c.requests {
					t.Errorf("after %d requests: %v", requests.Load(), err)
				}
				if err != nil && job.KindOf(err) != job.Storage {
					t.Errorf("the kind is %s", job.KindOf(err))
				}
			})
		})
	}
}

// TestABodyThatBreaksOffIsAskedForAgain cuts the answers to Get in the middle.
func TestABodyThatBreaksOffIsAskedForAgain(t *testing.T) {
	for _, c := range []struct {
		cut, requests int32
		ok            bool
	}{{1, 2, true}, {2, 3, true}, {9, 3, false}} {
		synctest.Test(t, func(t *testing.T) {
			var requests atomic.Int32
			s := openWith(t, func(*http.Request) *http.Response {
				body := io.Reader(strings.NewReader("0123456789"))
				if requests.Add(1) <= c.cut {
					body = io.MultiReader(strings.NewReader("01234"), broken{})
				}
				return reply(http.StatusOK, body, 10)
			}, 0, 0)
			got, err := s.Get(t.Context(), "b", "k", 100)
			if c.ok && (err != nil || !bytes.Equal(got, []byte("0123456789"))) || !c.ok && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("cut %d times: %q, %v", c.cut, got, err)
			}
			if requests.Load() != c.requests {
				t.Errorf("cut %d times: %d requests", c.cut, requests.Load())
			}
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestAListThatBreaksOffIsAskedForAgain cuts the answer to a list in the middle.
func TestAListThatBreaksOffIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const text = `<ListVersionsResult><Name>b</Name><IsTruncated>false</IsTruncated></ListVersionsResult>`
		asked := 0
		s := openWith(t, func(*http.Request) *http.Response {
			if asked++; asked == 1 {
				return reply(http.StatusOK, io.MultiReader(strings.NewReader(text[:40]), failing{}), len(text))
			}
			return reply(http.StatusOK, strings.NewReader(text), len(text))
		}, 3, 0)
		if _, _, err := s.Page(t.Context(), "b", "", store.Mark{}, 10); err != nil || asked != 2 {
			t.Errorf("asked %d times: %v", asked, err)
		}
	})
}

// failing is the end of a body that the network cut.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
