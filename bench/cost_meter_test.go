package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// meter is an HTTP client that counts the requests that pass to the one behind
// it, every try of each: what a bill counts. It stands under real clients.
type meter struct {
	behind aws.HTTPClient

	mu     sync.Mutex
	counts map[call]int
}

// call is a kind of request.
type call struct {
	service service
	// on is the queue's name, empty for other services.
	on        string
	operation string
}

// service is one of those that a stage pays by the request.
type service string

const (
	sqsService      service = "SQS"
	dynamodbService service = "DynamoDB"
	s3Service       service = "S3"
)

// sqsBilled is how many bytes SQS takes for one request; what is longer counts
// as several.
const sqsBilled = 64 << 10

func newMeter(behind aws.HTTPClient) *meter {
	return &meter{behind: behind, counts: map[call]int{}}
}

func (m *meter) Do(r *http.Request) (*http.Response, error) {
	c, n, err := classify(r)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.counts[c] += n
	m.mu.Unlock()
	return m.behind.Do(r)
}

// count tells how many requests there were of a service, of the operations
// named, or of all when none is.
func (m *meter) count(s service, operations ...string) int {
	return m.countOn(s, "", operations...)
}

// countOn counts those to one queue; an empty name is any.
func (m *meter) countOn(s service, on string, operations ...string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	total := 0
	for c, n := range m.counts {
		if c.service != s || on != "" && c.on != on {
			continue
		}
		if len(operations) == 0 || strings.Contains(" "+strings.Join(operations, " ")+" ", " "+c.operation+" ") {
			total += n
		}
	}
	return total
}

// String lists the counts, for the log of a test.
func (m *meter) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.TrimPrefix(fmt.Sprint(m.counts), "map")
}

// classify tells of which kind a request is, and as how many it is billed. It
// leaves the body as it was.
func classify(r *http.Request) (call, int, error) {
	target, operation, named := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch {
	case !named:
		c, err := classifyS3(r)
		return c, 1, err
	case target == "DynamoDB_20120810":
		return call{service: dynamodbService, operation: operation}, 1, nil
	case target != "AmazonSQS":
		return call{}, 0, fmt.Errorf("count requests: a service is asked that has no price here: %s", target)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return call{}, 0, fmt.Errorf("count requests: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var asked struct {
		QueueURL string `json:"QueueUrl"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return call{}, 0, fmt.Errorf("count requests: %w", err)
	}
	return call{service: sqsService, on: path.Base(asked.QueueURL), operation: operation}, (len(body) + sqsBilled - 1) / sqsBilled, nil
}

// classifyS3 names a request to S3 by its method and query, which is all that
// tells them apart.
func classifyS3(r *http.Request) (call, error) {
	asks := r.URL.Query()
	operation := ""
	switch {
	case r.Method == http.MethodHead:
		operation = "HeadObject"
	case r.Method == http.MethodGet && asks.Has("list-type"):
		operation = "ListObjectsV2"
	case r.Method == http.MethodGet:
		operation = "GetObject"
	case r.Method == http.MethodPut && asks.Has("partNumber"):
		operation = "UploadPart"
	case r.Method == http.MethodPut:
		operation = "PutObject"
	case r.Method == http.MethodPost && asks.Has("uploads"):
		operation = "CreateMultipartUpload"
	case r.Method == http.MethodPost && asks.Has("uploadId"):
		operation = "CompleteMultipartUpload"
	case r.Method == http.MethodPost && asks.Has("delete"):
		operation = "DeleteObjects"
	default:
		return call{}, fmt.Errorf("count requests: %s %s is none that has a price here", r.Method, r.URL)
	}
	return call{service: s3Service, operation: operation}, nil
}
