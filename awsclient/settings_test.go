package awsclient

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/smithy-go/logging"
)

// TestTheSDKWritesNothingOfItsOwn holds stderr free of lines that are neither of the
// format nor of the level that MOTIONMILL_LOG_FORMAT and MOTIONMILL_LOG_LEVEL ask for.
func TestTheSDKWritesNothingOfItsOwn(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stderr := os.Stderr
	os.Stderr = file
	settings, err := Settings(t.Context(), nil)
	os.Stderr = stderr
	if err != nil {
		t.Fatal(err)
	}
	if settings.Logger != nil {
		settings.Logger.Logf(logging.Debug, "Response has no supported checksum.")
	}
	if text, err := os.ReadFile(file.Name()); err != nil || len(text) != 0 {
		t.Errorf("it writes %q (%v)", text, err)
	}
}
