package api_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The page that lists the calls works in a real browser under the policy that
// it is served with, which refuses inline scripts and other origins.
func TestDocsInABrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	s := newStage(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var told strings.Builder
	cmd := exec.CommandContext(ctx, chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", //nolint:gosec // the machine's own browser
		"--user-data-dir="+t.TempDir(), "--enable-logging=stderr", "--virtual-time-budget=15000", "--dump-dom", s.url+"/docs")
	cmd.Stderr = &told
	dom, err := cmd.Output()
	if err != nil {
		t.Skipf("chromium does not run here: %v\n%s", err, told.String())
	}
	for _, want := range []string{"operations-uploads-create-upload", "operations-jobs-get-job", "/v1/imports"} {
		if !strings.Contains(string(dom), want) {
			t.Errorf("the page does not show %s:\n%.2000s", want, dom)
		}
	}
	for line := range strings.Lines(told.String()) {
		if strings.Contains(line, "CONSOLE") && (strings.Contains(line, "Refused") || strings.Contains(line, "Content Security Policy") || strings.Contains(line, "rror")) {
			t.Errorf("the console says %s", line)
		}
	}
}
