package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media/hostile"
)

// A hostile file may take mostCPU seconds of all processors together, and no process mostRSS MB. The time on
// the clock says nothing on a loaded machine: mostWait only ends what hangs.
const (
	mostCPU  = 5.0
	mostRSS  = 300.0
	mostWait = 90 * time.Second
	// tableVariable is where to write the table; it asks for all files, each in a process of
	// its own and, where there is strace, watched by it.
	tableVariable = "MOTIONMILL_HOSTILE_TABLE"
)

// usualProfile is the one that files are tried with: the quickest that encodes, or one of all
// renditions.
func usualProfile() string {
	if thorough() {
		return "transcode"
	}
	return "video"
}

func thorough() bool { return os.Getenv(tableVariable) != "" }

// suspect is a file that is tried.
type suspect struct {
	name, group, trick string
	outcomes           []string
	trial              trial
}

// row is a line of the table: the most that any of its files took.
type row struct {
	group, trick, outcome string
	count                 int
	cpu, rss              float64
}

// TestHostile gives every hostile file, and the edge cases of the test data, to the
// pipeline: each becomes a typed error that no retry will meet again, or a right result.
func TestHostile(t *testing.T) {
	config(t) // It skips without ffmpeg.
	w := newWatch(t)
	suspects := append(w.files(t), w.edges(t)...)
	if thorough() {
		w.all(t, suspects)
		return
	}
	for _, poses := range []bool{false, true} {
		var some []suspect
		for _, s := range suspects {
			if poses == (s.trial.Profile == "pose") {
				some = append(some, s)
			}
		}
		w.check(t, some, w.try(t, some))
	}
}

// all tries each file by itself, then pieces and bent copies of a healthy one, and writes the
// table. With -run it tries some, and leaves the other lines as they are.
func (w *watch) all(t *testing.T, suspects []suspect) {
	t.Helper()
	table := readTable(t)
	one := func(name string, make func(t *testing.T) []suspect) {
		t.Run(name, func(t *testing.T) {
			all := make(t)
			rows := w.check(t, all, w.try(t, all))
			if !t.Failed() {
				table.put(rows)
			}
		})
	}
	for _, s := range suspects {
		one(s.group+"/"+s.name, func(*testing.T) []suspect { return []suspect{s} })
	}
	for _, kind := range []string{".mp4", ".mkv", ".avi", ".ts", ".mpg"} {
		one("damaged/"+kind, func(t *testing.T) []suspect { return w.damaged(t, kind, 24) })
	}
	table.write(t)
}

// files are the generated ones: all of them, or those that take no time.
func (w *watch) files(t *testing.T) (all []suspect) {
	t.Helper()
	for i, f := range hostile.All() {
		if !thorough() && (f.Heavy || i%4 > 0 && !f.Poses && slices.Contains(f.Outcomes, hostile.Made)) {
			continue // What may be read takes longest: one in four.
		}
		folder := filepath.Join(w.root, "in", fmt.Sprint(i))
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, f.Name)
		if err := f.Make(t.Context(), hostile.Maker{Bait: w.bait, FFmpeg: "ffmpeg", Path: path}); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		s := suspect{name: f.Name, group: f.Group, trick: f.Trick, outcomes: f.Outcomes,
			trial: trial{Input: path, Out: filepath.Join(w.root, fmt.Sprintf("out-%d", i)), Profile: usualProfile()}}
		all = append(all, s)
		if f.Poses {
			s.trick += ", with a pose model"
			s.trial.Profile, s.trial.Out = "pose", s.trial.Out+"-pose"
			all = append(all, s)
		}
	}
	return all
}

