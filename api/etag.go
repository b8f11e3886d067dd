package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// tagged gives answers of JSON that were read an ETag of their content and
// answers 304 to whoever has that content already. It holds the answer back
// until it is whole; streams and redirects pass as they are written.
func tagged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			next.ServeHTTP(w, r)
			return
		}
		held := &tagWriter{ResponseWriter: w}
		next.ServeHTTP(held, r)
		if !held.holding {
			return
		}
		sum := sha256.Sum256(held.body.Bytes())
		tag := `"` + hex.EncodeToString(sum[:12]) + `"`
		w.Header().Set("ETag", tag)
		if w.Header().Get("Cache-Control") == "" {
			w.Header().Set("Cache-Control", "private, no-cache")
		}
		if matches(r.Header.Get("If-None-Match"), tag) {
			w.Header().Del("Content-Type")
			w.Header().Del("Content-Length")
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(held.body.Bytes()) // A client that has gone misses nothing.
	})
}

// matches tells whether an If-None-Match names the tag, compared weakly as
// RFC 9110 wants it there.
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == tag {
			return true
		}
	}
	return false
}

// tagWriter holds a JSON answer of status 200 back.
type tagWriter struct {
	http.ResponseWriter
	body           bytes.Buffer
	holding, begun bool
}

// WriteHeader decides whether the answer is held.
func (w *tagWriter) WriteHeader(status int) {
	if w.begun {
		return
	}
	w.begun = true
	kind := w.Header().Get("Content-Type")
	w.holding = status == http.StatusOK && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
	if !w.holding {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write keeps what is held and passes on the rest.
func (w *tagWriter) Write(p []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	if w.holding {
		return w.body.Write(p)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach what the wrapped writer can do.
func (w *tagWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
