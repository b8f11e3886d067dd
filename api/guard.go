package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
)

type originKey struct{}

type payerKey struct{}

// bodyWithin is how long the body of a call may take to come.
const bodyWithin = 5 * time.Second

// ServeHTTP answers one request. The order is: recover, name the request,
// refuse foreign hosts and origins, answer preflights, the object store under
// /s3/ (before any mux, which would clean its paths), then the API and the page.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.seen(w, r, a.answer) }

func (a *API) answer(w http.ResponseWriter, r *http.Request) {
	r = identify(w, r)
	defer a.recover(w, r)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")
	a.hardened(w, r)
	refused := a.refuse(r)
	toStore := a.cfg.ObjectProxy != nil && strings.HasPrefix(r.URL.EscapedPath(), "/s3/")
	if refused != nil || !toStore { // Whole videos go to the store.
		hurry(w, r)
	}
	if refused != nil {
		writeProblem(w, refused)
		return
	}
	if a.allowOrigin(w, r) {
		return
	}
	if toStore {
		a.cfg.ObjectProxy.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", a.policy())
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
	r = r.WithContext(context.WithValue(r.Context(), originKey{}, a.originOf(r)))
	a.inner.ServeHTTP(w, r)
}

// chain is what a call passes through once it is known where it comes from.
func (a *API) chain() http.Handler {
	return a.known(a.counted(a.logged(a.limited(a.permitted(a.bounded(a.repeatable(tagged(http.HandlerFunc(a.route)))))))))
}

// counted notes whom the request counts for.
func (a *API) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), payerKey{}, a.payer(r))))
	})
}

// payerFrom returns whom a request counts for.
func payerFrom(ctx context.Context) string {
	payer, _ := ctx.Value(payerKey{}).(string)
	return payer
}

// hurry gives the body of a request bodyWithin to come: whether a handler reads
// it or not, since the server reads what is left before it answers.
func hurry(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyWithin)) // Recorders of tests have none.
	r.Body = &hurriedBody{r.Body, w}
}

// hurriedBody is a body that has a deadline, which ends with it: the server
// goes on reading to learn that the client has gone, and would take the deadline
// for that while the call is still being answered.
type hurriedBody struct {
	io.ReadCloser
	w http.ResponseWriter
}

// Read reads on, and takes the deadline away at the end.
func (b *hurriedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = http.NewResponseController(b.w).SetReadDeadline(time.Time{})
	}
	return n, err //nolint:wrapcheck // whoever reads looks for the end
}

// bounded refuses a body that says that it is too large before any of it is
// read, and stops reading one that does not say so.
func (a *API) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > maxBody {
			w.Header().Set("Connection", "close") // or the rest would be read to keep it
			writeProblem(w, bodyTooLarge())
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 2*maxBody)
		next.ServeHTTP(w, r)
	})
}

func bodyTooLarge() *Problem {
	return problem(http.StatusRequestEntityTooLarge, "body-too-large", fmt.Sprintf("A request to the API carries at most %d bytes. Videos go to the URL of an upload.", maxBody))
}

// route finds the handler of a call.
func (a *API) route(w http.ResponseWriter, r *http.Request) {
	handler, pattern := a.mux.Handler(r)
	if pattern == "" {
		handler.ServeHTTP(&problemWriter{ResponseWriter: w, path: r.URL.Path, method: r.Method}, r)
		return
	}
	a.mux.ServeHTTP(w, r) // not handler: only the mux fills in the path values
}

// recover turns a panic into an answer; the stack goes to the log only.
func (a *API) recover(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler { //nolint:errorlint // the value itself is the signal
		panic(cause)
	}
	where := r.Method + " " + r.URL.Path
	a.panicked(r.Context(), &job.Panic{Where: where, Value: cause, Stack: string(debug.Stack())})
	writeProblem(w, problem(http.StatusInternalServerError, problemInternal, "Something unforeseen happened; the log of the API has it."))
}

// panicked tells the log, and whoever wants to know, of a panic that was caught.
func (a *API) panicked(ctx context.Context, p *job.Panic) {
	a.log.ErrorContext(ctx, "panic", "where", p.Where, "panic", fmt.Sprint(p.Value), "stack", p.Stack)
	if a.cfg.Report != nil {
		r := job.ReportPanic(p)
		r.Request = RequestFrom(ctx)
		a.cfg.Report(r)
	}
}

// guarded does what goes on beside the requests: a panic of it is its error.
func (a *API) guarded(ctx context.Context, where string, f func() error) error {
	err := job.Guarded(where, f)
	var p *job.Panic
	if errors.As(err, &p) {
		a.panicked(ctx, p)
	}
	return err
}

// refuse answers requests that a web page of someone else could have made a
// browser send: to a host name that is not ours (DNS rebinding), or changing
// something from another origin. There is no login that would stop them.
func (a *API) refuse(r *http.Request) *Problem {
	if !a.knownHost(r.Host) {
		return problem(http.StatusForbidden, problemForbidden, fmt.Sprintf(
			"This API is not addressed as %q. Use http://localhost or 127.0.0.1 with its port, or allow the name in its configuration.", r.Host))
	}
	if r.Header.Get("Origin") != "" && slices.Contains(a.cfg.CORSOrigins, r.Header.Get("Origin")) {
		return nil
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return problem(http.StatusForbidden, problemForbidden,
			"Requests that change something are taken from the API's own page and from programs, not from other origins.")
	}
	return nil
}

func (a *API) knownHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	ip, err := netip.ParseAddr(host)
	isIP := err == nil
	if host == "localhost" || isIP && ip.IsLoopback() {
		return true
	}
	for _, allowed := range a.cfg.Hosts {
		if allowed == "*" || strings.EqualFold(allowed, host) {
			return true
		}
		if any, err := netip.ParseAddr(allowed); err == nil && any.IsUnspecified() && isIP {
			return true
		}
	}
	return false
}

// originOf returns scheme and host as the client addressed us.
func (a *API) originOf(r *http.Request) string {
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" && a.fromProxy(r) {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// problemWriter turns the mux's own plain-text refusals into problem
// documents; its redirects pass.
type problemWriter struct {
	http.ResponseWriter
	path, method string
	replaced     bool
}

// WriteHeader writes the problem document instead of an error's header.
func (w *problemWriter) WriteHeader(status int) {
	if status < 400 {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.replaced = true
	detail := "There is nothing at " + w.path + ". The calls are listed at /docs."
	if status == http.StatusMethodNotAllowed {
		detail = w.method + " is not possible at " + w.path + "; allowed: " + w.Header().Get("Allow") + "."
	}
	writeProblem(w.ResponseWriter, &Problem{Type: typeOf(status), Title: http.StatusText(status), Status: status, Detail: detail})
}

// Write drops the text of a refusal that was replaced.
func (w *problemWriter) Write(p []byte) (int, error) {
	if w.replaced {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}
