package gateway

import (
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
)

// ProxyConfig says what to put where.
type ProxyConfig struct {
	// Target is the base URL of the object store, which URLs are signed for:
	// http://127.0.0.1:7070.
	Target string
	// Prefix is the path under which clients find it: /s3.
	Prefix string
	// Logger takes failures. Required.
	Logger *slog.Logger
}

// NewProxy returns a handler that shows the object store under a prefix of
// another server, so that a browser deals with one origin. It strips the
// prefix from the escaped path, byte for byte, because the rest is under the
// signature; sets the host that was signed; drops cookies; and streams both
// ways, so that a client that goes away in the middle goes away upstream too.
//
// It must not stand behind http.ServeMux, which redirects paths with two
// slashes: give it requests whose path starts with the prefix before a mux
// sees them. Requests for other paths are answered with 404.
func NewProxy(cfg ProxyConfig) (http.Handler, error) {
	target, err := url.Parse(cfg.Target)
	if err != nil || target.Host == "" || (target.Scheme != "http" && target.Scheme != "https") {
		return nil, job.Fail(job.Internal, "set up the way to the object store", cfg.Target, "it is not a URL", "Write it as http://host:port.", err)
	}
	prefix := strings.TrimRight(cfg.Prefix, "/")
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { rewrite(r, target, prefix) },
		Transport: &http.Transport{
			Proxy:               nil, // Not even one of the environment: the store is ours.
			DisableCompression:  true,
			MaxIdleConnsPerHost: 64,
			IdleConnTimeout:     30 * time.Second,
		},
		ErrorLog:     log.New(logWriter{cfg.Logger}, "", 0),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) { unreachable(cfg.Logger, w, r, err) },
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.EscapedPath(), prefix+"/") {
			http.NotFound(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}), nil
}

func rewrite(r *httputil.ProxyRequest, target *url.URL, prefix string) {
	escaped := strings.TrimPrefix(r.In.URL.EscapedPath(), prefix)
	out := *r.In.URL
	out.Scheme, out.Host = target.Scheme, target.Host
	// The path came out of a parsed URL: it can be unescaped.
	out.Path, _ = url.PathUnescape(escaped)
	out.RawPath = escaped
	r.Out.URL = &out
	r.Out.Host = target.Host
	r.Out.Header.Del("Cookie")
	// One origin: nothing here is across origins.
	r.Out.Header.Del("Origin")
}

// unreachable answers as S3 does when it cannot serve, so that clients try again.
func unreachable(logger *slog.Logger, w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // The client went away; there is nobody to answer.
	}
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		http.Error(w, "the body is too large", http.StatusRequestEntityTooLarge)
		return
	}
	logger.Warn("object store cannot be reached", slog.String("method", r.Method), slog.Any("error", err))
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = fmt.Fprint(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+
		`<Error><Code>ServiceUnavailable</Code><Message>The object store cannot be reached. Please try again.</Message></Error>`)
}

// logWriter takes the lines of a log.Logger.
type logWriter struct{ logger *slog.Logger }

func (w logWriter) Write(line []byte) (int, error) {
	w.logger.Debug("proxy to the object store", slog.String("message", strings.TrimSpace(string(line))))
	return len(line), nil
}
