package gateway_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/motionmill/motionmill/store/storetest"
)

func TestStoreConformance(t *testing.T) {
	for name, attributesBeside := range map[string]bool{"attributes in files": false, "attributes beside files": true} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) storetest.Harness {
				dir := t.TempDir()
				if attributesBeside { // As a file system without user attributes makes it.
					if err := os.Mkdir(filepath.Join(dir, "attributes"), 0o755); err != nil {
						t.Fatal(err)
					}
				}
				s := newStageIn(t, dir)
				return storetest.Harness{Store: s.store(""), Bucket: uploads, Other: outputs,
					ConditionalPut: true, ConditionalComplete: true, VerifiesSignatures: true, OverridesHeaders: true, KnowsUploads: true}
			})
		})
	}
}
