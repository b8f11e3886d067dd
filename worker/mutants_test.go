package worker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/doctable"
)

// Each rule of the protocol is there because leaving it out loses or doubles a
// job, or costs what it must not. A mutant is the code with one rule left out,
// and some test must fail on it. This file runs them; sections lists them.

// swap is one change of a file: old occurs in it exactly once.
type swap struct{ old, new string }

// mutant is the code with one rule left out.
type mutant struct {
	// name is one word for -run.
	name string
	// rule is the sentence or table row in few words, without what the code does
	// in its place.
	rule, instead string
	// file is the path of the changed file from the root of the module.
	file  string
	swaps []swap
	// unit is a pattern of the tests of the file's own package that are tried, or
	// of those in another folder; empty is all. Files of package worker have the
	// stages below instead.
	unit, in string
	// crash is a pattern of crash points that are tried as well; empty is none.
	crash string
}

// section is a part of the design with the mutants that leave out its rules.
type section struct {
	title   string
	mutants []mutant
}

func sections() []section {
	return slices.Concat(mutantsOfEveryStep(), mutantsOfTheClaim(), mutantsOfTheRun(), mutantsOfTheSweep(), mutantsAround())
}

const (
	root = ".."
	// mutantsVariable asks for the mutants to be run; without it they are only
	// looked at.
	mutantsVariable = "MOTIONMILL_MUTANTS"
	// tableOfMutants is the file with the table, between these two lines.
	tableOfMutants = "docs/protocol.md"
	tableBegins    = "<!-- mutants: written by make mutants -->\n"
	tableEnds      = "<!-- end -->"
)

// folder returns the folder whose own tests are tried.
func (m mutant) folder() string { return cmp.Or(m.in, filepath.Dir(m.file)) }

// apply returns the changed file.
func (m mutant) apply() (string, error) {
	raw, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return "", err
	}
	text := string(raw)
	for _, s := range m.swaps {
		if n := strings.Count(text, s.old); n != 1 {
			return "", fmt.Errorf("%s holds this %d times, not once: %s", m.file, n, s.old)
		}
		text = strings.Replace(text, s.old, s.new, 1)
	}
	_, err = parser.ParseFile(token.NewFileSet(), m.file, text, parser.SkipObjectResolution)
	return text, err
}

// TestMutantsFit holds the list of mutants to the code as it is.
func TestMutantsFit(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range append(sections(), guards()...) {
		for _, m := range s.mutants {
			if _, err := m.apply(); err != nil {
				t.Errorf("mutant %s: %v", m.name, err)
			}
			if seen[m.name] || m.name == "" || m.rule == "" || m.instead == "" || len(m.swaps) == 0 {
				t.Errorf("mutant %q is there twice or lacks something", m.name)
			}
			seen[m.name] = true
		}
	}
}

// TestMutants runs the tests on each mutant and writes the table of what
// caught it. It takes about a quarter of an hour; make mutants runs it.
func TestMutants(t *testing.T) {
	if os.Getenv(mutantsVariable) == "" {
		t.Skipf("%s is not set; make mutants runs this", mutantsVariable)
	}
	if !t.Run("nothing-left-out", soundness) {
		t.Fatal("tests fail on the code as it is: what they say of mutants means nothing")
	}
	tabulate(t, tableOfMutants, "rule", sections(), mutant.hunt)
}

// tabulate tries every mutant and puts what caught it into the table of a document, whose
// first column has a name; unless one was left out, or not caught.
func tabulate(t *testing.T, document, first string, all []section, try func(m mutant, t *testing.T) (caught string)) {
	t.Helper()
	var table strings.Builder
	whole := true
	for _, s := range all {
		fmt.Fprintf(&table, "\n### %s\n\n| %s | instead | caught by |\n| --- | --- | --- |\n", s.title, first)
		for _, m := range s.mutants {
			ran := false
			passed := t.Run(m.name, func(t *testing.T) {
				ran = true
				caught := try(m, t)
				t.Logf("%s: %s: %s", m.name, m.instead, caught)
				fmt.Fprintf(&table, "| %s | %s | %s |\n", cell(m.rule), cell(m.instead), cell(caught))
			})
			whole = whole && ran && passed
		}
	}
	if !whole {
		t.Logf("%s is left as it is: not every mutant was tried and caught", document)
		return
	}
	place := doctable.Place{Document: filepath.Join(root, document), First: tableBegins, Last: tableEnds}
	if err := place.Write(table.String() + "\n"); err != nil {
		t.Error(err)
	}
}

