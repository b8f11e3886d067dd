package pull

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/job"
)

// host is a server of one file. It notes the Range of each request.
type host struct {
	content []byte
	kind    string        // Content-Type
	tag     string        // ETag
	cuts    map[int]int64 // by the number of the request from 0: after how many bytes it breaks off
	deaf    bool          // takes no notice of Range

	mu     sync.Mutex
	ranges []string
}

func (h *host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	number := len(h.ranges)
	h.ranges = append(h.ranges, r.Header.Get("Range"))
	h.mu.Unlock()
	if h.kind != "" {
		w.Header().Set("Content-Type", h.kind)
	}
	if h.tag != "" {
		w.Header().Set("ETag", h.tag)
	}
	most, breaks := h.cuts[number]
	if !breaks && !h.deaf {
		http.ServeContent(w, r, "model.onnx", time.Time{}, bytes.NewReader(h.content))
		return
	}
	if !breaks {
		most = int64(len(h.content))
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(h.content)))
	_, _ = w.Write(h.content[:most])
	if breaks {
		panic(http.ErrAbortHandler)
	}
}

// modelBytes is a file that looks like a model; no graph is read here.
func modelBytes(n int) []byte {
	content := bytes.Repeat([]byte{0x08, 0x07, 0x12, 0x05}, n/4)
	for i := range content[4:] {
		content[4+i] += byte(i * i >> 8)
	}
	return content
}

// offerOf is an offer of the file of a server; its hash is known when hashed is not nil.
func offerOf(t *testing.T, url string, hashed []byte, licence string) Offer {
	t.Helper()
	text := strings.Replace(inferencetest.ManifestOf("mine", "matte", "matte", inferencetest.MatteInput), "sha256: "+inferencetest.AnyHash+"\n", "", 1)
	text = strings.Replace(text, "licence: Apache-2.0", "licence: "+licence, 1) + "source: " + url + "\n"
	if hashed != nil {
		sum := sha256.Sum256(hashed)
		text += "sha256: " + hex.EncodeToString(sum[:]) + "\n"
	}
	o, err := parseOffer([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func serve(t *testing.T, h *host) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL + "/model.onnx"
}

// wantFiles fails unless the folder holds just these.
func wantFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && len(names) > 0 {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(names) {
		t.Errorf("the folder holds %v, want %v", got, names)
	}
}

func TestAPulledModelIsFound(t *testing.T) {
	content := modelBytes(300_000)
	h := &host{content: content}
	dir := filepath.Join(t.TempDir(), "new", "models")
	var done, total int64
	cfg := Config{Dir: dir, Wait: time.Millisecond, Report: func(d, all int64) { done, total = d, all }}
	o := offerOf(t, serve(t, h), content, "Apache-2.0")
	got, err := Pull(t.Context(), o, cfg)
	if err != nil || !got.Fetched || got.SHA256 != o.SHA256 || done != 300_000 || total != 300_000 {
		t.Fatalf("%+v, %v after %d of %d", got, err, done, total)
	}
	wantFiles(t, dir, "mine.onnx", "mine.yaml")
	m, err := inferencetest.Load(t, dir).Find("mine")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(); err != nil {
		t.Error(err)
	}
	if again, err := Pull(t.Context(), o, cfg); err != nil || again.Fetched || len(h.ranges) != 1 {
		t.Errorf("pulled again: %+v, %v, requests %q", again, err, h.ranges)
	}
	if err := os.Remove(got.Path); err != nil {
		t.Fatal(err)
	}
	if again, err := Pull(t.Context(), o, cfg); err != nil || !again.Fetched {
		t.Errorf("a file that is gone: %+v, %v", again, err)
	}
}

func TestATransferThatBreaksOffGoesOn(t *testing.T) {
	content := modelBytes(1_000_000)
	for name, tag := range map[string]string{"validated": `"v1"`, "by hash alone": ""} {
		t.Run(name, func(t *testing.T) {
			h := &host{content: content, tag: tag, cuts: map[int]int64{0: 400_000}}
			dir := t.TempDir()
			if _, err := Pull(t.Context(), offerOf(t, serve(t, h), content, "MIT"), Config{Dir: dir, Wait: time.Millisecond}); err != nil {
				t.Fatal(err)
			}
			if len(h.ranges) != 2 || h.ranges[0] != "" || h.ranges[1] != "bytes=400000-" {
				t.Errorf("the requests were for %q", h.ranges)
			}
			wantFiles(t, dir, "mine.onnx", "mine.yaml")
		})
	}
}

// TestALaterPullGoesOn breaks a pull off for good and begins another one.
func TestALaterPullGoesOn(t *testing.T) {
	content := modelBytes(1_000_000)
	h := &host{content: content, tag: `"v1"`, cuts: map[int]int64{0: 700_000}}
	dir, url := t.TempDir(), serve(t, h)
	cfg := Config{Dir: dir, Tries: 1}
	_, err := Pull(t.Context(), offerOf(t, url, content, "MIT"), cfg)
	if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, "700000 bytes") || !strings.Contains(typed.Remedy, "Repeat") {
		t.Errorf("got %v", err)
	}
	wantFiles(t, dir, ".mine.part", ".mine.part.tag")
	if _, err := models.LoadCatalogue([]string{dir}, nil); err != nil {
		t.Errorf("half a model breaks the folder: %v", err)
	}
	if _, err := Pull(t.Context(), offerOf(t, url, content, "MIT"), cfg); err != nil || h.ranges[1] != "bytes=700000-" {
		t.Errorf("%v; the requests were for %q", err, h.ranges)
	}
	wantFiles(t, dir, "mine.onnx", "mine.yaml")
}

// TestAReplacedSourceIsBegunAnew changes the file between two tries.
func TestAReplacedSourceIsBegunAnew(t *testing.T) {
	old, content := bytes.Repeat([]byte{9}, 1_000_000), modelBytes(1_000_000)
	for name, h := range map[string]*host{"another tag": {content: content, tag: `"v2"`}, "without ranges": {content: content, deaf: true}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range map[string][]byte{".mine.part": old[:300_000], ".mine.part.tag": []byte(`"v1"`)} {
				if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := Pull(t.Context(), offerOf(t, serve(t, h), content, "MIT"), Config{Dir: dir}); err != nil || len(h.ranges) != 1 {
				t.Errorf("%v; the requests were for %q", err, h.ranges)
			}
		})
	}
}

