package api

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/motionmill/motionmill/api/docs"
)

// page serves the files of package web, each with a hash of its content as its
// ETag, so that a browser asks each time and loads only what has changed.
type page struct {
	files map[string]asset
}

type asset struct {
	content []byte
	kind    string
	etag    string
}

func newPage(files fs.FS) (*page, error) {
	p := &page{files: map[string]asset{}}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		p.files["/"+name] = asset{content: content, kind: kindOf(name), etag: tagOf(content)}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the page's files: %w", err)
	}
	return p, nil
}

// ServeHTTP serves one file of the page; it is registered for their paths and
// for the root.
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, ok := p.files[r.URL.Path]
	if !ok {
		file = p.files["/index.html"]
	}
	file.serve(w, r)
}

// kindOf returns the type of a file by its name.
func kindOf(name string) string {
	switch path.Ext(name) { // The system's table may say otherwise, and browsers insist.
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case "":
		return "text/plain; charset=utf-8"
	default:
		return mime.TypeByExtension(path.Ext(name))
	}
}

// tagOf returns the ETag of a file's content.
func tagOf(content []byte) string {
	sum := sha256.Sum256(content)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

// serve answers with the file, unless the client has it.
func (file asset) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", file.kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", file.etag)
	if match := r.Header.Get("If-None-Match"); match != "" && strings.Contains(match, file.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if r.Method != http.MethodHead {
		_, _ = w.Write(file.content) // A client that has gone misses nothing.
	}
}

// policy is the Content-Security-Policy of every answer: scripts and styles
// from this origin only, media from it and from the object store.
func (a *API) policy() string {
	store := strings.Join(append([]string{"'self'"}, a.cfg.ObjectOrigins...), " ")
	return "default-src 'none'; script-src 'self'; style-src 'self'; connect-src " + store +
		"; img-src data: blob: " + store + "; media-src blob: " + store +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// registerDocs serves the page on which people read and try the calls.
func (a *API) registerDocs() {
	for name, content := range docs.Files() {
		file := asset{content: content, kind: kindOf(name), etag: tagOf(content)}
		route := "GET /docs/" + name
		if name == "index.html" {
			route = "GET /docs"
		}
		a.mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) { file.serve(w, r) })
	}
}
