package web_test

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/web"
)

// read returns every file of the page by its name.
func read(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(web.Files(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(web.Files(), name)
		files[name] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestEverythingThatThePageLoadsIsThere(t *testing.T) {
	files := read(t)
	references := regexp.MustCompile(`(?:from|import) ?\(?'(\.[^']+)'|(?:src|href)="/([^"/][^"]*)"`)
	found := 0
	for name, text := range ours(files) {
		for _, match := range references.FindAllStringSubmatch(text, -1) {
			target := match[2]
			if match[1] != "" {
				target = path.Join(path.Dir(name), match[1])
			}
			if target == "docs" {
				continue // the API's own
			}
			found++
			if _, ok := files[target]; !ok {
				t.Errorf("%s loads %s, which is not there", name, target)
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d references were found", found)
	}
}

// ours are the files that we wrote.
func ours(files map[string]string) map[string]string {
	mine := maps.Clone(files)
	maps.DeleteFunc(mine, func(name, _ string) bool { return strings.HasPrefix(name, "vendor/") })
	return mine
}

func TestFilesAreSmallAndFetchedOnesHaveTheirLicence(t *testing.T) {
	files := read(t)
	for name, text := range ours(files) {
		if lines := strings.Count(text, "\n"); lines > 250 {
			t.Errorf("%s has %d lines, at most 250 are allowed", name, lines)
		}
	}
	for _, name := range []string{"hls", "uplot"} {
		for _, file := range []string{name + ".js", "LICENSE", "VERSION"} {
			if files["vendor/"+name+"/"+file] == "" {
				t.Errorf("vendor/%s has no %s", name, file)
			}
		}
	}
}

// The policy that the page is served with forbids these; a browser would only
// complain in its console.
func TestPageKeepsItsPolicy(t *testing.T) {
	external := regexp.MustCompile(`(?:https?:)?//[a-z0-9-]+\.[a-z.]+`)
	inline := regexp.MustCompile(`(?i)<script[^>]*>\s*[^<\s]|<style|\sstyle="|\son[a-z]+="|javascript:`)
	for name, text := range ours(read(t)) {
		text = strings.ReplaceAll(text, "http://www.w3.org/2000/svg", "") // a name, not an address
		text = strings.ReplaceAll(text, "https://mill.example.com", "")   // in a comment
		if got := external.FindString(text); got != "" {
			t.Errorf("%s refers to %s", name, got)
		}
		if path.Ext(name) == ".html" {
			if got := inline.FindString(text); got != "" {
				t.Errorf("%s has %q inside", name, got)
			}
		}
		for _, bad := range []string{"innerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"} {
			if path.Ext(name) == ".js" && strings.Contains(text, bad) {
				t.Errorf("%s uses %s: text from outside could become markup", name, bad)
			}
		}
	}
}

// TestModules runs the modules' own checks, which need no browser.
func TestModules(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: the page's modules cannot be run")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, web.Files()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"type":"module"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob(filepath.Join("testdata", "*.js"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("there are no checks: %v", err)
	}
	for _, script := range scripts {
		content, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(dir, filepath.Base(script))
		if err := os.WriteFile(at, content, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(script), func(t *testing.T) {
			if out, err := exec.CommandContext(t.Context(), node, "--test", at).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
