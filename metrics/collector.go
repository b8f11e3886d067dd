package metrics

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/motionmill/motionmill/job"
)

// The variables of the SDK that a collector is found by; those with _TRACES_
// win. https://opentelemetry.io/docs/specs/otel/protocol/exporter/
const (
	otlpVariable   = "OTEL_EXPORTER_OTLP_"
	tracesVariable = "OTEL_EXPORTER_OTLP_TRACES_"
)

const (
	// collectWithin bounds one try to send, unless OTEL_EXPORTER_OTLP_TIMEOUT does.
	collectWithin = 10 * time.Second
	// collectTries is how often a batch is sent before it is dropped.
	collectTries = 4
	// collectPause is the wait before the second try; it doubles.
	collectPause = 500 * time.Millisecond
	// collectAnswer is how much of an answer is read, in bytes.
	collectAnswer = 4 << 10
)

// collector sends spans by OTLP over HTTP, as protobuf. The exporter of the
// SDK that does the same links all of gRPC in, which makes the program half as
// large again; what goes over the wire is alike.
type collector struct {
	url     string
	headers http.Header
	zip     bool
	client  *http.Client
	pause   func(context.Context, time.Duration) error
}

// newCollector reads the variables and returns nil when they ask for none.
func newCollector(getenv func(string) string) (*collector, error) {
	setting := func(name string) string {
		if value := getenv(tracesVariable + name); value != "" {
			return value
		}
		return getenv(otlpVariable + name)
	}
	fail := func(name, value string, err error) (*collector, error) {
		return nil, fmt.Errorf("read %s%s=%q: %w", otlpVariable, name, value, err)
	}
	target := setting("ENDPOINT")
	if target == "" || strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || getenv("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fail("ENDPOINT", target, fmt.Errorf("it is not a URL such as http://127.0.0.1:4318"))
	}
	if getenv(tracesVariable+"ENDPOINT") == "" { // The other one is of all signals.
		u = u.JoinPath("v1", "traces")
	}
	if protocol := setting("PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
		return fail("PROTOCOL", protocol, fmt.Errorf("only http/protobuf is spoken, which collectors take at port 4318"))
	}
	c := &collector{url: u.String(), client: &http.Client{Timeout: collectWithin}, pause: job.Pause}
	if c.headers, err = readHeaders(setting("HEADERS")); err != nil {
		return nil, fmt.Errorf("read %sHEADERS: %w", otlpVariable, err) // Not its value: there are keys in it.
	}
	switch compression := setting("COMPRESSION"); compression {
	case "gzip":
		c.zip = true
	case "", "none":
	default:
		return fail("COMPRESSION", compression, fmt.Errorf("it is neither gzip nor none"))
	}
	if timeout := setting("TIMEOUT"); timeout != "" {
		milliseconds, err := strconv.Atoi(timeout)
		if err != nil || milliseconds <= 0 {
			return fail("TIMEOUT", timeout, fmt.Errorf("it is no number of milliseconds"))
		}
		c.client.Timeout = time.Duration(milliseconds) * time.Millisecond
	}
	return c, nil
}

// readHeaders reads a list such as "api-key=secret,team=a%20b".
func readHeaders(list string) (http.Header, error) {
	headers := http.Header{}
	for i, pair := range strings.Split(list, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !found || err != nil || strings.TrimSpace(name) == "" {
			return nil, fmt.Errorf("entry %d is not NAME=VALUE, the value percent-encoded", i+1)
		}
		headers.Set(strings.TrimSpace(name), value)
	}
	return headers, nil
}

// Start does nothing: a collector that is away now may come.
func (c *collector) Start(context.Context) error { return nil }

// Stop gives connections back.
func (c *collector) Stop(context.Context) error {
	c.client.CloseIdleConnections()
	return nil
}

// UploadTraces sends a batch. What the collector may take later is sent again a few times.
func (c *collector) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// An ExportTraceServiceRequest has this one field, and the same number for it.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("encode traces: %w", err)
	}
	if c.zip {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		_, _ = w.Write(body) // A buffer takes everything.
		_ = w.Close()
		body = zipped.Bytes()
	}
	for try, wait := 1, collectPause; ; try, wait = try+1, 2*wait {
		again, err := c.send(ctx, body)
		if err == nil || !again || try == collectTries {
			return err
		}
		if c.pause(ctx, wait) != nil {
			return err
		}
	}
}

// send makes one try and tells whether another one makes sense.
func (c *collector) send(ctx context.Context, body []byte) (again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return false, fmt.Errorf("send traces: %w", err)
	}
	request.Header = c.headers.Clone()
	request.Header.Set("Content-Type", "application/x-protobuf")
	if c.zip {
		request.Header.Set("Content-Encoding", "gzip")
	}
	response, err := c.client.Do(request)
	if err != nil {
		return true, fmt.Errorf("send traces: %w", err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, collectAnswer)) // It is for people; the status decides.
	switch response.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return false, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	return again, fmt.Errorf("send traces to %s: %s: %q", c.url, response.Status, text)
}
