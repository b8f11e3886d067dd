package motionmill_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module           = "github.com/motionmill/motionmill"
	longestFile      = 400 // lines
	longestFunction  = 60  // lines
	largestInterface = 4   // methods
	anything         = "*"
)

// mayImport divides our packages into groups and says which other groups each
// may import. A group is a folder with all below it that is in no longer group.
var mayImport = map[string][]string{
	".":                 {},
	"job":               {},
	"auth":              {"job"},
	"awsclient":         {"job"},
	"queue":             {"awsclient", "job"},
	"ledger":            {"awsclient", "job"},
	"store":             {"awsclient", "job"},
	"media":             {"job"},
	"metrics":           {"job"},
	"notice":            {"job"},
	"media/hostile":     {}, // For tests alone: no group names it.
	"media/standin":     {}, // For tests alone, too.
	"inference/coco":    {}, // For commands and tests: no group names it.
	"inference/starter": {}, // No group names it: commands and tests alone may import it.
	"worker":            {"job"},
	"api":               {"auth", "job", "web"},
	"api/client":        {"job"}, // Who imports it gets no server.
	"web":               {},
	"fleet":             {"awsclient", "job"},
	"local":             {"queue", "ledger", "store", "job"},
	"cloudtest":         {},      // For tests alone: no group names it.
	"doctable":          {},      // For tests alone, too.
	"soak":              {"job"}, // For tests alone: no group names it.
	"cmd":               {anything},
	"bench":             {anything},

	// Below inference each package is a group, so that data goes one way: from the
	// words of a picture and the models up to what puts all together.
	"inference/picture": {"job"},
	"inference/models":  {"job"},
	"inference/pull":    {"inference/models", "job"}, // For commands: no group names it.
	"inference/onnx":    {"inference/models", "job"},
	"inference/fit":     {"inference/models", "inference/picture"},
	"inference/family":  {"inference/models", "inference/onnx", "inference/picture", "inference/fit", "job"},
	"inference/generic": {"inference/models", "inference/onnx", "inference/picture", "inference/fit", "job"},
	"inference/track":   {"inference/picture"},
	"inference/matting": {"inference/picture"},

	"inference": {
		"inference/models", "inference/onnx", "inference/picture", "inference/family", "inference/track", "inference/matting",
		"inference/generic", "job",
	},
	"worker/pipeline": {
		"media", "inference", "inference/models", "inference/onnx", "inference/picture", "inference/track", "inference/matting",
		"inference/generic", "store", "job",
	},
	// For tests alone: no group names it.
	"inference/inferencetest": {"inference/models", "inference/onnx", "inference/picture", "job"},
}

// meaningless are package names that say nothing of what a package is for.
var meaningless = []string{"util", "utils", "common", "types", "base"}

// TestArchitecture holds all Go files to the rules of this file.
func TestArchitecture(t *testing.T) {
	count := 0
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return enter(name)
		case !strings.HasSuffix(name, ".go"):
			return nil
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		count++
		for _, violation := range check(filepath.ToSlash(name), content) {
			t.Error(violation)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count < 10 {
		t.Errorf("found %d Go files only: is this the root of the project?", count)
	}
}

// enter skips folders that hold no Go package of this module.
func enter(dir string) error {
	name := filepath.Base(dir)
	if dir == "." {
		return nil
	}
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "node_modules" {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

// file is one Go file of ours.
type file struct {
	path       string // from the root, with slashes
	tree       *ast.File
	files      *token.FileSet
	violations []string
}

// check returns what breaks a rule in a file, each with its path and line.
func check(name string, content []byte) []string {
	f := &file{path: name, files: token.NewFileSet()}
	var err error
	if f.tree, err = parser.ParseFile(f.files, name, content, parser.ParseComments|parser.SkipObjectResolution); err != nil {
		return []string{err.Error()}
	}
	if slices.Contains(meaningless, strings.TrimSuffix(f.tree.Name.Name, "_test")) {
		f.add(f.tree.Name, "package %s has a name that says nothing", f.tree.Name.Name)
	}
	if strings.HasSuffix(name, "_test.go") {
		f.checkSleep()
		return f.violations
	}
	f.checkImports()
	if !ast.IsGenerated(f.tree) {
		f.checkSizes()
	}
	return f.violations
}

func (f *file) add(at ast.Node, format string, args ...any) {
	where := fmt.Sprintf("%s:%d: ", f.path, f.files.Position(at.Pos()).Line)
	f.violations = append(f.violations, where+fmt.Sprintf(format, args...))
}

// checkSleep forbids waiting for real time. In a file that uses synctest a
// sleep moves the bubble's clock and takes no time.
func (f *file) checkSleep() {
	for _, imported := range f.tree.Imports {
		if imported.Path.Value == `"testing/synctest"` {
			return
		}
	}
	ast.Inspect(f.tree, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Sleep" {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
				f.add(s, "a test sleeps; wait for a signal, or use testing/synctest")
			}
		}
		return true
	})
}

func (f *file) checkImports() {
	own := path.Dir(f.path)
	group := groupOf(own)
	if group == "" {
		f.add(f.tree.Name, "package %s is in no group of mayImport", own)
		return
	}
	for _, imported := range f.tree.Imports {
		name, err := strconv.Unquote(imported.Path.Value)
		if err != nil {
			f.add(imported, "import %s: %v", imported.Path.Value, err)
			continue
		}
		name, ours := strings.CutPrefix(name, module+"/")
		if !ours {
			continue
		}
		other, allowed := groupOf(name), mayImport[group]
		if other != group && !slices.Contains(allowed, other) && !slices.Contains(allowed, anything) {
			f.add(imported, "%s imports %s; of other groups it may import %v", own, name, allowed)
		}
		if strings.HasSuffix(name, "test") && !strings.HasSuffix(own, "test") {
			f.add(imported, "%s imports %s, which is for tests", own, name)
		}
	}
}

