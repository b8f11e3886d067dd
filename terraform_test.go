package motionmill_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// terraform runs the program that TERRAFORM names, or terraform, on a copy of
// our configurations. It needs no account: their tests mock the provider.
type terraform struct {
	t       *testing.T
	program string
	// named tells that somebody asked for this very program.
	named bool
	dir   string
	cache string
}

func newTerraform(t *testing.T) *terraform {
	t.Helper()
	program := os.Getenv("TERRAFORM")
	tf := &terraform{t: t, program: program, named: program != "", dir: t.TempDir(), cache: t.TempDir()}
	if !tf.named {
		tf.program = "terraform"
	}
	path, err := exec.LookPath(tf.program)
	if err != nil {
		if tf.named {
			t.Fatalf("TERRAFORM: %v", err)
		}
		t.Skipf("no terraform here: %v; install it, or name it by TERRAFORM", err)
	}
	tf.program = path
	err = filepath.WalkDir("terraform", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.Name() == ".terraform":
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(tf.dir, name), 0o700)
		case strings.HasPrefix(entry.Name(), ".") || strings.Contains(entry.Name(), ".tfstate") || strings.HasSuffix(entry.Name(), ".tfvars"):
			return nil // What somebody's own use of the stages has left.
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(tf.dir, name), content, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return tf
}

// run runs one command of terraform in a folder of the copy.
func (tf *terraform) run(folder string, args ...string) (string, error) {
	cmd := exec.CommandContext(tf.t.Context(), tf.program, args...)
	cmd.Dir = filepath.Join(tf.dir, folder)
	cmd.Env = append(os.Environ(), "TF_PLUGIN_CACHE_DIR="+tf.cache, "TF_IN_AUTOMATION=1", "TF_INPUT=0", "CHECKPOINT_DISABLE=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// init fetches the provider, or skips the test where it cannot be had.
func (tf *terraform) init(t *testing.T, folder string) {
	t.Helper()
	out, err := tf.run(folder, "init", "-backend=false", "-no-color")
	if err == nil {
		return
	}
	unreachable := strings.Contains(out, "Failed to query available provider packages") || strings.Contains(out, "could not connect to")
	if unreachable && !tf.named {
		t.Skipf("the AWS provider cannot be fetched here; name a terraform that has it by TERRAFORM:\n%s", out)
	}
	t.Fatalf("terraform init: %v\n%s", err, out)
}

// folders are all configurations: modules, then stages.
func (tf *terraform) folders() []string {
	var all []string
	for _, pattern := range []string{"terraform/modules/*", "terraform/stages/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			tf.t.Fatal(err)
		}
		all = append(all, found...)
	}
	if len(all) < 7 {
		tf.t.Errorf("found %v only: is this the root of the project?", all)
	}
	return all
}

// TestTerraform formats, validates and tests every module and stage.
func TestTerraform(t *testing.T) {
	tf := newTerraform(t)
	if out, err := tf.run(".", "fmt", "-check", "-recursive", "-diff", "-no-color"); err != nil {
		t.Errorf("terraform fmt -recursive would change: %v\n%s", err, out)
	}
	if testing.Short() {
		t.Skip("validating and testing takes most of a minute, which -short spares")
	}
	for _, folder := range tf.folders() {
		t.Run(strings.TrimPrefix(folder, "terraform/"), func(t *testing.T) {
			tf.init(t, folder)
			if out, err := tf.run(folder, "validate", "-no-color"); err != nil {
				t.Fatalf("terraform validate: %v\n%s", err, out)
			}
			out, err := tf.run(folder, "test", "-no-color")
			if err != nil {
				t.Fatalf("terraform test: %v\n%s", err, out)
			}
			if !strings.Contains(out, "Success!") || strings.Contains(out, "Success! 0 passed") {
				t.Errorf("terraform test ran nothing:\n%s", out)
			}
		})
	}
}

// TestTerraformAssertionsCanFail breaks one property after another and expects
// the test file's run of it to fail, and no other reason.
func TestTerraformAssertionsCanFail(t *testing.T) {
	if os.Getenv("MOTIONMILL_TERRAFORM_MUTANTS") == "" {
		t.Skip("breaking every property takes some minutes; set MOTIONMILL_TERRAFORM_MUTANTS=1")
	}
	tf := newTerraform(t)
	ready := map[string]bool{}
	for _, m := range terraformMutants {
		folder := filepath.Join("terraform/modules", m.module)
		t.Run(m.module+"/"+m.name, func(t *testing.T) {
			if !ready[folder] {
				tf.init(t, folder)
				ready[folder] = true
			}
			file := filepath.Join(tf.dir, folder, m.file)
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			after := strings.Replace(string(before), m.old, m.new, 1)
			if after == string(before) {
				t.Fatalf("%s does not hold %q", m.file, m.old)
			}
			if err := os.WriteFile(file, []byte(after), 0o600); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := os.WriteFile(file, before, 0o600); err != nil {
					t.Error(err)
				}
			}()
			out, err := tf.run(folder, "test", "-no-color")
			words := strings.Join(strings.Fields(out), " ") // Messages are broken into lines.
			if err == nil || !strings.Contains(words, `run "`+m.run+`"... fail`) || !strings.Contains(words, m.because) {
				t.Errorf("run %q did not fail because %q:\n%s", m.run, m.because, out)
			}
		})
	}
}