func TestWhatIsNotTheModelIsRemoved(t *testing.T) {
	content := modelBytes(100_000)
	for name, c := range map[string]struct {
		host *host
		says string
	}{
		"another file":       {&host{content: modelBytes(100_004)}, "SHA-256"},
		"a page":             {&host{content: []byte("<!DOCTYPE html><title>Log in</title>"), kind: "text/html; charset=utf-8"}, "web page"},
		"a page in disguise": {&host{content: []byte("\n <html>"), kind: "application/octet-stream"}, "web page"},
		"a pointer of LFS":   {&host{content: []byte("version https://git-lfs.github.com/spec/v1\n"), kind: "application/octet-stream"}, "Git LFS"},
		"an error as JSON":   {&host{content: []byte(`{"error": "no"}`), kind: "application/json"}, "a text"},
		"nothing":            {&host{content: []byte{}, kind: "application/octet-stream"}, "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := Pull(t.Context(), offerOf(t, serve(t, c.host), content, "MIT"), Config{Dir: dir, Wait: time.Millisecond})
			if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, c.says) || typed.Remedy == "" {
				t.Errorf("got %v; it must say %s", err, c.says)
			}
			wantFiles(t, dir)
		})
	}
}

func TestASourceThatIsGone(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	_, err := Pull(t.Context(), offerOf(t, server.URL, nil, "MIT"), Config{Dir: t.TempDir(), TrustFirst: true})
	if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, "404") {
		t.Errorf("got %v", err)
	}
	server.Close()
	_, err = Pull(t.Context(), offerOf(t, server.URL, nil, "MIT"), Config{Dir: t.TempDir(), TrustFirst: true, Tries: 2, Wait: time.Millisecond})
	inferencetest.WantKind(t, err, job.ModelMissing)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Pull(ctx, offerOf(t, server.URL, nil, "MIT"), Config{Dir: t.TempDir(), TrustFirst: true}); ctx.Err() == nil || err == nil {
		t.Errorf("interrupted: %v", err)
	}
}

func TestLicencesThatAskForConsent(t *testing.T) {
	content := modelBytes(1000)
	h := &host{content: content}
	o := offerOf(t, serve(t, h), content, "AGPL-3.0")
	_, err := Pull(t.Context(), o, Config{Dir: t.TempDir()})
	if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Remedy, "--accept-license") || len(h.ranges) != 0 {
		t.Errorf("got %v after %d requests", err, len(h.ranges))
	}
	if _, err := Pull(t.Context(), o, Config{Dir: t.TempDir(), AcceptLicence: true}); err != nil {
		t.Error(err)
	}
}

// TestAnUnknownHashIsTrustedOnceAndThenPinned pulls a zip, as rtmlib's are.
func TestAnUnknownHashIsTrustedOnceAndThenPinned(t *testing.T) {
	first, second := archive(t, map[string][]byte{"20230504/end2end.onnx": modelBytes(5000), "20230504/detail.json": []byte("{}")}),
		archive(t, map[string][]byte{"end2end.onnx": modelBytes(6000)})
	h := &host{content: first}
	url := strings.Replace(serve(t, h), ".onnx", ".zip", 1)
	o, dir := offerOf(t, url, nil, "Apache-2.0"), t.TempDir()
	_, err := Pull(t.Context(), o, Config{Dir: dir})
	if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Remedy, "--trust-first") || len(h.ranges) != 0 {
		t.Errorf("got %v after %d requests", err, len(h.ranges))
	}
	got, err := Pull(t.Context(), o, Config{Dir: dir, TrustFirst: true})
	sum := sha256.Sum256(modelBytes(5000))
	if err != nil || got.SHA256 != hex.EncodeToString(sum[:]) {
		t.Fatalf("%+v, %v", got, err)
	}
	wantFiles(t, dir, "mine.onnx", "mine.yaml")
	if m, err := inferencetest.Load(t, dir).Find("mine"); err != nil || m.SHA256 != got.SHA256 || m.Verify() != nil {
		t.Errorf("installed is %+v, %v", m.Manifest, err)
	}
	if err := os.Remove(got.Path); err != nil {
		t.Fatal(err)
	}
	h.content = second
	_, err = Pull(t.Context(), o, Config{Dir: dir, TrustFirst: true})
	if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, got.SHA256) {
		t.Errorf("another file under a pinned hash: %v", err)
	}
	h.content = first
	if _, err := Pull(t.Context(), o, Config{Dir: dir}); err != nil {
		t.Errorf("the pinned file needs no more trust: %v", err)
	}
}

