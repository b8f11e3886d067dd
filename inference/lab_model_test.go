package inference

import (
	"errors"
	"os"
	"testing"
	"testing/fstest"

	"github.com/motionmill/motionmill/job"
)

// What manifests of models of the task say of their inputs.
const (
	matteInput = "input: {name: in, width: 8, height: 8, fit: stretch}\n"
	poseInput  = "input: {name: in, width: 48, height: 64, fit: affine}\nkeypoints: coco17\n"
)

// modelOf parses a manifest; the file itself is not there.
func modelOf(tb testing.TB, manifest string) Model {
	tb.Helper()
	m, err := ParseManifest([]byte(manifest))
	if err != nil {
		tb.Fatal(err)
	}
	return newModel(m, fstest.MapFS{}, m.File)
}

// anyHash is a well-formed SHA-256.
const anyHash = "0000000000000000000000000000000000000000000000000000000000000000"

// manifestOf writes a manifest with the usual fields before rest.
func manifestOf(name, task, family, rest string) string {
	return "schema: motionmill.model/1\nname: " + name + "\ntask: " + task + "\nfamily: " + family +
		"\nfile: " + name + ".onnx\nsha256: " + anyHash + "\nlicence: Apache-2.0\n" + rest
}

// starters are two built-in models, of which the files are not there.
func starters() fstest.MapFS {
	return fstest.MapFS{
		"starter-pose.yaml":  {Data: []byte(manifestOf("starter-pose", "pose", "heatmap", poseInput))},
		"starter-matte.yaml": {Data: []byte(manifestOf("starter-matte", "matte", "matte", matteInput))},
		"notes.txt":          {Data: []byte("not a manifest")},
	}
}

// load reads the manifests of folders, and the starters.
func load(t *testing.T, dirs ...string) *Catalogue {
	t.Helper()
	c, err := LoadCatalogue(dirs, starters())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// openRuntime loads ONNX Runtime, or skips the test.
func openRuntime(tb testing.TB) *Runtime {
	tb.Helper()
	r, err := Open(Config{Provider: ProviderCPU, Library: os.Getenv("MOTIONMILL_ORT_LIBRARY")})
	var typed *job.Error
	if errors.As(err, &typed) && typed.Kind == job.ModelMissing {
		tb.Skipf("ONNX Runtime is not there: %v", err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Close(); err != nil {
			tb.Error(err)
		}
	})
	return r
}
