package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/doctable"
)

const (
	accuracyVariable = "MOTIONMILL_ACCURACY_TABLE"
	readingsFirst    = "<!-- readings: written by make accuracy -->\n"
	readingsLast     = "<!-- end of readings -->\n"
)

// reading is what a model of the test data reaches at least.
type reading struct {
	model    string
	least    float64 // similarity or IoU
	read     bool    // of a reference; else it keeps the model from getting worse
	detector string
	boxes    string // where the boxes come from, as models eval says it
}

// TestRealModelsMeetTheReadings measures the models of the test data on the one
// of its annotated pictures that is there. The readings are means over
// four pictures, of the reference implementations. make accuracy puts them
// into docs/models.md.
func TestRealModelsMeetTheReadings(t *testing.T) {
	needParts(t)
	sharedTestdata(t, "groundtruth", "000000000785.jpg")
	table := "| model | boxes | here | reading |\n| --- | --- | --- | --- |\n"
	for _, r := range []reading{
		{"tinypose-256x192", 0.871, true, "", "truth"},
		{"tinypose-256x192", 0.871, false, "yolox-nano", "detector"},
		{"tinypose-simcc-256x192", 0.859, true, "", "truth"},
		{"movenet-lightning", 0.849, true, "", "truth"},
		{"yolov8n-pose", 0.845, true, "", "model"},
		{"selfie-256", 0.90, true, "", ""},
		{"yolov8n-seg-320", 0.84, false, "", ""},
		{"maskrcnn-torchvision-surrogate", 0.84, false, "", ""},
		{"maskrcnn-zoo-surrogate", 0.82, false, "", ""},
		{"yolox-nano", 0.85, false, "", ""},
		{"rtmdet-nano-person", 0.85, false, "", ""},
	} {
		t.Run(strings.TrimSpace(r.model+" "+r.detector), func(t *testing.T) { table += r.line(r.meet(t)) })
	}
	path := os.Getenv(accuracyVariable)
	if path == "" || t.Failed() {
		return
	}
	if err := (doctable.Place{Document: path, First: readingsFirst, Last: readingsLast}).Write("\n" + table + "\n"); err != nil {
		t.Fatal(err)
	}
}

// meet measures the model, which must not be worse than the reading.
func (r reading) meet(t *testing.T) evaluation {
	t.Helper()
	root := sharedTestdata(t)
	args := []string{r.model, "--coco", filepath.Join(root, "groundtruth"), "--models-dir", filepath.Join(root, "models")}
	if r.detector != "" {
		args = append(args, "--model", "detect="+r.detector)
	}
	e := evaluated(t, args...)
	if e.Pictures != 1 || e.Missing != 3 || e.People != 1 || e.Found != 1 || e.Boxes != r.boxes {
		t.Fatalf("it says %+v", e)
	}
	got := e.Sizes[len(e.Sizes)-1].Similarity
	t.Logf("similarity %.3f, reading %.3f, AP %.2f", got, r.least, e.Scores.AP)
	if got < r.least || e.Scores.AP75 != 1 || e.Scores.APLarge != e.Scores.AP || e.Scores.APMedium != -1 {
		t.Errorf("the similarity is %.3f, the reading %.3f; %+v", got, r.least, e.Scores)
	}
	for _, p := range e.Points {
		if p.Labelled != 1 || p.Found != 1 || p.Mean > 30 || p.Median != p.Mean {
			t.Errorf("%+v", p)
		}
	}
	return e
}

// line is the row of the table.
func (r reading) line(e evaluation) string {
	boxes := cmp.Or(r.detector, map[string]string{"truth": "annotations", "model": "its own"}[e.Boxes])
	here := fmt.Sprintf("%.3f", e.Sizes[len(e.Sizes)-1].Similarity)
	switch e.Task {
	case "pose":
		here = "OKS " + here
	case "detect":
		boxes, here = "its own", fmt.Sprintf("box IoU %s, AP %.2f", here, e.Scores.AP)
	default:
		here = "IoU " + here
	}
	read := ""
	if r.read {
		read = strings.TrimSuffix(fmt.Sprintf("%.3f", r.least), "0")
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", r.model, boxes, here, read)
}
