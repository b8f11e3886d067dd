package notice

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

// try sends one delivery over real HTTP to a server that answers so.
func try(t *testing.T, handler http.HandlerFunc) answer {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	d := deliverer(t, newMemory(), http.DefaultTransport, server.URL+"/hook")
	to := d.cfg.Endpoints[0]
	return d.send(t.Context(), to, newDocument(finished("one", job.Succeeded), to.key, time.Now()))
}

func TestTheRequestIsSigned(t *testing.T) {
	got := try(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		seconds, signature, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Motionmill-Signature"), "t="), ",v1=")
		mac := hmac.New(sha256.New, testSecret)
		mac.Write([]byte(seconds + "." + string(body)))
		if r.Method != http.MethodPost || signature != hex.EncodeToString(mac.Sum(nil)) || r.Header.Get("Content-Type") != "application/json" ||
			!strings.HasPrefix(r.Header.Get("Motionmill-Delivery"), "one-3-") {
			t.Errorf("the request is %s with %v", r.Method, r.Header)
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write(make([]byte, 1<<20)) // More than is read.
	})
	if got.err != nil || got.status != http.StatusAccepted {
		t.Errorf("it came to %+v", got)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	got := try(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/hook" {
			t.Errorf("the redirect to %s was followed", r.URL.Path)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	if got.err == nil || got.status != http.StatusTemporaryRedirect || !strings.Contains(got.err.Error(), "not followed") {
		t.Errorf("it came to %+v", got)
	}
}

func TestRetryAfterIsMinded(t *testing.T) {
	for header, want := range map[string]time.Duration{"120": 2 * time.Minute, "99999999999": 0, "86400": time.Hour, "-5": 0, "soon": 0} {
		got := try(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		if got.err == nil || header != "99999999999" && got.after != want || got.after > time.Hour {
			t.Errorf("Retry-After %s came to %+v", header, got)
		}
	}
}

func TestRetryAfterMayBeATime(t *testing.T) {
	for ends, want := range map[time.Duration]time.Duration{20 * time.Minute: 20 * time.Minute, 48 * time.Hour: time.Hour, -time.Hour: 0} {
		got := try(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", time.Now().Add(ends).UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusTooManyRequests)
		})
		if (want - got.after).Abs() > time.Minute {
			t.Errorf("a time in %v came to a pause of %v", ends, got.after)
		}
	}
}

func TestAServerThatIsNotThereIsNotNamedWithItsToken(t *testing.T) {
	d := deliverer(t, newMemory(), http.DefaultTransport, "http://127.0.0.1:1/hook?token=PLANTED")
	to := d.cfg.Endpoints[0]
	got := d.send(t.Context(), to, newDocument(finished("one", job.Succeeded), to.key, time.Now()))
	if got.err == nil || strings.Contains(got.err.Error(), "PLANTED") {
		t.Errorf("it came to %v", got.err)
	}
}
