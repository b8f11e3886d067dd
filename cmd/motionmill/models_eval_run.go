package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/motionmill/motionmill/inference"
	"github.com/motionmill/motionmill/inference/coco"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/picture"
)

// evaluation is what was measured.
type evaluation struct {
	Model    string `json:"model"`
	Task     string `json:"task"`
	Pictures int    `json:"pictures"`
	Missing  int    `json:"pictures_missing"`
	// People counts those with labelled points, or the pictures with a mask; Found is
	// how many poses, boxes or mattes the model gave.
	People int `json:"people"`
	Found  int `json:"found"`
	// Boxes tells where the boxes of a pose model came from: truth, detector or model.
	Boxes  string       `json:"boxes,omitempty"`
	Scores coco.Scores  `json:"scores"`
	Sizes  []sizeReport `json:"sizes"`
	// Points are the errors of the keypoints; none for mattes.
	Points []pointReport `json:"points,omitempty"`
}

// sizeReport is the mean likeness of people of one size and what was found:
// object keypoint similarity or, of mattes and boxes, IoU.
type sizeReport struct {
	Size string `json:"size"`
	// People is how many there are.
	People     int     `json:"people"`
	Similarity float64 `json:"similarity"`
}

// pointReport says how far a keypoint is from the truth, in px, where it is labelled and found.
type pointReport struct {
	Name     string  `json:"name"`
	Labelled int     `json:"labelled"`
	Found    int     `json:"found"`
	Mean     float64 `json:"mean_px"`
	Median   float64 `json:"median_px"`
}

// evaluator runs one model over a set.
type evaluator struct {
	analyser *inference.Analyser
	set      cocoSet
	report   evaluation

	likeness map[string][]float64 // by size, of people or pictures
	errors   [coco.Body][]float64 // px, by keypoint
	labelled [coco.Body]int
}

// sizeNames are COCO's sizes; a pose is annotated from medium on.
var sizeNames = [...]string{"small", "medium", "large"}

func sizeOf(area float64) string {
	switch {
	case area < 32*32:
		return "small"
	case area <= 96*96:
		return "medium"
	default:
		return "large"
	}
}

// poses measures a pose model.
func (e *evaluator) poses(ctx context.Context) error {
	var people []coco.Truth
	var poses []coco.Pose
	for _, p := range e.set.pictures {
		if err := ctx.Err(); err != nil {
			return err
		}
		there := e.set.people[p.ID]
		still, err := p.read()
		if err != nil {
			return err
		}
		found, err := e.find(p.ID, still, there)
		if err != nil {
			return err
		}
		people, poses = append(people, there...), append(poses, found...)
		for _, t := range there {
			if !t.Crowd && t.Labelled() > 0 {
				e.compare(t, found)
			}
		}
	}
	var err error
	if e.report.Scores, err = coco.ScorePoses(people, poses); err != nil {
		return err
	}
	e.report.Found = len(poses)
	e.finish()
	for i, name := range coco.Points() {
		r := pointReport{Name: name, Labelled: e.labelled[i], Found: len(e.errors[i])}
		if slices.Sort(e.errors[i]); r.Found > 0 {
			r.Mean, r.Median = average(e.errors[i]), e.errors[i][r.Found/2]
		}
		e.report.Points = append(e.report.Points, r)
	}
	return nil
}

// find gives the poses of a picture: everyone that the model or the detector
// finds, else the pose in each box of the truth.
func (e *evaluator) find(id int64, still picture.Picture, there []coco.Truth) ([]coco.Pose, error) {
	var found []inference.Found
	var err error
	switch {
	case e.analyser.FindsPeople():
		e.report.Boxes = "detector"
		if !e.analyser.TakesBoxes() {
			e.report.Boxes = "model"
		}
		if found, err = e.analyser.People(still); err != nil {
			return nil, err
		}
	default:
		e.report.Boxes = "truth"
		for _, t := range there {
			if t.Crowd || t.Labelled() == 0 {
				continue
			}
			f, err := e.analyser.PoseIn(still, t.Box)
			if err != nil {
				return nil, err
			}
			found = append(found, f)
		}
	}
	var poses []coco.Pose
	for _, f := range found {
		p := coco.Pose{Image: id}
		for i := range p.Points {
			p.Points[i] = [2]float64{f.Points[i][0], f.Points[i][1]}
			p.Score += f.Score * f.Points[i][2] / coco.Body
		}
		poses = append(poses, p)
	}
	return poses, nil
}

// compare takes the pose that is most like a person for that person's.
func (e *evaluator) compare(t coco.Truth, found []coco.Pose) {
	best, most := -1, 0.0
	for i, p := range found {
		if s := coco.Similarity(p.Points, t); s > most {
			best, most = i, s
		}
	}
	e.like(t.Area, most)
	for i, k := range t.Keypoints {
		if k[2] == 0 {
			continue
		}
		e.labelled[i]++
		if best >= 0 && found[best].Points[i] != [2]float64{} {
			at := found[best].Points[i]
			e.errors[i] = append(e.errors[i], math.Hypot(at[0]-k[0], at[1]-k[1]))
		}
	}
}

func (e *evaluator) like(area, similarity float64) {
	if e.likeness == nil {
		e.likeness = map[string][]float64{}
	}
	size := sizeOf(area)
	e.likeness[size] = append(e.likeness[size], similarity)
	e.report.People++
}

