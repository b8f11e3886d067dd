package main

import (
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference/pull"
)

// chosenBy returns the names that flags and arguments ask for.
func chosenBy(t *testing.T, flags pullFlags, names ...string) ([]string, error) {
	t.Helper()
	offers, err := pull.Offers()
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := flags.choose(io.Discard, offers, names)
	var got []string
	for _, o := range chosen {
		got = append(got, o.Name)
	}
	return got, err
}

func TestWhichModelsArePulled(t *testing.T) {
	for name, c := range map[string]struct {
		flags pullFlags
		names []string
		want  []string
		says  string
	}{
		"by name":                 {names: []string{"selfie-256"}, want: []string{"selfie-256"}},
		"all that need no flag":   {flags: pullFlags{all: true}, want: []string{"rtmdet-nano-person", "selfie-256", "yolox-nano"}},
		"all after consent":       {flags: pullFlags{all: true, accept: true}, want: []string{"rtmdet-nano-person", "selfie-256", "yolov8n-seg-320", "yolox-nano"}},
		"a profile":               {flags: pullFlags{profile: "silhouette"}, want: []string{"selfie-256"}},
		"a profile with trust":    {flags: pullFlags{profile: "trainer", trust: true}, want: []string{"rtmpose-m-256x192", "selfie-256", "yolox-m-humanart"}},
		"a profile without trust": {flags: pullFlags{profile: "pose"}, says: "rtmpose-m-256x192 (Apache-2.0) with --trust-first"},
		"a profile of no models":  {flags: pullFlags{profile: "transcode"}},
		"no such profile":         {flags: pullFlags{profile: "smell"}, says: "smell"},
		"no such model":           {names: []string{"smell"}, says: "selfie-256"},
		"nothing":                 {says: "--list"},
		"too much":                {flags: pullFlags{all: true}, names: []string{"selfie-256"}, says: "one of them"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := chosenBy(t, c.flags, c.names...)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("got %v, %v; it must say %s", got, err, c.says)
				}
			} else if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func TestPullAsACommand(t *testing.T) {
	out, _, status := motionmill(t, "models", "pull", "--list")
	if status != statusDone || !strings.Contains(out, "yolov8n-seg-320") || !strings.Contains(out, "--accept-license") || !strings.Contains(out, "--trust-first") {
		t.Errorf("status %d: %s", status, out)
	}
	dir := filepath.Join(t.TempDir(), "models")
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"models", "pull"}, statusUsage, "--list"},
		{[]string{"models", "pull", "yolov8n-seg-320", "--models-dir", dir}, statusMissing, "AGPL-3.0"},
		{[]string{"models", "pull", "rtmpose-m-256x192", "--models-dir", dir}, statusMissing, "--trust-first"},
	} {
		_, errs, status := motionmill(t, c.args...)
		if status != c.status || !strings.Contains(errs, c.says) {
			t.Errorf("%v: status %d, %s", c.args, status, errs)
		}
	}
}

// TestPullOfANameBesideAPresetProfile pulls by name where the environment presets the
// profile of what is made.
func TestPullOfANameBesideAPresetProfile(t *testing.T) {
	cmd := program(t.Context(), "models", "pull", "no-such-model")
	cmd.Env = append(cmd.Env, "MOTIONMILL_PROFILE=pose")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if status := cmd.ProcessState.ExitCode(); status != statusMissing || !strings.Contains(string(out), "no-such-model: it is not in the catalogue") {
		t.Errorf("status %d, it says %s", status, out)
	}
}
