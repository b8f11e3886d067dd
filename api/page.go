package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
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
		kind := mime.TypeByExtension(path.Ext(name))
		if path.Ext(name) == ".js" { // The system's table may say otherwise, and browsers insist.
			kind = "text/javascript; charset=utf-8"
		}
		sum := sha256.Sum256(content)
		p.files["/"+name] = asset{content: content, kind: kind, etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
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

type docsCall struct {
	Method, Path, Summary, Description string
	Params                             []*huma.Param
	Statuses                           []string
}

// serveDocs lists the calls as plain HTML made from the OpenAPI document.
func (a *API) serveDocs(w http.ResponseWriter, r *http.Request) {
	var calls []docsCall
	for route, item := range a.huma.OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post} {
			if op == nil {
				continue
			}
			call := docsCall{Method: method, Path: route, Summary: op.Summary, Description: op.Description, Params: op.Parameters}
			for status := range op.Responses {
				call.Statuses = append(call.Statuses, status)
			}
			slices.Sort(call.Statuses)
			calls = append(calls, call)
		}
	}
	slices.SortFunc(calls, func(x, y docsCall) int { return strings.Compare(x.Path+x.Method, y.Path+y.Method) })
	var body bytes.Buffer
	err := docsTemplate().Execute(&body, map[string]any{"Version": a.cfg.Version, "Calls": calls})
	if err != nil {
		writeProblem(w, a.broken(r.Context(), "render the documentation", err))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(body.Bytes()) // A client that has gone misses nothing.
}

func docsTemplate() *template.Template {
	return template.Must(template.New("docs").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Motionmill API</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css"></head>
<body class="docs"><main>
<h1>Motionmill API <small>{{.Version}}</small></h1>
<p>The whole description, with every field, is <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1). <a href="/">Back to the page</a>.</p>
{{range .Calls}}<section>
<h2><code>{{.Method}} {{.Path}}</code></h2>
<p><strong>{{.Summary}}.</strong> {{.Description}}</p>
{{if .Params}}<ul>{{range .Params}}<li><code>{{.Name}}</code> ({{.In}}{{if .Required}}, required{{end}}) {{.Description}}</li>{{end}}</ul>{{end}}
<p>Answers: {{range .Statuses}}<code>{{.}}</code> {{end}}</p>
</section>{{end}}
</main></body></html>
`))
}
