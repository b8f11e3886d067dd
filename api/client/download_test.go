package client_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/motionmill/motionmill/api/client"
	"github.com/motionmill/motionmill/job"
)

// succeed leaves a result of two files behind.
func (s *stage) succeed(t *testing.T, id string) map[string][]byte {
	t.Helper()
	rec := record(id, job.Succeeded)
	rec.Manifest = "outputs/" + id + "/1/manifest.json"
	s.ledger.Set(rec)
	files := map[string][]byte{"video.mp4": []byte("video"), "hls/360p/a b.m4s": []byte("segment"), "pose.json.gz": {0x1f, 0x8b, 8, 0}}
	var outputs []map[string]any
	for name, body := range files {
		s.store.Put("out", "outputs/"+id+"/1/"+name, "application/octet-stream", body)
		sum := sha256.Sum256(body)
		outputs = append(outputs, map[string]any{"path": name, "bytes": len(body), "sha256": hex.EncodeToString(sum[:])})
	}
	text, err := json.Marshal(map[string]any{"outputs": outputs})
	if err != nil {
		t.Fatal(err)
	}
	files["manifest.json"] = text
	s.store.Put("out", rec.Manifest, "application/json", text)
	return files
}

func TestDownload(t *testing.T) {
	s := newStage(t)
	files := s.succeed(t, "j1")
	var once atomic.Bool
	s.store.Refuse = func(r *http.Request) int { // one file fails in passing
		if strings.HasSuffix(r.URL.Path, "video.mp4") && once.CompareAndSwap(false, true) {
			return 503
		}
		return 0
	}
	var asked []string
	s.seen = func(r *http.Request) { asked = append(asked, r.URL.EscapedPath()) }
	var m meter
	dir := filepath.Join(t.TempDir(), "new", "folder")
	if err := s.Download(t.Context(), "j1", dir, m.tell); err != nil {
		t.Fatal(err)
	}
	if want := "/v1/jobs/j1/files/hls/360p/a%20b.m4s"; !slices.Contains(asked, want) { // Caches in front know folders.
		t.Errorf("asked for %q, want %s among them", asked, want)
	}
	found := 0
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		found++
		name, _ := filepath.Rel(dir, path)
		body, err := os.ReadFile(path) //nolint:gosec // below the test's own folder
		if !bytes.Equal(body, files[filepath.ToSlash(name)]) {
			t.Errorf("%s is %q", name, body)
		}
		return err
	})
	if err != nil || found != len(files) {
		t.Errorf("found %d files, want %d (%v)", found, len(files), err)
	}
	if m.last[0] != m.last[1] || m.last[0] == 0 {
		t.Errorf("the last progress is %v", m.last)
	}
}

func TestDownloadRefusals(t *testing.T) {
	s := newStage(t)
	s.ledger.Set(record("running", job.Running))
	if err := s.Download(t.Context(), "running", t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "running") {
		t.Errorf("error is %v", err)
	}

	s.succeed(t, "altered")
	s.store.Put("out", "outputs/altered/1/video.mp4", "", []byte("vodeo"))
	dir := t.TempDir()
	if err := s.Download(t.Context(), "altered", dir, nil); !errors.Is(err, client.ErrAltered) {
		t.Errorf("error is %v", err)
	}
	for _, name := range []string{"video.mp4", "manifest.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was left behind", name)
		}
	}

	// A folder in the way is a failure here, not one that passes.
	s.succeed(t, "good")
	blocked := t.TempDir()
	if err := os.MkdirAll(filepath.Join(blocked, "video.mp4", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Download(t.Context(), "good", blocked, nil); err == nil || !strings.Contains(err.Error(), "video.mp4") {
		t.Errorf("error is %v", err)
	}
}

func TestDownloadStaysInItsFolder(t *testing.T) {
	// The API refuses such a manifest itself; the client must not rely on it.
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/jobs/j1", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"id":"j1","state":"succeeded"}`))
	})
	mux.HandleFunc("GET /v1/jobs/j1/files/{path...}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"outputs":[{"path":"../evil","bytes":1}]}`))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	c, _ := client.New(client.Config{URL: server.URL, Pause: time.Millisecond})
	dir := filepath.Join(t.TempDir(), "in")
	if err := c.Download(t.Context(), "j1", dir, nil); err == nil || !strings.Contains(err.Error(), "evil") {
		t.Errorf("error is %v", err)
	}
}
