package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestEnvFilesAreReadAsAShellReadsThem compares with sh itself.
func TestEnvFilesAreReadAsAShellReadsThem(t *testing.T) {
	const text = "# A comment = no variable\n\nPLAIN=https://sqs.eu-1.example/1/work?x=%20#hash\nexport SHOWN=1\nEMPTY=\n" +
		"SINGLE='it'\\''s $HOME `x` \"two\"  blanks'\nDOUBLE=\"a \\\"b\\\" \\$c \\\\ \\n 'd'\" # a comment\n" +
		"LINES='first\nPLAIN=other\n\nlast'\nJOINED=a'b c'\"d e\"\\ f\\\\\n  INDENTED=動画\nLAST='no newline'"
	read, err := parseEnv(text)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if len(read) != 9 {
		t.Errorf("%d variables were read: %q", len(read), read)
	}
	for _, v := range read {
		cmd := exec.Command("sh", "-c", `. "$0"; printf '%s' "$`+v.name+`"`, path)
		want, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if v.value != string(want) {
			t.Errorf("%s is %q, a shell has %q", v.name, v.value, want)
		}
	}
}

func TestEnvFilesThatAShellWouldActOnAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"A=1\nB=$(id)":      "line 2: B: a shell would take the $",
		"A=\"`id`\"":        "line 1: A: a shell would expand the `",
		"A='\n\n":           "line 1: A: a ' without its end",
		"A=\"":              `line 1: A: a " without its end`,
		"A='\n'\nB b=1":     "line 3: this is not NAME=value",
		"A=b c":             "line 1: A: there is more after the value",
		"A=1;rm -rf x":      "line 1: A: a shell would take the ;",
		"1A=2":              "line 1: this is not NAME=value",
		"A=\\":              "line 1: A: it ends in a \\",
		"A='x'\nnonsense\n": "line 2: this is not NAME=value",
	} {
		if _, err := parseEnv(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestTheEnvironmentWinsOverTheFile asks a command that tells what it was given.
func TestTheEnvironmentWinsOverTheFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("MOTIONMILL_LEASE='1ms'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "other"), []byte("MOTIONMILL_CAPACITY=none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		env  []string
		args []string
		want string
	}{
		{name: ".env is read where there is one", want: "--lease 1ms"},
		{name: "the environment wins", env: []string{"MOTIONMILL_LEASE=2ms"}, want: "--lease 2ms"},
		{name: "a flag wins", env: []string{"MOTIONMILL_LEASE=2ms"}, args: []string{"--lease", "3ms"}, want: "--lease 3ms"},
		{name: "another file", args: []string{"--env-file", "other"}, want: `MOTIONMILL_CAPACITY="none"`},
		{name: "another file by the environment", env: []string{"MOTIONMILL_ENV_FILE=other"}, want: `MOTIONMILL_CAPACITY="none"`},
		{name: "a file that is not there", args: []string{"--env-file", "nowhere"}, want: "nowhere: no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], append([]string{"work"}, c.args...)...)
			cmd.Dir = dir
			cmd.Env = append(append(os.Environ(), asMotionmill+"=1"), c.env...)
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != statusUsage || !strings.Contains(string(out), c.want) {
				t.Errorf("%v, it said %s, want %q", err, out, c.want)
			}
		})
	}
}