// soundness runs the stages on the code as it is: nothing may fail.
func soundness(t *testing.T) {
	tried := map[string]bool{}
	sound := func(folder string, s stint) {
		binary := filepath.Join(t.TempDir(), "tests")
		build(t, binary, folder)
		for _, name := range runStage(t, binary, folder, s) {
			t.Errorf("%s: %s fails", folder, name)
		}
	}
	for _, s := range sections() {
		for _, m := range s.mutants {
			if folder := m.folder(); folder != "worker" && !tried[folder+m.unit] {
				tried[folder+m.unit] = true
				sound(folder, stint{run: m.unit, slow: true})
			}
		}
	}
	for _, s := range (mutant{}).stints() {
		if !s.search {
			sound("worker", s)
		}
	}
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// stint is one run of a test binary.
type stint struct {
	run, skip string
	args      []string
	env       []string
	// search is for what nothing else has caught yet. It ends with the first
	// failure, for shortening it would take long.
	search bool
	slow   bool // It waits for real processes, or does a lot.
}

// hunt runs the tests on the mutant, the cheap ones first, and tells which
// failed.
func (m mutant) hunt(t *testing.T) string {
	t.Helper()
	overlay := m.overlay(t)
	var found catch
	if folder := m.folder(); folder != "worker" {
		found.add(folder+": ", runStage(t, compile(t, overlay, folder), folder, stint{run: m.unit, slow: true}))
	}
	binary := compile(t, overlay, "worker")
	for _, s := range m.stints() {
		if !s.search || found.empty() {
			found.add("", runStage(t, binary, "worker", s))
		}
	}
	if found.empty() {
		t.Errorf("no test fails when the rule is left out: %s", m.rule)
	}
	return found.String()
}

// stints are the stages of package worker, the cheap ones first.
func (m mutant) stints() []stint {
	all := []stint{
		{run: "^Test(Claim|Sweep)Table$"},
		{skip: "^Test(ClaimTable|SweepTable|Mutants.*|Schedules|KeptSchedules|CrashMatrix.*|StoppedWorker|Throughput.*)$"},
		{run: "^TestKeptSchedules$"},
		{run: "^TestSchedules$", search: true, slow: true, args: []string{"-rapid.checks=3000", "-rapid.nofailfile", "-rapid.seed=1", "-rapid.shrinktime=1ms"}},
	}
	if m.crash != "" {
		all = append(all, stint{run: "^Test(CrashMatrix|StoppedWorker)$", slow: true, env: []string{roundsOfCrash + "=2", pointsOfCrash + "=" + m.crash}})
	}
	return all
}

// The variables of the crash matrix, which lies in the package of the outer tests.
const (
	roundsOfCrash = "MOTIONMILL_CRASH_ROUNDS"
	pointsOfCrash = "MOTIONMILL_CRASH_POINTS"
)

// overlay writes the changed file and returns what tells the compiler of it.
func (m mutant) overlay(t *testing.T) string {
	t.Helper()
	text, err := m.apply()
	if err != nil {
		t.Fatalf("mutant %s: %v", m.name, err)
	}
	real, err := filepath.Abs(filepath.Join(root, m.file))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {real: changed}})
	if err := errors.Join(err, os.WriteFile(changed, []byte(text), 0o600), os.WriteFile(overlay, list, 0o600)); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// compile builds the test binary of a folder with the change.
func compile(t *testing.T, overlay, folder string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "tests")
	build(t, binary, folder, "-overlay", overlay)
	return binary
}

