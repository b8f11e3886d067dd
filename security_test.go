package motionmill_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityTableNamesTests holds the table of docs/security.md to the tests
// that there are: each is named after the folder that it lies in.
func TestSecurityTableNamesTests(t *testing.T) {
	text, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	threats, _, _ := strings.Cut(string(text), "\n## ")
	word := regexp.MustCompile("`([a-z/]+)`|\\b(Test[A-Z]\\w*)")
	named := 0
	for line := range strings.Lines(threats) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "| ") || !strings.Contains(line, "Test") {
			continue
		}
		folder := ""
		for _, found := range word.FindAllStringSubmatch(cells[len(cells)-1], -1) {
			if found[1] != "" {
				folder = found[1]
				continue
			}
			named++
			if !hasTest(t, folder, found[2]) {
				t.Errorf("docs/security.md names %s in %q, which is not there", found[2], folder)
			}
		}
	}
	if named < 60 {
		t.Errorf("only %d tests were found in the table", named)
	}
}

// hasTest tells whether a folder has a test of a name.
func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(t *testing.T)") {
			return true
		}
	}
	return false
}
