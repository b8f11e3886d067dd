package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference/coco"
	"github.com/motionmill/motionmill/inference/starter"
)

// evaluated runs models eval and returns what it prints for machines.
func evaluated(t *testing.T, args ...string) (e evaluation) {
	t.Helper()
	out, errs, status := motionmill(t, append([]string{"models", "eval", "--json", "--provider", "cpu"}, args...)...)
	if status != statusDone {
		t.Fatalf("status %d: %s", status, errs)
	}
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		t.Fatalf("it printed %q: %v", out, err)
	}
	return e
}

// sharedTestdata is the folder of the shared test data. The test is skipped where
// that does not hold the file.
func sharedTestdata(t *testing.T, file ...string) string {
	t.Helper()
	root := os.Getenv("MOTIONMILL_TESTDATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "testdata")
	}
	if _, err := os.Stat(filepath.Join(append([]string{root}, file...)...)); err != nil {
		t.Skipf("the test data is not there: %v", err)
	}
	return root
}

// demoSet makes a folder of COCO's layout of pictures of the demo video. The
// first person's boxes and points are moved by shift px.
func demoSet(t *testing.T, pictures int, shift float64) string {
	t.Helper()
	dir := t.TempDir()
	for _, folder := range []string{"annotations", "images"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	truth, err := starter.Truth()
	if err != nil {
		t.Fatal(err)
	}
	made := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-i", demoFile(t), "-frames:v", fmt.Sprint(pictures),
		"-fps_mode", "passthrough", "-start_number", "0", filepath.Join(dir, "images", "%d.png"))
	if out, err := made.CombinedOutput(); err != nil {
		t.Fatalf("take pictures: %v: %s", err, out)
	}
	var images, people []map[string]any
	for i := range pictures {
		mask, err := truth.Mask(i, truth.Width, truth.Height)
		if err != nil {
			t.Fatal(err)
		}
		person := coco.NewMask(truth.Width, truth.Height)
		for j, v := range mask {
			person.Person[j] = v >= 128
		}
		var points []float64
		left, top, right, bottom := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
		for _, k := range truth.Frames[i].Keypoints {
			points = append(points, k[0]+shift, k[1]+shift, k[2])
			left, right = min(left, k[0]-10), max(right, k[0]+10)
			top, bottom = min(top, k[1]-10), max(bottom, k[1]+10)
		}
		runs := person.Segmentation()
		images = append(images, map[string]any{"id": i, "file_name": fmt.Sprintf("%d.png", i), "width": truth.Width, "height": truth.Height})
		people = append(people, map[string]any{"id": i + 1, "image_id": i, "category_id": 1, "area": person.Area(), "keypoints": points,
			"bbox":         []float64{left, top, right - left, bottom - top},
			"segmentation": map[string]any{"size": []int{runs.Height, runs.Width}, "counts": runs.Runs}})
	}
	writeSet(t, filepath.Join(dir, "annotations", "person_keypoints_demo.json"), images, people)
	return dir
}

func writeSet(t *testing.T, path string, images, people any) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"images": images, "annotations": people,
		"categories": []map[string]any{{"id": 1, "name": "person", "keypoints": coco.Points()}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestMeasuringAModel(t *testing.T) {
	needParts(t)
	dir := demoSet(t, 4, 0)
	pose := evaluated(t, "starter-pose", "--coco", dir)
	if pose.Pictures != 4 || pose.Missing != 0 || pose.People != 4 || pose.Found != 4 || len(pose.Points) != coco.Body {
		t.Fatalf("it says %+v", pose)
	}
	if s := pose.Sizes[len(pose.Sizes)-1]; s.Size != "all" || s.Similarity < 0.8 || pose.Scores.AP50 != 1 {
		t.Errorf("the starter's own figures score %+v, %+v", s, pose.Scores)
	}
	// The same poses, with the truth beside them.
	beside := evaluated(t, "starter-pose", "--coco", demoSet(t, 4, 15))
	if beside.Scores.AP >= pose.Scores.AP || beside.Points[9].Mean < pose.Points[9].Mean {
		t.Errorf("with the truth moved it scores %+v and %+v", beside.Scores, beside.Points[9])
	}
	matte := evaluated(t, "starter-matte", "--coco", dir)
	if s := matte.Sizes[len(matte.Sizes)-1]; s.People != 4 || s.Similarity < 0.85 || matte.Scores.AP50 != 1 || len(matte.Points) != 0 {
		t.Errorf("the starter's own figures score %+v, %+v", s, matte.Scores)
	}
	out, _, status := motionmill(t, "models", "eval", "starter-pose", "--coco", dir)
	if status != statusDone || !strings.Contains(out, "boxes of the truth") || !strings.Contains(out, "right_ankle") {
		t.Errorf("status %d: %s", status, out)
	}
}

func TestMeasuringRefuses(t *testing.T) {
	needParts(t)
	good, empty, other, bare, double := demoSet(t, 1, 0), t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "notes.json"), []byte(`{"a": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	image := []map[string]any{{"id": 1, "file_name": "1.jpg", "width": 4, "height": 4}}
	writeSet(t, filepath.Join(bare, "a.json"), image, nil)
	writeSet(t, filepath.Join(double, "a.json"), image, nil)
	writeSet(t, filepath.Join(double, "b.json"), image, nil)
	wrong := demoSet(t, 1, 0)
	writeSet(t, filepath.Join(wrong, "annotations", "person_keypoints_demo.json"),
		[]map[string]any{{"id": 1, "file_name": "0.png", "width": 4, "height": 4}}, nil)
	for name, c := range map[string]struct {
		args   []string
		status int
		says   string
	}{
		"no folder named":     {[]string{"starter-pose"}, statusUsage, "--coco DIR"},
		"no such folder":      {[]string{"starter-pose", "--coco", "/nowhere"}, statusUsage, "/nowhere: there is no such folder"},
		"an empty folder":     {[]string{"starter-pose", "--coco", empty}, statusUsage, "no annotations file"},
		"another format":      {[]string{"starter-pose", "--coco", other}, statusUsage, "notes.json: read annotations: there is no list of images"},
		"no pictures":         {[]string{"starter-pose", "--coco", bare}, statusUsage, "none of the 1 pictures"},
		"two annotations":     {[]string{"starter-pose", "--coco", double}, statusUsage, "choose with --annotations"},
		"no annotations":      {[]string{"starter-pose", "--coco", good, "--annotations", "/nowhere.json"}, statusUsage, "/nowhere.json"},
		"another size":        {[]string{"starter-pose", "--coco", wrong}, statusFailed, "the annotations say 4x4"},
		"no such model":       {[]string{"none", "--coco", good}, statusMissing, "none"},
		"a detector too many": {[]string{"starter-matte", "--coco", good, "--model", "pose=starter-pose"}, statusUsage, "has no use here"},
		"no library":          {[]string{"starter-pose", "--coco", good, "--ort-library", "/nowhere.so"}, statusMissing, "/nowhere.so"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs, status := motionmill(t, append([]string{"models", "eval"}, c.args...)...)
			if status != c.status || !strings.Contains(errs, c.says) || strings.Count(errs, "motionmill: ") != 1 {
				t.Errorf("status %d, want %d; it says %q, want %q", status, c.status, errs, c.says)
			}
		})
	}
}
