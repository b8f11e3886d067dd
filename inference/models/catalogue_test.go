package models_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
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
	first := folderOf(t, inferencetest.ManifestOf("a", "pose", "heatmap", inferencetest.PoseInput+"rank: 5\n"),
		inferencetest.ManifestOf("future", "pose", "telepathy", inferencetest.PoseInput+"rank: 90\n"))
	second := folderOf(t, inferencetest.ManifestOf("b", "pose", "heatmap", inferencetest.PoseInput+"rank: 5\n"),
		inferencetest.ManifestOf("a", "pose", "heatmap", inferencetest.PoseInput+"rank: 70\n"))
	c := inferencetest.Load(t, first, "", second)
	if best, ok := c.Best(models.TaskPose); !ok || best.Name != "a" || best.Rank != 5 {
		t.Errorf("best pose model is %s of rank %d, want the first folder's a", best.Name, best.Rank)
	}
	if best, ok := c.Best(models.TaskMatte); !ok || best.Name != "starter-matte" || !best.BuiltIn {
		t.Errorf("best matte model is %s, want the starter", best.Name)
	}
	if _, ok := c.Best(models.TaskDetect); ok {
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

// TestManifestsOfOneName tells of those that nothing can find. A later folder's, which an earlier
// one stands before, is none of them.
func TestManifestsOfOneName(t *testing.T) {
	one := inferencetest.ManifestOf("a", "pose", "heatmap", inferencetest.PoseInput)
	first, second := folderOf(t, one), folderOf(t, one)
	if err := os.WriteFile(filepath.Join(first, "copy.yaml"), []byte(one), 0o600); err != nil {
		t.Fatal(err)
	}
	hidden := inferencetest.Load(t, first, second).Hidden()
	if len(hidden) != 1 || !strings.Contains(hidden[0].Error(), filepath.Join(first, "copy.yaml")) {
		t.Errorf("hidden are %v", hidden)
	}
}

func TestLoadCatalogueRefuses(t *testing.T) {
	broken := folderOf(t, strings.Replace(inferencetest.ManifestOf("x", "matte", "matte", inferencetest.MatteInput), "width: 8", "width: -8", 1))
	_, err := models.LoadCatalogue([]string{broken}, nil)
	inferencetest.WantKind(t, err, job.ModelMissing)
	for _, part := range []string{filepath.Join(broken, "x.yaml"), "input.width"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q does not say %q", err, part)
		}
	}
	gone := filepath.Join(broken, "gone")
	_, err = models.LoadCatalogue([]string{gone}, nil)
	if typed := inferencetest.WantKind(t, err, job.ModelMissing); typed.Subject != gone || typed.Remedy == "" {
		t.Errorf("got %v", err)
	}
}

func TestChoose(t *testing.T) {
	pose := inferencetest.ManifestOf("good-pose", "pose", "heatmap", inferencetest.PoseInput+"rank: 50\n")
	other := inferencetest.ManifestOf("other-pose", "pose", "heatmap", inferencetest.PoseInput+"rank: 10\n")
	detector := inferencetest.ManifestOf("finder", "detect", "yolox", detectInput+"rank: 50\n")
	future := inferencetest.ManifestOf("future", "pose", "telepathy", inferencetest.PoseInput)
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
			choice, err := inferencetest.Load(t, folderOf(t, c.manifests...)).Choose(c.tasks, c.names)
			if c.fails != "" {
				inferencetest.WantKind(t, err, job.ModelMissing)
				if !strings.Contains(err.Error(), c.fails) {
					t.Errorf("the error %q does not say %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := make([]string, 3)
			for i, m := range []*models.Model{choice.Detect, choice.Pose, choice.Matte} {
				if m != nil {
					got[i] = m.Name
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || choice.WantMatte != c.wantMatte {
				t.Errorf("want matte %v: %s", choice.WantMatte, diff)
			}
			if used := choice.Used(); len(used) != len(strings.Fields(strings.Join(got, " "))) || used[0].SHA256 != inferencetest.AnyHash {
				t.Errorf("used are %+v", used)
			}
		})
	}
	if _, err := (&models.Catalogue{}).Choose([]string{"pose"}, nil); job.KindOf(err) != job.ModelMissing {
		t.Errorf("an empty catalogue gave %v", err)
	}
}

func TestVerifyRefusesAnotherFile(t *testing.T) {
	sum := sha256.Sum256([]byte("the model"))
	hash := hex.EncodeToString(sum[:])
	text := strings.Replace(inferencetest.ManifestOf("m", "matte", "matte", inferencetest.MatteInput+"source: https://example.com/m.onnx\n"), inferencetest.AnyHash, hash, 1)
	dir := folderOf(t, text)
	m, err := inferencetest.Load(t, dir).Find("m")
	if err != nil {
		t.Fatal(err)
	}
	err = m.Verify()
	if inferencetest.WantKind(t, err, job.ModelMissing); !strings.Contains(err.Error(), filepath.Join(dir, "m.onnx")) {
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
	_, err = m.Load()
	for _, err := range []error{m.Verify(), err} {
		inferencetest.WantKind(t, err, job.ModelMissing)
		for _, part := range []string{hash, hex.EncodeToString(other[:]), "https://example.com/m.onnx"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("the error %q does not say %s", err, part)
			}
		}
	}
}