// finish fills in the means of the sizes.
func (e *evaluator) finish() {
	e.report.Sizes = []sizeReport{}
	var all []float64
	for _, size := range sizeNames {
		if likeness := e.likeness[size]; len(likeness) > 0 {
			e.report.Sizes = append(e.report.Sizes, sizeReport{size, len(likeness), average(likeness)})
			all = append(all, likeness...)
		}
	}
	if len(all) > 0 {
		e.report.Sizes = append(e.report.Sizes, sizeReport{"all", len(all), average(all)})
	}
}

func average(values []float64) (mean float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	return mean
}

// mattes measures a matte model: all people of a picture count as one.
func (e *evaluator) mattes(ctx context.Context) error {
	var images []coco.Image
	var people []coco.Truth
	var cutouts []coco.Cutout
	for _, p := range e.set.pictures {
		if err := ctx.Err(); err != nil {
			return err
		}
		truth, crowd, ok, err := everyone(p, e.set.people[p.ID])
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		still, err := p.read()
		if err != nil {
			return err
		}
		matte, w, h, err := e.analyser.CutOut(still)
		if err != nil {
			return err
		}
		mask := enlarge(matte, w, h, p.Width, p.Height)
		for i, in := range crowd.Person {
			mask.Person[i] = mask.Person[i] && !in
		}
		e.like(float64(truth.Area()), coco.Overlap(mask, truth))
		images = append(images, p.Image)
		people = append(people, coco.Truth{Image: p.ID, Area: float64(truth.Area()), Segmentation: truth.Segmentation()})
		cutouts = append(cutouts, coco.Cutout{Image: p.ID, Score: 1, Mask: mask})
	}
	var err error
	e.report.Scores, err = coco.ScoreCutouts(images, people, cutouts)
	e.report.Found = len(cutouts)
	e.finish()
	return err
}

// everyone draws all people of a picture together, and the crowds, which do
// not count. ok is false where there is no mask.
func everyone(p cocoPicture, people []coco.Truth) (mask, crowd coco.Mask, ok bool, err error) {
	mask, crowd = coco.NewMask(p.Width, p.Height), coco.NewMask(p.Width, p.Height)
	for _, t := range people {
		if t.Segmentation == nil {
			continue
		}
		one, err := t.Segmentation.Mask(p.Width, p.Height)
		if err != nil {
			return mask, crowd, false, fmt.Errorf("read annotations of %s: %w", p.File, err)
		}
		into := mask
		if t.Crowd {
			into = crowd
		}
		for i, in := range one.Person {
			into.Person[i] = into.Person[i] || in
		}
	}
	for i, in := range crowd.Person {
		mask.Person[i] = mask.Person[i] && !in
	}
	return mask, crowd, mask.Area() > 0, nil
}

// enlarge brings a matte to the picture's size, bilinearly, and takes for person what is
// more than half.
func enlarge(matte []byte, w, h, width, height int) coco.Mask {
	mask := coco.NewMask(width, height)
	at := func(i, size, full int) (low, high int, part float64) {
		v := math.Max((float64(i)+0.5)*float64(size)/float64(full)-0.5, 0)
		low = int(v)
		return min(low, size-1), min(low+1, size-1), v - float64(low)
	}
	for y := range height {
		top, bottom, down := at(y, h, height)
		for x := range width {
			left, right, across := at(x, w, width)
			row := func(y int) float64 {
				return float64(matte[y*w+left])*(1-across) + float64(matte[y*w+right])*across
			}
			mask.Person[y*width+x] = row(top)*(1-down)+row(bottom)*down >= 127.5
		}
	}
	return mask
}

// print writes the report for people.
func (r evaluation) print(out io.Writer) error {
	fmt.Fprintf(out, "%s on %d pictures", r.Model, r.Pictures)
	if r.Missing > 0 {
		fmt.Fprintf(out, " (%d more are annotated and not there)", r.Missing)
	}
	likeness, unit := "OKS", "people"
	switch r.Task {
	case models.TaskMatte:
		likeness, unit = "IoU", "pictures"
		fmt.Fprintf(out, ", %d with people\n", r.People)
	case models.TaskDetect:
		likeness = "IoU"
		fmt.Fprintf(out, ", %d people, %d boxes\n", r.People, r.Found)
	default:
		fmt.Fprintf(out, ", %d people, boxes of the %s, %d poses\n", r.People, r.Boxes, r.Found)
	}
	s := r.Scores
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "\tall\t0.50\t0.75\tsmall\tmedium\tlarge")
	row := func(name string, values ...float64) {
		fmt.Fprint(table, name)
		for _, v := range values {
			if v < 0 {
				fmt.Fprint(table, "\t-")
			} else {
				fmt.Fprintf(table, "\t%.3f", v)
			}
		}
		fmt.Fprintln(table)
	}
	row("AP", s.AP, s.AP50, s.AP75, s.APSmall, s.APMedium, s.APLarge)
	row("AR", s.AR, s.AR50, s.AR75, s.ARSmall, s.ARMedium, s.ARLarge)
	for _, size := range r.Sizes {
		fmt.Fprintf(table, "mean %s, %s\t%.3f\t(%d %s)\n", likeness, size.Size, size.Similarity, size.People, unit)
	}
	if len(r.Points) > 0 {
		fmt.Fprintln(table, "keypoint\tmean px\tmedian px\tfound\tlabelled")
	}
	for _, p := range r.Points {
		fmt.Fprintf(table, "%s\t%.1f\t%.1f\t%d\t%d\n", p.Name, p.Mean, p.Median, p.Found, p.Labelled)
	}
	return table.Flush()
}
