package gateway_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/local/gateway"
	"github.com/motionmill/motionmill/store"
)

// behind shows the stage's gateway under /s3 of another server and returns a
// store that signs URLs for there.
func behind(t *testing.T, s *stage) (*httptest.Server, *store.Store) {
	t.Helper()
	front := httptest.NewServer(newProxy(t, "http://"+s.addr))
	t.Cleanup(front.Close)
	return front, s.store(front.URL + "/s3")
}

func newProxy(t *testing.T, target string) http.Handler {
	t.Helper()
	proxy, err := gateway.NewProxy(gateway.ProxyConfig{Target: target, Prefix: "/s3", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return proxy
}

func TestProxyCarriesSignedRequests(t *testing.T) {
	s := newStage(t)
	front, client := behind(t, s)
	for _, key := range []string{"plain.mp4", "ünï 人/with spaces + plus.mp4", "%2Fescaped%252Ftwice?.mp4", "q&a=1;2#3'(x)!*~[y]{z}.mp4", "a:b@c,d.mp4"} {
		body := []byte("through the proxy: " + key)
		p := presign(t, client, key, len(body))
		if !strings.HasPrefix(p.URL, front.URL+"/s3/"+uploads+"/") {
			t.Fatalf("signed %s", p.URL)
		}
		code, text, _ := send(t, p, body, func(r *http.Request) {
			r.Header.Set("Cookie", "big="+strings.Repeat("c", 9000)) // More than the gateway takes in all.
			r.Header.Set("Origin", front.URL)
		})
		if code != http.StatusOK {
			t.Fatalf("upload of %q: %d %s", key, code, text)
		}
		if event := s.next(); event.Source.Key != key || event.Source.Bytes != int64(len(body)) {
			t.Fatalf("told of %+v", event.Source)
		}
		address, err := client.PresignGet(t.Context(), uploads, key, time.Minute, "")
		if err != nil {
			t.Fatal(err)
		}
		code, text, header := send(t, store.Presigned{Method: http.MethodGet, URL: address}, nil, func(r *http.Request) { r.Header.Set("Range", "bytes=0-6") })
		if code != http.StatusPartialContent || text != "through" || header.Get("Content-Length") != "7" {
			t.Fatalf("download of %q: %d %s", key, code, text)
		}
		if code, text, _ := send(t, p, body, nil); code != http.StatusPreconditionFailed {
			t.Fatalf("overwriting %q: %d %s", key, code, text)
		}
	}
}

func TestProxyAbortsUpstreamToo(t *testing.T) {
	s := newStage(t)
	_, client := behind(t, s)
	body := bytes.Repeat([]byte("through"), 1<<18)
	p := presign(t, client, "aborted.mp4", len(body))
	reader, writer := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), p.Method, p.URL, reader)
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = int64(len(body))
	for name, value := range p.Headers {
		request.Header.Set(name, value)
	}
	go func() {
		_, _ = writer.Write(body[:len(body)/2])
		writer.CloseWithError(io.ErrClosedPipe)
	}()
	if answer, err := http.DefaultClient.Do(request); err == nil {
		answer.Body.Close()
		t.Fatalf("an upload that ended early is answered with %s", answer.Status)
	}
	if code, text, _ := send(t, p, body, nil); code != http.StatusOK {
		t.Fatalf("the same URL gives %d: %s", code, text)
	}
	if event := s.next(); event.Source.Bytes != int64(len(body)) || s.count("aborted.mp4") != 1 {
		t.Fatalf("told of %+v", event.Source)
	}
	if keys := s.keys(uploads); len(keys) != 1 {
		t.Fatalf("the bucket holds %q", keys)
	}
}

// The body of an upload goes on as it comes: the other side has its first
// bytes before the client has sent the last.
func TestProxyStreams(t *testing.T) {
	first := make(chan string)
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		buffer := make([]byte, 5)
		_, _ = io.ReadFull(r.Body, buffer)
		first <- string(buffer) + " of " + r.Header.Get("Content-Length") + r.Header.Get("Cookie") + " " + r.RequestURI + " " + r.Host
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer upstream.Close()
	front := httptest.NewServer(newProxy(t, upstream.URL))
	defer front.Close()
	reader, writer := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, front.URL+"/s3//a//b%2Fc/../d?x=1;y=2&z", reader)
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = 10
	request.Header.Set("Cookie", "no")
	done := make(chan error, 1)
	go func() {
		answer, err := http.DefaultClient.Do(request)
		if err == nil {
			err = answer.Body.Close()
		}
		done <- err
	}()
	if _, err := writer.Write([]byte("first")); err != nil {
		t.Fatal(err)
	}
	want := "first of 10 //a//b%2Fc/../d?x=1;y=2&z " + strings.TrimPrefix(upstream.URL, "http://")
	if got := <-first; got != want {
		t.Errorf("upstream got %q, want %q", got, want)
	}
	if _, err := writer.Write([]byte("after")); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestProxyWithoutAStore(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	front := httptest.NewServer(newProxy(t, gone.URL))
	defer front.Close()
	for path, want := range map[string]int{"/s3/b/k": http.StatusServiceUnavailable, "/s4/b/k": http.StatusNotFound, "/s3x": http.StatusNotFound} {
		answer, err := http.Get(front.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s is answered with %s, want %d", path, answer.Status, want)
		}
	}
	if _, err := gateway.NewProxy(gateway.ProxyConfig{Target: "nonsense", Prefix: "/s3", Logger: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("a target that is no URL was accepted")
	}
}
