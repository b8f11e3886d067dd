package soak

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
)

// ProxyConfig says what a proxy is before, and how bad it is.
type ProxyConfig struct {
	// Target is the base URL of the server, without a path.
	Target string
	Dice   *Dice
	// Whole has the server see whole requests only, and those to their end, also
	// when who asked is gone: what would be cut is dropped. It is for servers that
	// a broken connection brings down.
	Whole bool
}

// Proxy is an HTTP server that passes requests on to another one, over a bad
// network. Requests keep their Host header, so that signatures stay valid: what
// is signed for the proxy's address must be good at the server.
type Proxy struct {
	// URL is the proxy's own base URL, with a free port of 127.0.0.1.
	URL    string
	cfg    ProxyConfig
	pass   *httputil.ReverseProxy
	server *http.Server
}

// NewProxy starts a proxy. The caller closes it.
func NewProxy(cfg ProxyConfig) (*Proxy, error) {
	to, err := url.Parse(cfg.Target)
	if err != nil {
		return nil, fmt.Errorf("start proxy: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start proxy: %w", err)
	}
	quiet := log.New(io.Discard, "", 0) // What goes wrong here is meant to.
	p := &Proxy{URL: "http://" + listener.Addr().String(), cfg: cfg}
	p.pass = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{
			DisableCompression: true, MaxIdleConnsPerHost: 64,
			WriteBufferSize: 512, // So that half of a small request does go out.
		},
		FlushInterval: -1,
		ErrorLog:      quiet,
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { hangUp() },
	}
	p.server = &http.Server{Handler: p, ErrorLog: quiet, ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(listener) }() // It ends by Close.
	return p, nil
}

// Close ends the proxy and every connection through it.
func (p *Proxy) Close() error { return p.server.Close() }

// hangUp ends a connection as a network does: without a word.
func hangUp() { panic(http.ErrAbortHandler) }

// ServeHTTP passes one request on, or does to it what the dice say.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault, delay := p.cfg.Dice.Throw()
	if p.cfg.Whole {
		var release context.CancelFunc
		if r, release = whole(r); r == nil {
			hangUp()
		}
		defer release()
		if fault == CutRequest {
			fault = Dropped
		}
	}
	switch fault {
	case Delayed:
		if job.Pause(r.Context(), delay) != nil {
			hangUp() // Who asked is gone; what was under way is lost with it.
		}
	case Dropped:
		hangUp()
	case CutRequest:
		if r.ContentLength <= 0 {
			hangUp()
		}
		r.Body = &cutBody{ReadCloser: r.Body, left: r.ContentLength / 2}
	case Throttled:
		refuse(w, r, http.StatusServiceUnavailable, "SlowDown", "ThrottlingException", "Please reduce your request rate.")
		return
	case Broken:
		refuse(w, r, http.StatusInternalServerError, "InternalError", "InternalServerError", "We encountered an internal error. Please try again.")
		return
	case BrokenLate:
		w = &shortWriter{ResponseWriter: w, instead: func(w http.ResponseWriter) {
			refuse(w, r, http.StatusBadGateway, "BadGateway", "InternalServerError", "The reply of the server could not be read.")
		}}
	case CutReply:
		w = &shortWriter{ResponseWriter: w, half: true, instead: func(http.ResponseWriter) { hangUp() }}
	case LostReply:
		w = &shortWriter{ResponseWriter: w, instead: func(http.ResponseWriter) { hangUp() }}
	}
	p.pass.ServeHTTP(w, r)
}

// whole returns a request that is there already and that its client's end does
// not end; nil when the client broke off.
func whole(r *http.Request) (*http.Request, context.CancelFunc) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil
	}
	ctx, release := context.WithTimeout(context.WithoutCancel(r.Context()), time.Minute)
	r = r.WithContext(ctx)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return r, release
}

// refuse answers as S3 does in such a case, or, a request in JSON, as SQS and
// DynamoDB do, which throttle with status 400.
func refuse(w http.ResponseWriter, r *http.Request, status int, code, exception, message string) {
	kind := r.Header.Get("Content-Type")
	if !strings.HasPrefix(kind, "application/x-amz-json-") {
		answer(w, status, "application/xml", fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, message))
		return
	}
	if status == http.StatusServiceUnavailable {
		status = http.StatusBadRequest
	}
	text := fmt.Sprintf(`{"__type":"com.amazonaws#%s","message":%q}`, exception, message)
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(text))), 10)) // DynamoDB's clients look for it.
	answer(w, status, kind, text)
}

func answer(w http.ResponseWriter, status int, kind, text string) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // Who asked may be gone.
}

// cutBody is a request's body that breaks off.
type cutBody struct {
	io.ReadCloser
	left int64
}

// Read gives what is left of the first half, then the connection is broken.
func (b *cutBody) Read(into []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	if int64(len(into)) > b.left {
		into = into[:b.left]
	}
	n, err := b.ReadCloser.Read(into)
	b.left -= int64(n)
	return n, err
}

// shortWriter keeps a reply, which the server gave, from getting through: all
// of it, or its second half.
type shortWriter struct {
	http.ResponseWriter
	// half lets the first half through of a reply that says how long it is.
	half bool
	// instead is what happens in the place of a reply that is lost whole.
	instead func(http.ResponseWriter)

	spoiled bool
	left    int
}

// Unwrap is for http.ResponseController.
func (s *shortWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// WriteHeader begins the reply, when it is to be cut in the middle.
func (s *shortWriter) WriteHeader(status int) {
	if status < http.StatusOK {
		return // The server's leave to send the body: the client does not wait for it for ever.
	}
	var length int
	_, err := fmt.Sscan(s.Header().Get("Content-Length"), &length)
	if s.half && err == nil && length > 1 {
		s.left = length / 2
		s.ResponseWriter.WriteHeader(status)
		return
	}
	clear(s.Header())
	s.spoiled = true
	s.instead(s.ResponseWriter)
}

// Write passes the first half on; the rest is gone.
func (s *shortWriter) Write(p []byte) (int, error) {
	if s.spoiled {
		return len(p), nil
	}
	if len(p) <= s.left {
		s.left -= len(p)
		return s.ResponseWriter.Write(p)
	}
	_, _ = s.ResponseWriter.Write(p[:s.left]) // The connection ends here in any case.
	_ = http.NewResponseController(s.ResponseWriter).Flush()
	hangUp()
	return 0, nil
}
