package models_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
)

func TestParseManifestFillsDefaults(t *testing.T) {
	m, err := models.ParseManifest([]byte(inferencetest.ManifestOf("p", "pose", "heatmap", inferencetest.PoseInput)))
	if err != nil {
		t.Fatal(err)
	}
	want := models.Input{
		Name: "in", Width: 48, Height: 64, Layout: "nchw", Colour: "rgb", Fit: models.FitAffine,
		Mean: []float64{0, 0, 0}, Std: []float64{1, 1, 1},
	}
	if diff := cmp.Diff(want, m.Input); diff != "" {
		t.Error(diff)
	}
	if len(m.Points.Names) != 17 || m.Points.Names[16] != "right_ankle" {
		t.Errorf("keypoints are %v", m.Points.Names)
	}
}

func TestParseManifestNamesTheWrongField(t *testing.T) {
	good := inferencetest.ManifestOf("p", "pose", "heatmap", inferencetest.PoseInput+"options: {box_scale: 1.25}\n")
	for _, c := range []struct{ name, from, to, field string }{
		{"schema", "motionmill.model/1", "motionmill.model/2", "field schema"},
		{"name", "name: p\n", "name: P Q\n", "field name"},
		{"task", "task: pose", "task: guess", "field task"},
		{"family", "family: heatmap", "family: ''", "field family"},
		{"file in another folder", "p.onnx", "../p.onnx", "field file"},
		{"file is a folder", "p.onnx", "..", "field file"},
		{"hash", inferencetest.AnyHash, inferencetest.AnyHash[1:], "field sha256"},
		{"input name", "name: in,", "", "field input.name"},
		{"width", "width: 48", "width: 0", "field input.width"},
		{"height", "height: 64", "height: 10000", "field input.height"},
		{"fit", "fit: affine", "fit: any", "field input.fit"},
		{"layout", "fit: affine", "fit: affine, layout: hwc", "field input.layout"},
		{"type", "fit: affine", "fit: affine, type: text", "field input.type: is \"text\", want one of float32, float16, int32, uint8"},
		{"colour", "fit: affine", "fit: affine, colour: yuv", "field input.colour"},
		{"mean", "fit: affine", "fit: affine, mean: [1]", "field input.mean"},
		{"std of 0", "fit: affine", "fit: affine, std: [1, 0, 1]", "field input.std"},
		{"pad", "fit: affine", "fit: affine, pad: 300", "field input.pad"},
		{"pad of no number", "fit: affine", "fit: affine, pad: .nan", "field input.pad"},
		{"std of no number", "fit: affine", "fit: affine, std: [1, .nan, 1]", "field input.std"},
		{"std of infinity", "fit: affine", "fit: affine, std: [1, .inf, 1]", "field input.std"},
		{"mean of infinity", "fit: affine", "fit: affine, mean: [1, -.inf, 1]", "field input.mean"},
		{"half a px", "width: 48", "width: 48.5", "field input.width: 48.5 is not a whole number"},
		{"half a rank", "licence:", "rank: 55.5\nlicence:", "field rank: 55.5 is not a whole number"},
		{"a name twice", "coco17", "[a, b, a, c]", "point 2 is named \"a\""},
		{"a name of nothing", "coco17", "{names: [a, '']}", "point 1 is named \"\""},
		{"two manifests", "options:", "---\noptions:", "one manifest"},
		{"no keypoints", "keypoints: coco17\n", "", "field keypoints"},
		{"unknown keypoints", "coco17", "coco18", "field keypoints"},
		{"pair out of range", "coco17", "{names: [a, b], pairs: [[0, 2]]}", "field keypoints"},
		{"keypoints misspelt", "coco17", "{names: [a, b], pears: []}", "pears"},
		{"unknown field", "licence:", "license:", "license"},
		{"not a number", "width: 48", "width: wide", "wide"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(good, c.from, c.to, 1)
			if text == good {
				t.Fatal("the case changes nothing")
			}
			if _, err := models.ParseManifest([]byte(text)); err == nil || !strings.Contains(err.Error(), c.field) || strings.HasSuffix(err.Error(), ", ") {
				t.Errorf("got error %v, want one that says %q", err, c.field)
			}
		})
	}
	if _, err := models.ParseManifest(nil); err == nil {
		t.Error("an empty manifest was taken")
	}
}

func TestKeypointSets(t *testing.T) {
	for name, count := range map[string]int{"coco17": 17, "halpe26": 26, "coco133": 133} {
		set, ok := models.NamedKeypoints(name)
		if !ok || len(set.Names) != count {
			t.Errorf("%s has %d points, want %d", name, len(set.Names), count)
		}
		seen := map[string]bool{}
		for _, n := range set.Names {
			if n == "" || seen[n] {
				t.Errorf("%s: the name %q comes twice or is empty", name, n)
			}
			seen[n] = true
		}
		joined := map[int]bool{}
		for _, p := range set.Pairs {
			if max(p[0], p[1]) >= count || min(p[0], p[1]) < 0 || p[0] == p[1] {
				t.Errorf("%s: the pair %v is not of two of its points", name, p)
			}
			joined[p[0]], joined[p[1]] = true, true
		}
		for i := range min(count, 26) {
			if !joined[i] && !strings.HasPrefix(set.Names[i], "face_") {
				t.Errorf("%s: %s is joined to nothing", name, set.Names[i])
			}
		}
	}
	m := inferencetest.ModelOf(t, inferencetest.ManifestOf("p", "pose", "heatmap", strings.Replace(inferencetest.PoseInput, "coco17", "{names: [a, b, c], pairs: [[0, 1]]}", 1)))
	names, pairs := m.Keypoints()
	if diff := cmp.Diff([]string{"a", "b", "c"}, names); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][2]int{{0, 1}}, pairs); diff != "" {
		t.Error(diff)
	}
	if len(models.Coco80()) != 80 || models.PersonOf(models.Coco80()) != 0 {
		t.Errorf("coco80 has %d classes, person is %d", len(models.Coco80()), models.PersonOf(models.Coco80()))
	}
}

func TestManifestsOfEveryFamilyAreRead(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(inferencetest.Testdata(t, "models"), "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := models.ParseManifest(text); err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
	}
}
