package soak_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/motionmill/motionmill/soak"
)

const (
	requestBytes = 20_000
	replyBytes   = 10_000
)

// TestTheProxyDoesWhatItSays lets one fault at a time hit every request.
func TestTheProxyDoesWhatItSays(t *testing.T) {
	for _, c := range []struct {
		fault soak.Fault
		whole bool
		// received is what the server gets of the body, served whether it answers.
		received [2]int64
		served   bool
		// status is what the client sees, 0 for no answer; body is how much of one.
		status int
		body   [2]int
	}{
		{fault: soak.Healthy, received: exactly(requestBytes), served: true, status: 200, body: [2]int{replyBytes, replyBytes}},
		{fault: soak.Delayed, received: exactly(requestBytes), served: true, status: 200, body: [2]int{replyBytes, replyBytes}},
		{fault: soak.Dropped},
		{fault: soak.CutRequest, received: [2]int64{1, requestBytes - 1}},
		{fault: soak.CutRequest, whole: true},
		{fault: soak.Healthy, whole: true, received: exactly(requestBytes), served: true, status: 200, body: [2]int{replyBytes, replyBytes}},
		{fault: soak.Throttled, status: 503, body: [2]int{1, 1000}},
		{fault: soak.Broken, status: 500, body: [2]int{1, 1000}},
		{fault: soak.BrokenLate, received: exactly(requestBytes), served: true, status: 502, body: [2]int{1, 1000}},
		{fault: soak.CutReply, received: exactly(requestBytes), served: true, status: 200, body: [2]int{1, replyBytes - 1}},
		{fault: soak.LostReply, received: exactly(requestBytes), served: true},
	} {
		t.Run(string(c.fault), func(t *testing.T) {
			var received, served atomic.Int64
			seen := make(chan struct{}, 1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n, err := io.Copy(io.Discard, r.Body)
				received.Store(n)
				if err == nil {
					served.Add(1)
					w.Header().Set("Content-Length", "10000")
					_, _ = w.Write(bytes.Repeat([]byte("x"), replyBytes))
				}
				seen <- struct{}{}
			}))
			defer server.Close()
			status, body := put(t, server.URL, c.fault, c.whole)
			if c.received[1] > 0 {
				<-seen
			}
			if status != c.status || body < c.body[0] || body > c.body[1] {
				t.Errorf("the client sees status %d and %d bytes, want %d and %v", status, body, c.status, c.body)
			}
			if n := received.Load(); n < c.received[0] || n > c.received[1] || (served.Load() > 0) != c.served {
				t.Errorf("the server receives %d bytes and serves %d times", n, served.Load())
			}
		})
	}
}

func exactly(n int64) [2]int64 { return [2]int64{n, n} }

// put sends one request through a proxy in which every request meets the fault.
func put(t *testing.T, server string, fault soak.Fault, whole bool) (status, body int) {
	t.Helper()
	dice := soak.NewDice(soak.DiceConfig{Chance: map[soak.Fault]float64{fault: 1}, Longest: 20 * time.Millisecond})
	proxy, err := soak.NewProxy(soak.ProxyConfig{Target: server, Dice: dice, Whole: whole})
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	// A body that cannot be read again: the client does not try twice.
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, proxy.URL+"/b/k", io.NopCloser(strings.NewReader(strings.Repeat("y", requestBytes))))
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = requestBytes
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, 0
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the reply ends with %v", err)
	}
	if fault != soak.Healthy && dice.Counts()[fault] != 1 {
		t.Errorf("the dice counted %v", dice.Counts())
	}
	return reply.StatusCode, len(text)
}

// TestTheProxyKeepsWhatIsSigned compares the request line and the host.
func TestTheProxyKeepsWhatIsSigned(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r.Host + r.RequestURI + " " + r.Header.Get("Accept-Encoding") + " " + r.Header.Get("X-Forwarded-For")
	}))
	defer server.Close()
	proxy, err := soak.NewProxy(soak.ProxyConfig{Target: server.URL, Dice: soak.NewDice(soak.DiceConfig{})})
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	const path = "/b/a%2Bb%20c/%C3%BC;x?b=2&a=1&&c"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, proxy.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "identity")
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	reply.Body.Close()
	if want := strings.TrimPrefix(proxy.URL, "http://") + path + " identity "; got != want {
		t.Errorf("the server sees %q, want %q", got, want)
	}
}

// TestTheProxyRefusesInTheServersWords: S3 speaks XML, SQS and DynamoDB JSON.
func TestTheProxyRefusesInTheServersWords(t *testing.T) {
	for _, c := range []struct {
		fault  soak.Fault
		kind   string
		status int
		text   string
	}{
		{soak.Throttled, "", 503, "<Code>SlowDown</Code>"},
		{soak.Broken, "application/xml", 500, "<Code>InternalError</Code>"},
		{soak.Throttled, "application/x-amz-json-1.0", 400, `{"__type":"com.amazonaws#ThrottlingException",`},
		{soak.Broken, "application/x-amz-json-1.1", 500, `{"__type":"com.amazonaws#InternalServerError",`},
	} {
		dice := soak.NewDice(soak.DiceConfig{Chance: map[soak.Fault]float64{c.fault: 1}})
		proxy, err := soak.NewProxy(soak.ProxyConfig{Target: "http://127.0.0.1:1", Dice: dice})
		if err != nil {
			t.Fatal(err)
		}
		reply, err := http.Post(proxy.URL, c.kind, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(reply.Body)
		if err != nil || reply.StatusCode != c.status || !strings.Contains(string(text), c.text) {
			t.Errorf("%s of a request in %q: %s %s (%v)", c.fault, c.kind, reply.Status, text, err)
		}
		reply.Body.Close()
		proxy.Close()
	}
}
