package main

import (
	"strings"
	"testing"
)

// TestWrongArgumentsAreToldWithTheUsage looks at what somebody sees who mistypes.
func TestWrongArgumentsAreToldWithTheUsage(t *testing.T) {
	for _, c := range []struct {
		args, says string
	}{
		{"run", "motionmill run takes 1 argument, and got 0; usage: motionmill run FILE --out DIR"},
		{"jobs show a b", "motionmill jobs show takes 1 argument, and got 2; usage: motionmill jobs show ID"},
		{"jobs list x", "motionmill jobs list takes 0 arguments, and got 1; usage: motionmill jobs list"},
		{"submit", "motionmill submit takes 1 argument or more, and got 0; usage: motionmill submit FILE|URL…"},
		{"version x", "motionmill version takes 0 arguments, and got 1"},
		{"jobs redrive --all x", "redrive: name jobs, or say --all for every dead job; not both"},
		{"jobs list --limit -1", "--limit -1: it cannot be negative"},
		{"serve --max-upload -1", "--max-upload -1, --multipart-above 67108864: neither can be negative"},
		{"serve --part-bytes 1", "--part-bytes 1: S3 takes no part below 5242880 bytes"},
		{"run --fly", "unknown flag: --fly; see motionmill run --help"},
		{"work --lease soon", `invalid duration "soon"; see motionmill work --help`},
		{"fly", `unknown command "fly" for "motionmill"; see motionmill --help`},
		{"help fly", `unknown command "fly" for "motionmill"; see motionmill --help`},
		{"help jobs fly", `unknown command "fly" for "motionmill jobs"; see motionmill jobs --help`},
	} {
		out, errs, status := motionmill(t, strings.Fields(c.args)...)
		if status != statusUsage || out != "" || !strings.Contains(errs, c.says) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: status %d, it prints %q and says %q, want %q", c.args, status, out, errs, c.says)
		}
	}
	if out, _, status := motionmill(t, "help", "jobs", "show"); status != statusDone || !strings.Contains(out, "motionmill jobs show ID") {
		t.Errorf("help jobs show: status %d, it prints %q", status, out)
	}
}

// TestAnInterruptionIsToldInPeoplesWords has the texts that Ctrl-C has led to.
func TestAnInterruptionIsToldInPeoplesWords(t *testing.T) {
	for text, want := range map[string]string{
		"list the jobs: GET /v1/jobs: context canceled":                    "list the jobs: GET /v1/jobs: interrupted",
		"stop work: stop work: analyse frame 4: interrupt signal received": "stop work: analyse frame 4: interrupted",
		"probe a.mp4: context canceled: terminated signal received":        "probe a.mp4: interrupted",
	} {
		if got := interruption.Replace(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
