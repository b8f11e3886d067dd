package pull

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/job"
)

// packed is one of a tar archive, in order.
type packed struct {
	name    string
	content []byte
	link    string // where a symbolic link leads
}

func tarball(t *testing.T, format tar.Format, entries ...packed) []byte {
	t.Helper()
	var text bytes.Buffer
	zipped := gzip.NewWriter(&text)
	w := tar.NewWriter(zipped)
	for _, e := range entries {
		head := &tar.Header{Name: e.name, Size: int64(len(e.content)), Mode: 0o644, Typeflag: tar.TypeReg, Format: format}
		if e.link != "" {
			head.Typeflag, head.Linkname = tar.TypeSymlink, e.link
		}
		if err := w.WriteHeader(head); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// pullFrom serves an archive under a name, and pulls what place names in it.
func pullFrom(t *testing.T, h *host, place string, model []byte, cfg Config) (Pulled, error) {
	t.Helper()
	url := strings.Replace(serve(t, h), "model.onnx", place, 1)
	cfg.Wait = time.Millisecond
	cfg.TrustFirst = model == nil
	return Pull(t.Context(), offerOf(t, url, model, "MIT"), cfg)
}

// TestModelsComeOutOfArchives takes models out of what package registries and
// projects give, over a connection that breaks off in the middle.
func TestModelsComeOutOfArchives(t *testing.T) {
	model, other := modelBytes(60_000), modelBytes(5000)
	files := map[string][]byte{"pkg/data/person.onnx": model, "pkg/data/other.onnx": other, "pkg/__init__.py": []byte("x"), "pkg-1.dist-info/RECORD": nil}
	deep := "package/" + strings.Repeat("a-rather-long-folder/", 9) + "person.onnx"
	npm := []packed{{"package/package.json", []byte("{}"), ""}, {"package/models/other.onnx", other, ""}, {"package/models/person.onnx", model, ""}}
	for name, c := range map[string]struct {
		archive []byte
		place   string
	}{
		"wheel":                {archive(t, files), "pkg-1-py3-none-any.whl#pkg/data/person.onnx"},
		"jar":                  {archive(t, files), "models-1.JAR#pkg/data/person.onnx"},
		"zip of one":           {archive(t, map[string][]byte{"a/person.onnx": model, "a/deploy.json": []byte("{}")}), "model.zip"},
		"npm":                  {tarball(t, tar.FormatUSTAR, npm...), "-/pkg-1.0.0.tgz#package/models/person.onnx"},
		"a place with %20":     {tarball(t, tar.FormatPAX, packed{"a b/person.onnx", model, ""}, npm[1]), "pkg.tar.gz?v=1#a%20b/person.onnx"},
		"names from .":         {tarball(t, tar.FormatGNU, packed{"./models/person.onnx", model, ""}, npm[1]), "pkg.tar.gz#models/person.onnx"},
		"long names, GNU":      {tarball(t, tar.FormatGNU, packed{deep, model, ""}, npm[1]), "pkg.tgz#" + deep},
		"long names, PAX":      {tarball(t, tar.FormatPAX, npm[1], packed{deep, model, ""}), "pkg.tgz#" + deep},
		"tar.gz of one":        {tarball(t, tar.FormatPAX, npm[0], npm[2]), "pkg.tar.gz"},
		"under another name":   {tarball(t, tar.FormatPAX, packed{"model.bin", model, ""}, npm[1]), "pkg.tar.gz#model.bin"},
		"a link to it, unread": {tarball(t, tar.FormatPAX, npm[2], packed{"latest.onnx", nil, "package/models/person.onnx"}), "pkg.tgz#package/models/person.onnx"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cut := int64(len(c.archive) / 2)
			h := &host{content: c.archive, tag: `"1"`, cuts: map[int]int64{0: cut}}
			got, err := pullFrom(t, h, c.place, model, Config{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			if text, err := os.ReadFile(got.Path); err != nil || !bytes.Equal(text, model) {
				t.Errorf("installed are %d bytes, %v", len(text), err)
			}
			if want := []string{"", fmt.Sprintf("bytes=%d-", cut)}; !slices.Equal(h.ranges, want) {
				t.Errorf("the requests were for %q, want %q", h.ranges, want)
			}
			wantFiles(t, dir, "mine.onnx", "mine.yaml")
		})
	}
}

func TestArchivesThatMeanHarm(t *testing.T) {
	model := modelBytes(20_000)
	one := tarball(t, tar.FormatPAX, packed{"p/person.onnx", model, ""})
	damaged := slices.Clone(one)
	damaged[len(damaged)/2] ^= 0xff
	sum := slices.Clone(one)
	sum[len(sum)-8] ^= 0xff
	zeros := make([]byte, 300_000)
	two := []packed{{"p/a.onnx", model, ""}, {"p/b.onnx", model, ""}}
	for name, c := range map[string]struct {
		archive     []byte
		place, says string
	}{
		"no archive":              {model, "a.tgz", "no tar.gz"},
		"a zip as tar.gz":         {archive(t, map[string][]byte{"a.onnx": model}), "a.tgz", "no tar.gz"},
		"cut":                     {one[:len(one)-20], "a.tgz", "cannot be unpacked"},
		"damaged":                 {damaged, "a.tgz", "cannot be unpacked"},
		"another checksum":        {sum, "a.tgz", "cannot be unpacked"},
		"two":                     {tarball(t, tar.FormatPAX, two...), "a.tgz", "two models, p/a.onnx and p/b.onnx"},
		"twice the same":          {tarball(t, tar.FormatPAX, two[0], two[0]), "a.tgz#p/a.onnx", "two models"},
		"without it":              {tarball(t, tar.FormatPAX, two...), "a.tgz#p/c.onnx", "no file p/c.onnx"},
		"zip without it":          {archive(t, map[string][]byte{"a.onnx": model}), "a.whl#p/c.onnx", "no file p/c.onnx"},
		"a link to a secret":      {tarball(t, tar.FormatPAX, packed{"p/a.onnx", nil, "/etc/passwd"}), "a.tgz", "a link"},
		"a page in it":            {tarball(t, tar.FormatPAX, packed{"a.onnx", []byte("<html>"), ""}), "a.tgz", "web page"},
		"a bomb":                  {tarball(t, tar.FormatPAX, packed{"a.onnx", zeros, ""}), "a.tgz", "more than 100000 bytes"},
		"a bomb beside the model": {tarball(t, tar.FormatPAX, two[0], packed{"zeros", zeros, ""}), "a.tgz#p/a.onnx", "more than 100000 bytes"},
		"a bomb behind the end":   {slices.Concat(one, gzipped(t, zeros)), "a.tgz", "more than 100000 bytes"},
		"a zip as a bomb":         {archive(t, map[string][]byte{"a.onnx": zeros}), "a.zip", "more than 100000 bytes"},
		"more than was asked for": {bytes.Repeat(model, 6), "a.tgz", "more than 100000 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := pullFrom(t, &host{content: c.archive}, c.place, nil, Config{Dir: dir, Most: 100_000, Tries: 1})
			if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, c.says) {
				t.Errorf("got %v; it must say %s", err, c.says)
			}
			wantFiles(t, dir)
		})
	}
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var text bytes.Buffer
	w := gzip.NewWriter(&text)
	_, err := w.Write(content)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// TestWhatIsThereInWholeIsNotFetchedAgain ends a pull between the last byte and
// the unpacking.
func TestWhatIsThereInWholeIsNotFetchedAgain(t *testing.T) {
	model := modelBytes(50_000)
	h := &host{content: tarball(t, tar.FormatPAX, packed{"a.onnx", model, ""}), tag: `"1"`}
	url := strings.Replace(serve(t, h), ".onnx", ".tgz", 1)
	o, dir := offerOf(t, url, model, "MIT"), t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	p := &pull{Config: Config{Dir: dir}.withDefaults(), offer: o, want: o.SHA256}
	part := filepath.Join(dir, ".mine.part")
	if err := p.fetch(ctx, part); err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := p.install(ctx, part, Pulled{Path: filepath.Join(dir, o.File)}); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupt while unpacking: %v", err)
	}
	wantFiles(t, dir, ".mine.part", ".mine.part.tag")
	served := 0
	got, err := Pull(t.Context(), o, Config{Dir: dir, Report: func(int64, int64) { served++ }})
	if err != nil || !got.Fetched || served != 0 {
		t.Errorf("%+v, %v; bytes came %d times", got, err, served)
	}
	if want := []string{"", fmt.Sprintf("bytes=%d-", len(h.content))}; !slices.Equal(h.ranges, want) {
		t.Errorf("the requests were for %q, want %q", h.ranges, want)
	}
	wantFiles(t, dir, "mine.onnx", "mine.yaml")
}

func TestOnePullAtATime(t *testing.T) {
	model := modelBytes(1000)
	asked, answer := make(chan struct{}), make(chan struct{})
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 1 {
			close(asked)
			<-answer
		}
		_, _ = w.Write(model)
	}))
	t.Cleanup(server.Close)
	o, cfg := offerOf(t, server.URL+"/model.onnx", model, "MIT"), Config{Dir: t.TempDir()}
	first := make(chan error, 1)
	go func() {
		_, err := Pull(t.Context(), o, cfg)
		first <- err
	}()
	<-asked
	_, err := Pull(t.Context(), o, cfg)
	close(answer)
	if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, "another process is pulling") {
		t.Errorf("got %v", err)
	}
	if err := <-first; err != nil {
		t.Error(err)
	}
	if got, err := Pull(t.Context(), o, cfg); err != nil || got.Fetched {
		t.Errorf("after it: %+v, %v", got, err)
	}
}

