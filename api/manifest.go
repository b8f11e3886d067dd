package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"strings"
	"sync"

	"github.com/motionmill/motionmill/job"
)

// manifestName is the manifest's own name beside the files that it lists.
const manifestName = "manifest.json"

// manifest is what the API reads of a manifest ("motionmill.manifest/1").
type manifest struct {
	Schema  string         `json:"schema"`
	Outputs []manifestFile `json:"outputs"`
	Models  []struct {
		Name     string `json:"name"`
		SHA256   string `json:"sha256"`
		Family   string `json:"family"`
		Provider string `json:"provider"`
	} `json:"models"`
}

type manifestFile struct {
	Path      string  `json:"path"`
	Bytes     int64   `json:"bytes"`
	SHA256    string  `json:"sha256"`
	Type      string  `json:"type"`
	Width     int     `json:"width"`
	Height    int     `json:"height"`
	Frames    int64   `json:"frames"`
	DurationS float64 `json:"duration_s"`
}

// has tells whether the committed result has a file of this path.
func (m *manifest) has(file string) bool {
	if file == manifestName {
		return true
	}
	for _, out := range m.Outputs {
		if out.Path == file {
			return true
		}
	}
	return false
}

func (m *manifest) outputs(id string) []Output {
	outputs := make([]Output, len(m.Outputs))
	for i, f := range m.Outputs {
		outputs[i] = Output{
			Path: f.Path, Href: fileHref(id, f.Path), Bytes: f.Bytes, SHA256: f.SHA256, Type: f.Type,
			Width: f.Width, Height: f.Height, Frames: f.Frames, DurationS: f.DurationS,
		}
	}
	return outputs
}

func (m *manifest) models() []Model {
	models := make([]Model, len(m.Models))
	for i, x := range m.Models {
		models[i] = Model{
			Name: x.Name, SHA256: x.SHA256, Family: x.Family, Provider: x.Provider,
			Starter: strings.HasPrefix(x.Name, "starter-"),
		}
	}
	return models
}

func fileHref(id, file string) string {
	parts := strings.Split(file, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "/v1/jobs/" + id + "/files/" + strings.Join(parts, "/")
}

// manifestCache keeps the manifests that were read last. A committed manifest
// never changes: its key carries the fence.
type manifestCache struct {
	objects Objects
	bucket  string
	mu      sync.Mutex
	known   map[string]*manifest
	order   []string
}

// manifestsKept bounds the cache.
const manifestsKept = 64

func newManifestCache(objects Objects, bucket string) *manifestCache {
	return &manifestCache{objects: objects, bucket: bucket, known: map[string]*manifest{}}
}

// get returns the committed manifest of a job that has succeeded.
func (c *manifestCache) get(ctx context.Context, rec job.Record) (*manifest, error) {
	key := rec.Manifest
	c.mu.Lock()
	m := c.known[key]
	c.mu.Unlock()
	if m != nil {
		return m, nil
	}
	body, err := c.objects.Read(ctx, c.bucket, key, maxManifest)
	if err != nil {
		return nil, fmt.Errorf("read manifest %s: %w", key, err)
	}
	m = &manifest{}
	if err := json.Unmarshal(body, m); err != nil {
		return nil, fmt.Errorf("decode manifest %s: %w", key, err)
	}
	for _, f := range m.Outputs {
		if f.Path == "" || path.Clean("/"+f.Path) != "/"+f.Path {
			return nil, fmt.Errorf("decode manifest %s: it lists %q, which is not a path below it", key, f.Path)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known[key] == nil {
		if len(c.order) == manifestsKept {
			delete(c.known, c.order[0])
			c.order = c.order[1:]
		}
		c.order = append(c.order, key)
	}
	c.known[key] = m
	return m, nil
}
