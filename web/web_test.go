package web_test

import (
	"io/fs"
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
	references := regexp.MustCompile(`(?:from|import) '\./([^']+)'|(?:src|href)="/([^"/][^"]*)"`)
	found := 0
	for name, text := range files {
		for _, match := range references.FindAllStringSubmatch(text, -1) {
			target := match[1] + match[2]
			if target == "docs" {
				continue // the API's own
			}
			found++
			if _, ok := files[target]; !ok {
				t.Errorf("%s loads %s, which is not there", name, target)
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d references were found", found)
	}
}

// The policy that the page is served with forbids these; a browser would only
// complain in its console.
func TestPageKeepsItsPolicy(t *testing.T) {
	external := regexp.MustCompile(`(?:https?:)?//[a-z0-9-]+\.[a-z.]+`)
	inline := regexp.MustCompile(`(?i)<script[^>]*>\s*[^<\s]|<style|\sstyle="|\son[a-z]+="|javascript:`)
	for name, text := range read(t) {
		text = strings.ReplaceAll(text, "http://www.w3.org/2000/svg", "") // a name, not an address
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

func TestFindingFramesAndPlaces(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: the page's modules cannot be run")
	}
	const script = `
import { PoseTrack } from './pose.js';
import { letterbox } from './player.js';
import { bytes, clock, rest } from './dom.js';
const assert = (ok, text) => { if (!ok) { console.error(text); process.exitCode = 1; } };
const is = (got, want, text) => assert(JSON.stringify(got) === JSON.stringify(want), text + ': ' + JSON.stringify(got) + ', want ' + JSON.stringify(want));
const times = [0, 0.04, 0.08, 0.2, 0.21]; // a variable frame rate
const track = new PoseTrack({ keypoints: ['nose', 'left_eye', 'right_eye'], frames: times.map((t) => ({ t, people: [] })) });
times.forEach((t, i) => is(track.indexAt(t), i, 'frame at ' + t));
is(track.indexAt(-1), 0, 'before the first'); is(track.indexAt(9), 4, 'after the last');
is(track.indexAt(0.0399), 1, 'a rounded time'); is(track.indexAt(0.13), 2, 'inside a long frame'); is(track.indexAt(0.15), 3, 'nearer to the next');
times.slice(0, -1).forEach((t, i) => assert(track.timeOf(i) > t && track.timeOf(i) < times[i + 1], 'time of ' + i));
is(track.sides, ['middle', 'left', 'right'], 'sides');
const whole = (box) => Object.fromEntries(Object.entries(box).map(([k, v]) => [k, Math.round(v * 1000) / 1000 + 0]));
is(whole(letterbox(1920, 1080, 1000, 1000)), { x: 0, y: 218.75, width: 1000, height: 562.5 }, 'bars above and below');
is(whole(letterbox(360, 640, 1280, 640)), { x: 460, y: 0, width: 360, height: 640 }, 'bars at the sides');
is([bytes(0), bytes(999), bytes(12_400_000), clock(3723), clock(7.9), rest(8), rest(-1)], ['0 bytes', '999 bytes', '12.4 MB', '1:02:03', '0:07', 'about 8 s left', ''], 'words');
`
	dir := t.TempDir()
	if err := os.CopyFS(dir, web.Files()); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"package.json": `{"type":"module"}`, "check.js": script} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), node, filepath.Join(dir, "check.js")) //nolint:gosec // the script is above
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