func TestArchivesThatAreNone(t *testing.T) {
	whole := archive(t, map[string][]byte{"end2end.onnx": modelBytes(50_000)})
	damaged := bytes.Clone(whole)
	damaged[len(damaged)/2] ^= 0xff
	for name, c := range map[string]struct {
		content []byte
		says    string
	}{
		"no archive": {modelBytes(1000), "no zip"}, "cut": {whole[:len(whole)-30], "no zip"}, "damaged": {damaged, "unpacked"},
		"without a model": {archive(t, map[string][]byte{"readme.md": []byte("x")}), "no .onnx"},
		"of two":          {archive(t, map[string][]byte{"a.onnx": modelBytes(10), "b.onnx": modelBytes(10)}), "two models"},
		"of a page":       {archive(t, map[string][]byte{"end2end.onnx": []byte("<html>")}), "web page"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			url := strings.Replace(serve(t, &host{content: c.content}), ".onnx", ".zip", 1)
			_, err := Pull(t.Context(), offerOf(t, url, nil, "MIT"), Config{Dir: dir, TrustFirst: true, Tries: 1})
			if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Error(), c.says) {
				t.Errorf("got %v; it must say %s", err, c.says)
			}
			wantFiles(t, dir)
		})
	}
}

func archive(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var text bytes.Buffer
	w := zip.NewWriter(&text)
	for name, content := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

func TestFilesOfTheUsersStay(t *testing.T) {
	dir, content := t.TempDir(), modelBytes(1000)
	own := filepath.Join(dir, "mine.yaml")
	if err := os.WriteFile(own, []byte(inferencetest.ManifestOf("mine", "matte", "matte", inferencetest.MatteInput)), 0o600); err != nil {
		t.Fatal(err)
	}
	h := &host{content: content}
	_, err := Pull(t.Context(), offerOf(t, serve(t, h), content, "MIT"), Config{Dir: dir})
	if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, own) || len(h.ranges) != 0 {
		t.Errorf("got %v", err)
	}
	wantFiles(t, dir, "mine.yaml")
	if err := os.Rename(own, filepath.Join(dir, "mine.onnx")); err != nil {
		t.Fatal(err)
	}
	_, err = Pull(t.Context(), offerOf(t, serve(t, h), content, "MIT"), Config{Dir: dir})
	if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, "mine.onnx is there") {
		t.Errorf("got %v", err)
	}
	wantFiles(t, dir, "mine.onnx")
}

// TestTheCatalogueOfOffers reads what the program can pull.
func TestTheCatalogueOfOffers(t *testing.T) {
	offers, err := Offers()
	if err != nil || len(offers) < 8 {
		t.Fatalf("%d offers, %v", len(offers), err)
	}
	known := 0
	for _, o := range offers {
		if o.Known {
			known++
		} else if o.SHA256 != "" {
			t.Errorf("%s has the hash %s, which nobody knows", o.Name, o.SHA256)
		}
		if !strings.HasPrefix(o.Source, "https://") || o.File != o.Name+".onnx" || o.Licence == "" {
			t.Errorf("%s comes from %s as %s under %q", o.Name, o.Source, o.File, o.Licence)
		}
		if err := (models.Model{Manifest: o.Manifest}).Supported(); err != nil {
			t.Error(err)
		}
	}
	if known != 4 {
		t.Errorf("%d hashes are known, want the four that can be verified", known)
	}
	if _, err := FindOffer(offers, "nothing"); job.KindOf(err) != job.ModelMissing || !strings.Contains(err.Error(), "selfie-256") {
		t.Errorf("got %v", err)
	}
}

// TestOffersAreTheFilesOfTheTestData compares the known hashes with the files
// that were checked.
func TestOffersAreTheFilesOfTheTestData(t *testing.T) {
	installed := inferencetest.Load(t, inferencetest.Testdata(t, "models"))
	offers, err := Offers()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range offers {
		if !o.Known {
			continue
		}
		m, err := installed.Find(o.Name)
		if err != nil || m.SHA256 != o.SHA256 || m.Source != o.Source || m.Licence != o.Licence || m.Verify() != nil {
			t.Errorf("%s is offered as %s from %s, checked was %s from %s (%v)", o.Name, o.SHA256, o.Source, m.SHA256, m.Source, err)
		}
	}
}
