package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/motionmill/motionmill/job"
)

// IdempotencyHeader makes a POST safe to send again: the second of the same key
// is answered as the first was, and does nothing.
const IdempotencyHeader = "Idempotency-Key"

const (
	maxIdempotencyKey = 255
	idempotencyNotes  = "idempotency/"
	// answersKept is how long an answer is given again.
	answersKept = 24 * time.Hour
	// uploadsKept is that of answers with presigned URLs, which end by then.
	uploadsKept = signedFor - time.Minute
)

// keptAnswer is what a POST was answered with.
type keptAnswer struct {
	// Request is the hash of the request's body.
	Request string    `json:"request"`
	Until   time.Time `json:"until"`
	Status  int       `json:"status"`
	Type    string    `json:"type,omitempty"`
	Body    string    `json:"body,omitempty"`
}

// repeatable answers a POST that carries a key a second time as it did the
// first time. Only what went well is kept: after an error the call is made again.
func (a *API) repeatable(next http.Handler) http.Handler {
	var busy sync.Map // of the notes' names of the calls that are being made
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get(IdempotencyHeader)
		if key == "" || !repeats(r.Method, r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		body, p := readKeyed(r, key)
		if p != nil {
			writeProblem(w, p)
			return
		}
		name := noteOf(r, key)
		if _, taken := busy.LoadOrStore(name, true); taken {
			w.Header().Set("Retry-After", "1")
			writeProblem(w, problem(http.StatusConflict, problemInProgress, "A request of this Idempotency-Key is being answered. Try again in a second."))
			return
		}
		defer busy.Delete(name)
		r.Body = &hurriedBody{io.NopCloser(bytes.NewReader(body)), w} // The framework sets a deadline of its own.
		a.once(w, r, next, name, hashOf(body))
	})
}

// repeats tells whether a call heeds an Idempotency-Key. Those whose answers
// are secrets, which nobody is to keep, do not.
func repeats(method, path string) bool {
	if method != http.MethodPost {
		return false
	}
	for _, begins := range []string{"/v1/uploads", "/v1/imports", "/video/", "/v1/redrive", "/v1/unreadable/"} {
		if strings.HasPrefix(path, begins) {
			return true
		}
	}
	return strings.HasPrefix(path, "/v1/jobs/") && (strings.HasSuffix(path, "/cancel") || strings.HasSuffix(path, "/retry"))
}

// readKeyed checks the key and reads the body that it stands for.
func readKeyed(r *http.Request, key string) ([]byte, *Problem) {
	if len(key) > maxIdempotencyKey || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) {
		return nil, problem(http.StatusBadRequest, "malformed", fmt.Sprintf("An Idempotency-Key is 1 to %d printable ASCII characters.", maxIdempotencyKey))
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge), len(body) > maxBody:
		return nil, bodyTooLarge()
	case err != nil:
		return nil, problem(http.StatusRequestTimeout, "timeout", "The body did not come in time, or broke off.")
	}
	return body, nil
}

// once gives the answer that is kept, or makes the call and keeps its answer.
func (a *API) once(w http.ResponseWriter, r *http.Request, next http.Handler, name, request string) {
	kept, err := a.kept(r.Context(), name)
	if err != nil {
		writeProblem(w, a.broken(r.Context(), "look up the Idempotency-Key", err))
		return
	}
	if kept == nil {
		answer := &keepWriter{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		if answer.status() >= http.StatusBadRequest || r.Context().Err() != nil && answer.body.Len() == 0 {
			return
		}
		until := answersKept
		if strings.HasPrefix(r.URL.Path, "/v1/uploads") || strings.HasPrefix(r.URL.Path, "/video/") {
			until = uploadsKept
		}
		a.keep(r.Context(), name, keptAnswer{
			Request: request, Until: time.Now().Add(until), Status: answer.status(), Type: w.Header().Get("Content-Type"), Body: answer.body.String(),
		})
		return
	}
	if kept.Request != request {
		writeProblem(w, problem(http.StatusUnprocessableEntity, problemKeyReused, "This Idempotency-Key came with another request before. Use a new one for each request."))
		return
	}
	if kept.Type != "" {
		w.Header().Set("Content-Type", kept.Type)
	}
	w.Header().Set("Idempotency-Replayed", "true")
	w.WriteHeader(kept.Status)
	_, _ = io.WriteString(w, kept.Body) // A client that has gone misses nothing.
}

// kept reads an answer that is still good; nil when there is none.
func (a *API) kept(ctx context.Context, name string) (*keptAnswer, error) {
	text, err := a.cfg.Notes.ReadNote(ctx, name)
	if err != nil && job.KindOf(err) == job.SourceGone {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var kept keptAnswer
	if err := json.Unmarshal(text, &kept); err != nil {
		return nil, fmt.Errorf("decode note %s: %w", name, err)
	}
	if time.Now().Before(kept.Until) {
		return &kept, nil
	}
	return nil, a.cfg.Notes.RemoveNote(ctx, name)
}

// keep stores an answer. When that fails the client has its answer all the same.
func (a *API) keep(ctx context.Context, name string, answer keptAnswer) {
	ctx = context.WithoutCancel(ctx)
	text, err := json.Marshal(answer)
	if err == nil {
		_, err = a.cfg.Notes.CreateNote(ctx, name, text)
	}
	if err != nil {
		a.log.WarnContext(ctx, "an answer could not be kept for its Idempotency-Key", "error", err)
	}
}

// noteOf names the note of a call: a key is good for one owner and one path.
func noteOf(r *http.Request, key string) string {
	return idempotencyNotes + hashOf([]byte(strings.Join([]string{OwnerFrom(r.Context()), r.URL.RequestURI(), key}, "\x00")))
}

func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// keepWriter copies what it writes.
type keepWriter struct {
	http.ResponseWriter
	code int
	body bytes.Buffer
}

func (w *keepWriter) status() int {
	if w.code == 0 {
		return http.StatusOK
	}
	return w.code
}

// WriteHeader remembers the status, and writes it.
func (w *keepWriter) WriteHeader(code int) {
	if w.code == 0 {
		w.code = code
	}
	w.ResponseWriter.WriteHeader(code)
}

// Write copies the answer, and writes it.
func (w *keepWriter) Write(p []byte) (int, error) {
	w.body.Write(p)
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach what the wrapped writer can do.
func (w *keepWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