// TestNoRedirectLeavesTLS leads from https to http with a server that would give the very file.
func TestNoRedirectLeavesTLS(t *testing.T) {
	model := modelBytes(1000)
	h := &host{content: model}
	plain := serve(t, h)
	server := httptest.NewTLSServer(http.RedirectHandler(plain, http.StatusFound))
	t.Cleanup(server.Close)
	client := server.Client()
	client.CheckRedirect = Config{}.withDefaults().Client.CheckRedirect
	_, err := Pull(t.Context(), offerOf(t, server.URL, model, "MIT"), Config{Dir: t.TempDir(), Client: client})
	if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Finding, "from https to http") || len(h.ranges) != 0 {
		t.Errorf("got %v after %d requests", err, len(h.ranges))
	}
}

// TestManifestsOfTheUsersAreOffers reads what `models pull FILE.yaml` is given.
func TestManifestsOfTheUsersAreOffers(t *testing.T) {
	good := strings.Replace(inferencetest.ManifestOf("mine", "matte", "matte", inferencetest.MatteInput), "sha256: "+inferencetest.AnyHash, fmt.Sprintf("sha256: %x", sha256.Sum256(nil)), 1)
	for name, c := range map[string]struct{ text, says string }{
		"good":                {good + "source: https://registry.example/a/-/a-1.tgz#package/a.onnx\n", ""},
		"without a source":    {good, "source: is missing"},
		"a source in words":   {good + "source: trained at home\n", "no address"},
		"a file as a source":  {good + "source: file:///etc/passwd\n", "no address"},
		"a password":          {good + "source: https://me:secret@registry.example/a.onnx\n", "password"},
		"a place in no zip":   {good + "source: https://registry.example/a.onnx#b.onnx\n", "no archive"},
		"a file of YAML":      {strings.Replace(good, "file: mine.onnx", "file: mine.yaml", 1) + "source: https://registry.example/a\n", ".onnx"},
		"no manifest":         {"# nothing\n", "schema"},
		"an unknown field":    {good + "mirror: x\n", "mirror"},
		"a hash of no digits": {strings.Replace(good, "sha256: ", "sha256: x", 1) + "source: https://registry.example/a\n", "sha256"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "a.yaml")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			o, err := ReadOffer(file)
			if c.says == "" {
				if err != nil || !o.Known || o.Name != "mine" {
					t.Errorf("%+v, %v", o, err)
				}
			} else if typed := inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(typed.Error(), c.says) || strings.Contains(typed.Error(), "secret") {
				t.Errorf("got %v; it must say %s", err, c.says)
			}
		})
	}
	_, err := ReadOffer(filepath.Join(t.TempDir(), "none.yaml"))
	inferencetest.WantKind(t, err, job.ModelMissing)
}