// groupOf returns the group of a package: the longest that it lies in, empty for none.
func groupOf(pkg string) string {
	if _, ok := mayImport[pkg]; ok {
		return pkg
	}
	if parent := path.Dir(pkg); parent != "." {
		return groupOf(parent)
	}
	return ""
}

func (f *file) checkSizes() {
	if lines := f.files.File(f.tree.Pos()).LineCount(); lines > longestFile {
		f.add(f.tree, "the file has %d lines, at most %d are allowed", lines, longestFile)
	}
	library := f.tree.Name.Name != "main"
	ast.Inspect(f.tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if library && n.Recv == nil && n.Name.Name == "init" {
				f.add(n, "a library has an init function")
			}
			f.checkLength(n, n.Name.Name)
		case *ast.FuncLit:
			f.checkLength(n, "a function literal")
		case *ast.InterfaceType:
			if methods := countMethods(n); methods > largestInterface {
				f.add(n, "an interface has %d methods, at most %d are allowed", methods, largestInterface)
			}
		}
		return true
	})
}

func (f *file) checkLength(n ast.Node, name string) {
	lines := f.files.Position(n.End()).Line - f.files.Position(n.Pos()).Line + 1
	if lines > longestFunction {
		f.add(n, "%s has %d lines, at most %d are allowed", name, lines, longestFunction)
	}
}

func countMethods(n *ast.InterfaceType) int {
	count := 0
	for _, field := range n.Methods.List {
		count += len(field.Names) // An embedded interface has no name.
	}
	return count
}

// TestRulesFindViolations shows of each rule that it can be broken.
func TestRulesFindViolations(t *testing.T) {
	ours := func(pkg string) string { return "import _ \"" + module + "/" + pkg + "\"\n" }
	tests := map[string]struct{ path, content, want string }{
		"leaf imports":        {"job/a.go", "package job\n" + ours("store"), "job/a.go:2: job imports store"},
		"cloud of its own":    {"queue/sqs/a.go", "package sqs\n" + ours("queue"), ""},
		"across":              {"queue/a.go", "package queue\n" + ours("ledger"), "queue imports ledger"},
		"worker to pipeline":  {"worker/a.go", "package worker\n" + ours("worker/pipeline"), "worker imports worker/pipeline"},
		"pipeline to worker":  {"worker/pipeline/a.go", "package pipeline\n" + ours("worker"), "worker/pipeline imports worker"},
		"pipeline":            {"worker/pipeline/a.go", "package pipeline\n" + ours("media") + ours("inference"), ""},
		"following to models": {"inference/track/a.go", "package track\n" + ours("inference/onnx"), "inference/track imports inference/onnx"},
		"runtime to families": {"inference/onnx/a.go", "package onnx\n" + ours("inference/family"), "inference/onnx imports inference/family"},
		"part to whole":       {"inference/family/a.go", "package family\n" + ours("inference"), "inference/family imports inference"},
		"whole to part":       {"inference/a.go", "package inference\n" + ours("inference/family"), ""},
		"pipeline to starter": {"worker/pipeline/a.go", "package pipeline\n" + ours("inference/starter"), "imports inference/starter"},
		"command":             {"cmd/motionmill/a.go", "package main\n" + ours("inference/starter"), ""},
		"test imports":        {"job/a_test.go", "package job\n" + ours("store"), ""},
		"suite in a library":  {"store/a.go", "package store\n" + ours("store/storetest"), "which is for tests"},
		"suite of a suite":    {"store/storetest/a.go", "package storetest\n" + ours("store"), ""},
		"new folder":          {"novel/a.go", "package novel\n", "no group"},
		"name":                {"job/util/a.go", "package util\n", "job/util/a.go:1: package util"},
		"init":                {"job/a.go", "package job\nfunc init() {}\n", "job/a.go:2: a library has an init"},
		"init of a command":   {"cmd/x/a.go", "package main\nfunc init() {}\n", ""},
		"long file":           {"job/a.go", "package job\n" + strings.Repeat("\n", 400), "the file has 401 lines"},
		"generated":           {"job/a.go", "// Code generated by x. DO NOT EDIT.\npackage job\n" + strings.Repeat("\n", 400), ""},
		"generated imports":   {"job/a.go", "// Code generated by x. DO NOT EDIT.\npackage job\n" + ours("store"), "job imports store"},
		"client to its API":   {"api/client/a.go", "package client\n" + ours("api"), "api/client imports api"},
		"full file":           {"job/a.go", "package job\n" + strings.Repeat("\n", 399), ""},
		"long function":       {"job/a.go", "package job\nfunc f() {" + strings.Repeat("\n", 60) + "}\n", "job/a.go:2: f has 61 lines"},
		"full function":       {"job/a.go", "package job\nfunc f() {" + strings.Repeat("\n", 59) + "}\n", ""},
		"long literal":        {"job/a.go", "package job\nvar f = func() {" + strings.Repeat("\n", 60) + "}\n", "literal has 61 lines"},
		"interface":           {"job/a.go", "package job\ntype I interface { a(); b(); c(); d(); e() }\n", "5 methods"},
		"sleep":               {"job/a_test.go", "package job\nimport \"time\"\nfunc f() { time.Sleep(1) }\n", "job/a_test.go:3: a test sleeps"},
		"sleep in a bubble":   {"job/a_test.go", "package job\nimport \"time\"\nimport \"testing/synctest\"\nfunc f() { time.Sleep(1) }\n", ""},
		"syntax":              {"job/a.go", "package", "job/a.go:1"},
	}
	for name, test := range tests {
		got := strings.Join(check(test.path, []byte(test.content)), "\n")
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
