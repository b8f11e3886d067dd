package coco

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// reference is what testdata/reference.py wrote: random people, what was found of them,
// and the scores that pycocotools gives.
type reference struct {
	Poses, Masks, Boxes struct {
		Truth json.RawMessage
		Found []struct {
			Image        int64 `json:"image_id"`
			Score        float64
			Keypoints    []float64
			Box          []float64 `json:"bbox"`
			Segmentation Segmentation
		}
		Scores map[string]float64
	}
	Polygons []struct {
		Polygon []float64
		Mask    Segmentation
	}
}

func readReference(t *testing.T) (r reference) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// same compares every score that the reference gives.
func same(t *testing.T, got Scores, want map[string]float64) {
	t.Helper()
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var scores map[string]float64
	if err := json.Unmarshal(text, &scores); err != nil {
		t.Fatal(err)
	}
	if len(want) < 10 {
		t.Fatalf("the reference gives %d scores only", len(want))
	}
	for name, w := range want {
		if g, ok := scores[name]; !ok || math.Abs(g-w) > 1e-9 {
			t.Errorf("%s is %.12f, pycocotools says %.12f", name, g, w)
		}
	}
}

func TestPosesScoreAsInPycocotools(t *testing.T) {
	r := readReference(t).Poses
	truth, err := Read(bytes.NewReader(r.Truth))
	if err != nil {
		t.Fatal(err)
	}
	var poses []Pose
	for _, f := range r.Found {
		p := Pose{Image: f.Image, Score: f.Score}
		for i := range p.Points {
			p.Points[i] = [2]float64(f.Keypoints[3*i:])
		}
		poses = append(poses, p)
	}
	got, err := ScorePoses(truth.People, poses)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, r.Scores)
}

func TestMasksScoreAsInPycocotools(t *testing.T) {
	r := readReference(t).Masks
	truth, err := Read(bytes.NewReader(r.Truth))
	if err != nil {
		t.Fatal(err)
	}
	var found []Cutout
	for _, f := range r.Found {
		mask, err := f.Segmentation.Mask(truth.Images[0].Width, truth.Images[0].Height)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, Cutout{Image: f.Image, Score: f.Score, Mask: mask})
	}
	got, err := ScoreCutouts(truth.Images, truth.People, found)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, r.Scores)
}

func TestBoxesScoreAsInPycocotools(t *testing.T) {
	r := readReference(t).Boxes
	truth, err := Read(bytes.NewReader(r.Truth))
	if err != nil {
		t.Fatal(err)
	}
	var boxes []Box
	for _, f := range r.Found {
		boxes = append(boxes, Box{f.Image, f.Score, [4]float64(f.Box)})
	}
	same(t, ScoreBoxes(truth.People, boxes), r.Scores)
}

// pycocotools rounds corners to a fifth of a pixel, so a pixel on the edge may differ.
func TestPolygonsAreDrawnAsInPycocotools(t *testing.T) {
	for i, p := range readReference(t).Polygons {
		got, err := Segmentation{Polygons: [][]float64{p.Polygon}}.Mask(140, 120)
		if err != nil {
			t.Fatal(err)
		}
		want, err := p.Mask.Mask(140, 120)
		if err != nil {
			t.Fatal(err)
		}
		if both, either := count(got, want); either-both > 40 || Overlap(got, want) < 0.97 {
			t.Errorf("polygon %d: %d pixels here, %d in pycocotools, %d differ", i, got.Area(), want.Area(), either-both)
		}
	}
}
