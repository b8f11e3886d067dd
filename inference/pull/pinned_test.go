package pull

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/job"
)

// TestManifestInTheFolderIsPinned pulls by a manifest without a hash that lies where it belongs.
func TestManifestInTheFolderIsPinned(t *testing.T) {
	content, dir := modelBytes(4000), t.TempDir()
	file := filepath.Join(dir, "mine.yaml")
	url := serve(t, &host{content: content})
	if err := os.WriteFile(file, offerOf(t, url, nil, "MIT").text, 0o600); err != nil {
		t.Fatal(err)
	}
	// A file of the user's is not replaced.
	if err := os.WriteFile(filepath.Join(dir, "mine.onnx"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, own := range []bool{true, false} {
		o, err := ReadOffer(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Pull(t.Context(), o, Config{Dir: dir, TrustFirst: true})
		if own {
			if inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(err.Error(), "another file") {
				t.Errorf("got %v", err)
			}
			if err := os.Remove(filepath.Join(dir, "mine.onnx")); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err != nil || !got.Fetched {
			t.Fatalf("got %+v, %v", got, err)
		}
		if m := inferencetest.Load(t, dir); m.List()[0].SHA256 != got.SHA256 {
			t.Errorf("the manifest has %s, want %s", m.List()[0].SHA256, got.SHA256)
		}
	}
	wantFiles(t, dir, "mine.onnx", "mine.yaml")
}
