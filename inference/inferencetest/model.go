package inferencetest

import (
	"errors"
	"os"
	"testing"
	"testing/fstest"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/job"
)

// What manifests of models of the task say of their inputs.
const (
	MatteInput = "input: {name: in, width: 8, height: 8, fit: stretch}\n"
	PoseInput  = "input: {name: in, width: 48, height: 64, fit: affine}\nkeypoints: coco17\n"
)

// ModelOf parses a manifest; the file itself is not there.
func ModelOf(tb testing.TB, manifest string) models.Model {
	tb.Helper()
	m, err := models.ParseManifest([]byte(manifest))
	if err != nil {
		tb.Fatal(err)
	}
	return models.New(m, fstest.MapFS{}, m.File)
}

// AnyHash is a well-formed SHA-256.
const AnyHash = "0000000000000000000000000000000000000000000000000000000000000000"

// ManifestOf writes a manifest with the usual fields before rest.
func ManifestOf(name, task, family, rest string) string {
	return "schema: motionmill.model/1\nname: " + name + "\ntask: " + task + "\nfamily: " + family +
		"\nfile: " + name + ".onnx\nsha256: " + AnyHash + "\nlicence: Apache-2.0\n" + rest
}

// starters are two built-in models, of which the files are not there.
func starters() fstest.MapFS {
	return fstest.MapFS{
		"starter-pose.yaml":  {Data: []byte(ManifestOf("starter-pose", "pose", "heatmap", PoseInput))},
		"starter-matte.yaml": {Data: []byte(ManifestOf("starter-matte", "matte", "matte", MatteInput))},
		"notes.txt":          {Data: []byte("not a manifest")},
	}
}

// Load reads the manifests of folders, and the starters.
func Load(t *testing.T, dirs ...string) *models.Catalogue {
	t.Helper()
	c, err := models.LoadCatalogue(dirs, starters())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// OpenRuntime loads ONNX Runtime, or skips the test.
func OpenRuntime(tb testing.TB) *onnx.Runtime {
	tb.Helper()
	r, err := onnx.Open(onnx.Config{Provider: onnx.ProviderCPU, Library: os.Getenv("MOTIONMILL_ORT_LIBRARY")})
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
