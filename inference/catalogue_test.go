package inference

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/job"
)

const detectInput = "input: {name: in, width: 32, height: 32, fit: letterbox-topleft, pad: 114}\nclasses: [person]\n"

// folderOf writes manifests, by model name, into a folder.
func folderOf(t *testing.T, manifests ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, text := range manifests {
		name := strings.Fields(text[strings.Index(text, "name:"):])[1]
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBestIsTheHighestRankThatRuns(t *testing.T) {
	first := folderOf(t, manifestOf("a", "pose", "heatmap", poseInput+"rank: 5\n"),
		manifestOf("future", "pose", "telepathy", poseInput+"rank: 90\n"))
	second := folderOf(t, manifestOf("b", "pose", "heatmap", poseInput+"rank: 5\n"),
		manifestOf("a", "pose", "heatmap", poseInput+"rank: 70\n"))
	c := load(t, first, "", second)
	if best, ok := c.Best(TaskPose); !ok || best.Name != "a" || best.Rank != 5 {
		t.Errorf("best pose model is %s of rank %d, want the first folder's a", best.Name, best.Rank)
	}
	if best, ok := c.Best(TaskMatte); !ok || best.Name != "starter-matte" || !best.BuiltIn {
		t.Errorf("best matte model is %s, want the starter", best.Name)
	}
	if _, ok := c.Best(TaskDetect); ok {
		t.Error("there is a best detector where none is installed")
	}
	var names []string
	for _, m := range c.List() {
		names = append(names, m.Name)
	}
	if diff := cmp.Diff([]string{"a", "future", "b", "starter-matte", "starter-pose"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestLoadCatalogueRefuses(t *testing.T) {
	broken := folderOf(t, strings.Replace(manifestOf("x", "matte", "matte", matteInput), "width: 8", "width: -8", 1))
	_, err := LoadCatalogue([]string{broken}, nil)
	wantKind(t, err, job.ModelMissing)
	for _, part := range []string{filepath.Join(broken, "x.yaml"), "input.width"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q does not say %q", err, part)
		}
	}
	gone := filepath.Join(broken, "gone")
	_, err = LoadCatalogue([]string{gone}, nil)
	if typed := wantKind(t, err, job.ModelMissing); typed.Subject != gone || typed.Remedy == "" {
		t.Errorf("got %v", err)
	}
}

func TestChoose(t *testing.T) {
	pose := manifestOf("good-pose", "pose", "heatmap", poseInput+"rank: 50\n")
	other := manifestOf("other-pose", "pose", "heatmap", poseInput+"rank: 10\n")
	detector := manifestOf("finder", "detect", "yolox", detectInput+"rank: 50\n")
	future := manifestOf("future", "pose", "telepathy", poseInput)
	for _, c := range []struct {
		name      string
		manifests []string
		tasks     []string
		names     map[string]string
		want      []string // detect, pose, matte
		wantMatte bool
		fails     string
	}{
		{name: "starters alone", tasks: []string{"pose", "matte"}, want: []string{"", "starter-pose", "starter-matte"}, wantMatte: true},
		{name: "the matte finds the person", tasks: []string{"pose"}, want: []string{"", "starter-pose", "starter-matte"}},
		{name: "matte alone", tasks: []string{"matte"}, manifests: []string{detector}, want: []string{"", "", "starter-matte"}, wantMatte: true},
		{name: "best and its detector", manifests: []string{pose, other, detector}, tasks: []string{"pose"}, want: []string{"finder", "good-pose", ""}},
		{name: "by name", manifests: []string{pose, other, detector}, tasks: []string{"pose", "matte"},
			names: map[string]string{"pose": "other-pose", "detect": ""}, want: []string{"finder", "other-pose", "starter-matte"}, wantMatte: true},
		{name: "no such model", tasks: []string{"pose"}, names: map[string]string{"pose": "nowhere"}, fails: "nowhere"},
		{name: "no such model for a task that is not wanted", tasks: []string{"matte"}, names: map[string]string{"pose": "nowhere"}, fails: "nowhere"},
		{name: "of another task", manifests: []string{pose}, tasks: []string{"matte"}, names: map[string]string{"matte": "good-pose"}, fails: "task pose"},
		{name: "no such task", tasks: []string{"matte"}, names: map[string]string{"mat": "starter-matte"}, fails: "mat"},
		{name: "family of the future", manifests: []string{future}, tasks: []string{"pose"}, names: map[string]string{"pose": "future"},
			fails: "family telepathy is not supported by this version (supported: heatmap, movenet, simcc, yolo-pose)"},
		{name: "task without an output", tasks: []string{"detect"}, manifests: []string{detector}, fails: "detect"},
	} {
		t.Run(c.name, func(t *testing.T) {
			choice, err := load(t, folderOf(t, c.manifests...)).Choose(c.tasks, c.names)
			if c.fails != "" {
				wantKind(t, err, job.ModelMissing)
				if !strings.Contains(err.Error(), c.fails) {
					t.Errorf("the error %q does not say %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := make([]string, 3)
			for i, m := range []*Model{choice.Detect, choice.Pose, choice.Matte} {
				if m != nil {
					got[i] = m.Name
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || choice.WantMatte != c.wantMatte {
				t.Errorf("want matte %v: %s", choice.WantMatte, diff)
			}
			if used := choice.Used(); len(used) != len(strings.Fields(strings.Join(got, " "))) || used[0].SHA256 != anyHash {
				t.Errorf("used are %+v", used)
			}
		})
	}
	if _, err := (&Catalogue{}).Choose([]string{"pose"}, nil); job.KindOf(err) != job.ModelMissing {
		t.Errorf("an empty catalogue gave %v", err)
	}
}

func TestVerifyRefusesAnotherFile(t *testing.T) {
	sum := sha256.Sum256([]byte("the model"))
	hash := hex.EncodeToString(sum[:])
	text := strings.Replace(manifestOf("m", "matte", "matte", matteInput+"source: https://example.com/m.onnx\n"), anyHash, hash, 1)
	dir := folderOf(t, text)
	m, err := load(t, dir).Find("m")
	if err != nil {
		t.Fatal(err)
	}
	err = m.Verify()
	if wantKind(t, err, job.ModelMissing); !strings.Contains(err.Error(), filepath.Join(dir, "m.onnx")) {
		t.Errorf("the error %q does not name the file", err)
	}
	write := func(content string) {
		if err := os.WriteFile(filepath.Join(dir, "m.onnx"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("the model")
	if err := m.Verify(); err != nil {
		t.Error(err)
	}
	write("another one")
	other := sha256.Sum256([]byte("another one"))
	_, err = m.load()
	for _, err := range []error{m.Verify(), err} {
		wantKind(t, err, job.ModelMissing)
		for _, part := range []string{hash, hex.EncodeToString(other[:]), "https://example.com/m.onnx"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("the error %q does not say %s", err, part)
			}
		}
	}
}