// edges are the malformed files of other projects.
func (w *watch) edges(t *testing.T) (all []suspect) {
	t.Helper()
	root := os.Getenv("MOTIONMILL_TESTDATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "testdata")
	}
	paths, err := filepath.Glob(filepath.Join(root, "videos", "edge", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Log("the test data is not there: its edge cases are left out")
	}
	for i, path := range paths {
		if path, err = filepath.Abs(path); err != nil {
			t.Fatal(err)
		}
		if !thorough() && strings.Contains(path, "wetransfer") {
			continue // A healthy one, of eleven seconds.
		}
		all = append(all, suspect{name: filepath.Base(path), group: "edge", trick: filepath.Base(path), outcomes: anyOutcome,
			trial: trial{Input: path, Out: filepath.Join(w.root, fmt.Sprintf("out-edge-%d", i)), Profile: usualProfile()}})
	}
	return all
}

var anyOutcome = []string{hostile.Made, string(job.NotAVideo), string(job.Corrupt), string(job.Unsupported), string(job.OverLimit)}

// damaged are the pieces and the bent copies of a healthy clip.
func (w *watch) damaged(t *testing.T, kind string, bent int) (all []suspect) {
	t.Helper()
	whole := filepath.Join(w.root, "in", "clip"+kind)
	if err := hostile.Clip(t.Context(), "ffmpeg", whole); err != nil {
		t.Fatal(err)
	}
	data := mustRead(t, whole)
	add := func(group, trick string, i int, data []byte) {
		name := fmt.Sprintf("%s-%d%s", group, i, kind)
		path := filepath.Join(w.root, "in", name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		all = append(all, suspect{name: name, group: group, trick: trick, outcomes: anyOutcome,
			trial: trial{Input: path, Out: filepath.Join(w.root, "out-"+name), Profile: usualProfile()}})
	}
	for _, length := range hostile.Cuts(data) {
		add("cuts", "a clip in "+kind[1:]+" cut at and in every part", length, data[:length])
	}
	for i := range bent {
		bits := []int{1, 10, 100, 1000}[i%4]
		from := 0
		if i%2 == 1 {
			from = len(data) / 3 // The head stays whole: the pictures are hit.
		}
		add("flips", "a clip in "+kind[1:]+" with 1 to 1,000 bits turned over", i, hostile.Flips(data, uint64(i), bits, from))
	}
	return all
}

// TestDamaged tries some of the pieces and bent copies of a clip: all of them are part of
// make hostile.
func TestDamaged(t *testing.T) {
	config(t)
	w := newWatch(t)
	for i, kind := range []string{".mp4", ".mkv"} {
		var some []suspect
		for j, s := range w.damaged(t, kind, 4) {
			if s.group == "flips" || j%5 == i {
				some = append(some, s)
			}
		}
		w.check(t, some, w.try(t, some))
	}
}

// try runs the trials in a process of their own, and under strace where that is asked for.
func (w *watch) try(t *testing.T, all []suspect) []verdict {
	t.Helper()
	before, calls := w.snapshot(t), w.calls.Load()
	verdicts := w.run(t, all, nil)
	if strace, err := exec.LookPath("strace"); err == nil && thorough() && len(all) == 1 {
		trace := filepath.Join(t.TempDir(), "trace")
		for i := range all {
			if err := os.RemoveAll(all[i].trial.Out); err != nil {
				t.Fatal(err)
			}
		}
		w.run(t, all, []string{strace, "-f", "--seccomp-bpf", "-qq", "-s", "4096", "-e", "trace=network,open,openat,creat,mkdir,mkdirat,mknod,mknodat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,truncate", "-o", trace})
		for _, stray := range w.strayed(string(mustRead(t, trace)), filepath.Join(w.root, "out-"), trace) {
			t.Errorf("%s: %s", all[0].name, stray)
		}
	}
	if after := w.snapshot(t); !slices.Equal(before, after) {
		known := func(in []string) func(string) bool {
			return func(name string) bool { return slices.Contains(in, name) }
		}
		t.Errorf("outside the jobs' folders there were %q and are %q", slices.DeleteFunc(slices.Clone(before), known(after)), slices.DeleteFunc(after, known(before)))
	}
	if n := w.calls.Load() - calls; n > 0 {
		t.Errorf("%d connections were made", n)
	}
	return verdicts
}

// run gives trials to a child, started by another program if one is named.
func (w *watch) run(t *testing.T, all []suspect, by []string) (verdicts []verdict) {
	t.Helper()
	var trials []trial
	for _, s := range all {
		trials = append(trials, s.trial)
	}
	text, err := json.Marshal(trials)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "trials.json")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), mostWait+time.Duration(len(all))*5*time.Second)
	defer cancel()
	args := append(by, os.Args[0], "-test.v", "-test.run=^TestHostileChild$")
	child := exec.CommandContext(ctx, args[0], args[1:]...)
	child.Env = append(os.Environ(), trialsVariable+"="+list, "TMPDIR="+filepath.Join(w.root, "tmp"))
	var told bytes.Buffer
	child.Stderr = &told
	out, err := child.Output()
	for _, line := range strings.Split(string(out), "\n") {
		if found, ok := strings.CutPrefix(line, "verdict "); ok {
			var v verdict
			if err := json.Unmarshal([]byte(found), &v); err != nil {
				t.Fatal(err)
			}
			verdicts = append(verdicts, v)
		}
	}
	if strings.Contains(string(out), "--- SKIP") {
		t.Logf("left out: %s", out)
		return nil
	}
	if err != nil || len(verdicts) != len(all) {
		next := all[min(len(verdicts), len(all)-1)].name
		t.Fatalf("the process ended at %s: %v\n%s\n%s", next, err, out, told.String())
	}
	if leaks := w.leaks(t, "", told.String()+string(out)); len(leaks) > 0 {
		t.Errorf("the log: %v", leaks)
	}
	return verdicts
}

// check compares what came of trials with what may, and sums them up by what they try.
func (w *watch) check(t *testing.T, all []suspect, verdicts []verdict) (rows []row) {
	t.Helper()
	for i, v := range verdicts {
		s := all[i]
		outcome := v.Kind
		if outcome == "" {
			outcome = hostile.Made
		}
		if testing.Verbose() {
			t.Logf("%-24q %-12s %5.2f s %4.0f MB %s", s.name, outcome, v.CPU, v.RSS, v.Message)
		}
		if !slices.Contains(s.outcomes, outcome) {
			t.Errorf("%q (%s) became %s, want one of %v: %s %q", s.name, s.trick, outcome, s.outcomes, v.Message, v.Stderr)
		}
		if v.CPU > mostCPU || v.RSS > mostRSS {
			t.Errorf("%q (%s) took %.1f s and %.0f MB", s.name, s.trick, v.CPU, v.RSS)
		}
		if leaks := w.leaks(t, s.trial.Out, v.Message+strings.Join(v.Stderr, "\n")); len(leaks) > 0 {
			t.Errorf("%q (%s): %v", s.name, s.trick, leaks)
		}
		made, err := os.Stat(filepath.Join(s.trial.Out, ManifestName))
		if (outcome == hostile.Made) != (err == nil && made.Size() > 0) {
			t.Errorf("%q became %s, and its manifest: %v", s.name, outcome, err)
		}
		if left, _ := filepath.Glob(filepath.Join(s.trial.Out, ".*")); len(left) > 0 {
			t.Errorf("%q left %v", s.name, left)
		}
		if n := len(rows); n > 0 && rows[n-1].group == s.group && rows[n-1].trick == s.trick {
			rows[n-1].add(outcome, v)
			continue
		}
		fresh := row{group: s.group, trick: s.trick}
		fresh.add(outcome, v)
		rows = append(rows, fresh)
	}
	return rows
}
