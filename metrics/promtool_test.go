package metrics

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/cloudtest"
)

// promtool runs the tool of the real Prometheus, where it is installed.
func promtool(t *testing.T, input string, args ...string) (output string, err error) {
	t.Helper()
	command := exec.Command(cloudtest.Program(t, "promtool"), args...)
	command.Stdin = strings.NewReader(input)
	out, err := command.CombinedOutput()
	return string(out), err
}

// TestPrometheusTakesTheRules has the real Prometheus read what people load
// into it, and run the tests of the alerts.
func TestPrometheusTakesTheRules(t *testing.T) {
	for _, args := range [][]string{
		{"check", "rules", filepath.Join(observeDir, "alerts.yml")},
		{"check", "config", filepath.Join(observeDir, "prometheus.yml")},
		{"test", "rules", filepath.Join(observeDir, "alerts_test.yml")},
	} {
		if out, err := promtool(t, "", args...); err != nil || !strings.Contains(out, "SUCCESS") {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestAnAlertThatNeverFiresIsFound takes one away: the tests of the alerts
// must fail. That they try each of them is TestEveryAlertIsTried's.
func TestAnAlertThatNeverFiresIsFound(t *testing.T) {
	dir := t.TempDir()
	for name, change := range map[string]func(string) string{
		"alerts_test.yml": func(text string) string { return text },
		"alerts.yml": func(text string) string {
			return strings.Replace(text, "alert: MotionmillDiskFull\n", "alert: Another\n", 1)
		},
	} {
		text, err := os.ReadFile(filepath.Join(observeDir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), []byte(change(string(text))), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	out, err := promtool(t, "", "test", "rules", filepath.Join(dir, "alerts_test.yml"))
	if err == nil || !strings.Contains(out, "MotionmillDiskFull") {
		t.Errorf("without MotionmillDiskFull the tests of the alerts give %v\n%s", err, out)
	}
}

// TestPrometheusLikesTheMeasures has promtool judge names, help and types.
func TestPrometheusLikesTheMeasures(t *testing.T) {
	m := everything()
	m.Notified("webhook", "delivered")
	_, page := get(t, m.Handler(nothingWrong, discard()), "/metrics")
	if out, err := promtool(t, page, "check", "metrics"); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
