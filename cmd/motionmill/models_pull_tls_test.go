package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/motionmill/motionmill/inference/pull"
	"github.com/motionmill/motionmill/inference/starter"
)

// TestPullFromRegistries pulls by manifests, out of an npm package and a wheel,
// kills the program in the middle of each, pulls on and tries the models.
func TestPullFromRegistries(t *testing.T) {
	needParts(t)
	model, err := fs.ReadFile(starter.Files, "starter-matte.onnx")
	if err != nil {
		t.Fatal(err)
	}
	npm, wheel := "/people/-/people-1.2.0.tgz", "/packages/ab/people-1.2.0-py3-none-any.whl"
	r := newRegistry(t, map[string][]byte{npm: npmPackage(t, model), wheel: wheelOf(t, model)}, npm, wheel)
	dir := filepath.Join(t.TempDir(), "models")
	for name, place := range map[string]string{
		"from-npm": npm + "#package/models/matte.onnx", "from-wheel": wheel + "#people/matte.onnx",
	} {
		t.Run(name, func(t *testing.T) {
			manifest := filepath.Join(t.TempDir(), "mine.yaml")
			text := fmt.Sprintf("schema: motionmill.model/1\nname: %s\nfile: %s.onnx\nsha256: %x\nlicence: Apache-2.0\nrank: 90\nsource: %s\n%s",
				name, name, sha256.Sum256(model), r.URL+place, manifestRest(t, "starter-matte.yaml"))
			if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"models", "pull", manifest, "--models-dir", dir}
			r.killedHalfway(t, r.program(t, args...), filepath.Join(dir, "."+name+".part"))
			out, err := r.program(t, args...).CombinedOutput()
			if err != nil || !strings.Contains(string(out), fmt.Sprintf("%x", sha256.Sum256(model))) {
				t.Fatalf("%v\n%s", err, out)
			}
			path, _, _ := strings.Cut(place, "#")
			r.wantResumed(t, path)
		})
	}
	mustRun(t, "models", "verify", "--models-dir", dir, "from-npm", "from-wheel")
}

// TestPullTheCatalogue pulls everything of which the hash is known, by the
// catalogue's own addresses, through a proxy that leads to copies of the files.
// The program is killed in the third of the four.
func TestPullTheCatalogue(t *testing.T) {
	needParts(t)
	offers, err := pull.Offers()
	if err != nil {
		t.Fatal(err)
	}
	copies, files, names := checkedModels(t), map[string][]byte{}, []string{}
	for _, o := range offers {
		if !o.Known {
			continue
		}
		at, err := url.Parse(o.Source)
		if err != nil || copies[o.SHA256] == nil {
			t.Fatalf("%s: %v, or no file of the test data is %s", o.Name, err, o.SHA256)
		}
		files[at.Path], names = copies[o.SHA256], append(names, o.Name)
	}
	third, err := pull.FindOffer(offers, names[2])
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(third.Source)
	if err != nil {
		t.Fatal(err)
	}
	r := newRegistry(t, files, at.Path)
	dir := filepath.Join(t.TempDir(), "models")
	args := []string{"models", "pull", "--all", "--accept-license", "--models-dir", dir}
	r.killedHalfway(t, r.program(t, args...), filepath.Join(dir, "."+third.Name+".part"))
	out, err := r.program(t, args...).CombinedOutput()
	if err != nil || strings.Count(string(out), "there ") != 2 || strings.Count(string(out), "installed ") != len(names)-2 {
		t.Fatalf("%v\n%s", err, out)
	}
	r.wantResumed(t, at.Path)
	mustRun(t, append([]string{"models", "verify", "--models-dir", dir}, names...)...)
}

// checkedModels are the model files of the test data by SHA-256.
func checkedModels(t *testing.T) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(sharedTestdata(t, "models"), "models", "*.onnx"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no models in the test data: %v", err)
	}
	models := map[string][]byte{}
	for _, path := range paths {
		content := readFile(t, path)
		models[fmt.Sprintf("%x", sha256.Sum256(content))] = content
	}
	return models
}

// npmPackage packs a model, and a file that is none, as npm does.
func npmPackage(t *testing.T, model []byte) []byte {
	t.Helper()
	var text bytes.Buffer
	zipped := gzip.NewWriter(&text)
	w := tar.NewWriter(zipped)
	err := w.AddFS(fstest.MapFS{
		"package/package.json": {Data: []byte(`{"name": "people"}`)}, "package/models/matte.onnx": {Data: model}, "package/models/other.onnx": {Data: model[:100]},
	})
	if err := errors.Join(err, w.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// wheelOf packs them as Python's packages are.
func wheelOf(t *testing.T, model []byte) []byte {
	t.Helper()
	var text bytes.Buffer
	w := zip.NewWriter(&text)
	err := w.AddFS(fstest.MapFS{"people/__init__.py": {}, "people/matte.onnx": {Data: model}, "people/other.onnx": {Data: model[:100]}})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}
