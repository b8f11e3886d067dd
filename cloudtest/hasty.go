package cloudtest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Hasty starts a server whose answer, body as JSON, begins before the writing
// half of the client has gone on, as happens where that has to wait for a
// processor. requests counts how many were made.
func Hasty(t *testing.T, body string) (settings aws.Config, requests *atomic.Int64) {
	t.Helper()
	requests = &atomic.Int64{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // It ends the accepting below.
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			requests.Add(1)
			go answerInHalves(t, conn, body)
		}
	}()
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + listener.Addr().String()),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
			dial := tr.DialContext
			tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := dial(ctx, network, address)
				return &slowWriter{Conn: conn, body: make(chan struct{})}, err
			}
		}),
	}, requests
}

// answerInHalves answers one request; the second half comes a little later,
// unless the client has closed the connection.
func answerInHalves(t *testing.T, conn net.Conn, body string) {
	defer conn.Close()
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err == nil {
		_, err = io.ReadAll(request.Body)
	}
	if err != nil {
		t.Error(err)
		return
	}
	fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:20])
	if err := conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Error(err)
	}
	if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		_, _ = io.WriteString(conn, body[20:])
	}
}

// slowWriter is a connection whose last write of a request returns only when
// the client reads the body of the answer.
type slowWriter struct {
	net.Conn
	reads atomic.Int64
	body  chan struct{}
	once  sync.Once
}

func (c *slowWriter) Read(p []byte) (int, error) {
	if c.reads.Add(1) == 2 { // The first one gave the headers.
		c.once.Do(func() { close(c.body) })
	}
	return c.Conn.Read(p)
}

func (c *slowWriter) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if bytes.HasSuffix(p, []byte("}")) {
		<-c.body
	}
	return n, err
}