func build(t *testing.T, binary, folder string, more ...string) {
	t.Helper()
	args := append([]string{"test", "-c", "-p", "1", "-ldflags=-s -w", "-o", binary}, more...)
	compiler := exec.Command("go", append(args, "./"+folder)...)
	compiler.Dir = root
	if out, err := compiler.CombinedOutput(); err != nil {
		t.Fatalf("it does not compile: %v\n%s", err, out)
	}
}

// longestOf bounds a stage: a mutant may never come to an end. Nearly all tests
// of package worker are on a fake clock; those that are not have limits of
// their own.
func longestOf(s stint) time.Duration {
	if s.slow {
		return 8 * time.Minute
	}
	return 40 * time.Second
}

// runStage returns the tests that fail.
func runStage(t *testing.T, binary, folder string, s stint) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*longestOf(s))
	defer cancel()
	args := append([]string{"-test.v=test2json", "-test.run=" + s.run, "-test.skip=" + s.skip, "-test.timeout=" + longestOf(s).String()}, s.args...)
	tests := exec.CommandContext(ctx, binary, args...)
	tests.Dir = filepath.Join(root, folder)
	tests.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, mutantsVariable+"=") })
	tests.Env = append(tests.Env, s.env...)
	out := &watcher{}
	if s.search {
		out.found = cancel
	}
	tests.Stdout, tests.Stderr = out, out
	err := tests.Run()
	failed := failures(out.text.String())
	if s.search && timedOut.MatchString(out.text.String()) {
		t.Fatalf("the search found nothing in %v and did not come to its end", longestOf(s))
	}
	if ended := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &ended) || len(failed) == 0) {
		t.Fatalf("%v\n%s", err, out.text.String())
	}
	return failed
}

// watcher keeps what a binary prints and tells of the first failure in it.
type watcher struct {
	text  strings.Builder
	found func() // May be nil.
}

func (w *watcher) Write(p []byte) (int, error) {
	w.text.Write(p)
	if w.found != nil && failure.MatchString(w.text.String()) {
		w.found()
	}
	return len(p), nil
}

var (
	failure  = regexp.MustCompile(`(?m)^[ \x16]*--- FAIL: (\S+) \(`)
	started  = regexp.MustCompile(`(?m)^\x16?=== (?:RUN|CONT) +(\S+)$`)
	timedOut = regexp.MustCompile(`(?m)^panic: test timed out after`)
	brokeOff = regexp.MustCompile(`(?m)^(?:panic|fatal error): `)
)

// failures reads the names of the failed tests from what a binary printed;
// where it broke off or hung, the last one that began is among them.
func failures(out string) (failed []string) {
	for _, line := range failure.FindAllStringSubmatch(out, -1) {
		failed = append(failed, line[1])
	}
	began := started.FindAllStringSubmatch(out, -1)
	if last := len(began) - 1; last >= 0 && (timedOut.MatchString(out) || len(failed) == 0 && brokeOff.MatchString(out)) {
		failed = append(failed, began[last][1])
	}
	// A test that failed in one of its parts is told by these.
	return slices.DeleteFunc(failed, func(name string) bool {
		return slices.ContainsFunc(failed, func(other string) bool { return strings.HasPrefix(other, name+"/") })
	})
}

// catch collects the tests that fail on a mutant, in the order of the stages.
type catch struct{ tests []string }

func (c *catch) empty() bool { return len(c.tests) == 0 }

// add notes failed tests, at most three of a stage.
func (c *catch) add(where string, failed []string) {
	var names []string
	for _, name := range failed {
		// Rows of the tables and kept schedules tell what is wrong; of other tests
		// the whole will do.
		test, _, _ := strings.Cut(name, "/")
		if !slices.Contains([]string{"TestClaimTable", "TestSweepTable", "TestKeptSchedules"}, test) {
			name = test
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	const most = 3
	for _, name := range names[:min(len(names), most)] {
		c.tests = append(c.tests, where+"`"+name+"`")
	}
	if more := len(names) - most; more > 0 {
		c.tests = append(c.tests, fmt.Sprintf("+ %d", more))
	}
}

func (c *catch) String() string { return strings.Join(c.tests, ", ") }
