package coco

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// standing is a person of a size in px at a place, all of whose points are labelled.
func standing(image int64, x, y, size float64) (Truth, [Body][2]float64) {
	t := Truth{Image: image, Box: [4]float64{x, y, size / 2, size}, Area: size * size / 3}
	var points [Body][2]float64
	for i := range points {
		points[i] = [2]float64{x + float64(i%4)*size/8, y + float64(i)*size/Body}
		t.Keypoints = append(t.Keypoints, [3]float64{points[i][0], points[i][1], 2})
	}
	return t, points
}

func moved(points [Body][2]float64, dx float64) [Body][2]float64 {
	for i := range points {
		points[i][0] += dx
	}
	return points
}

func scored(t rapid.TB, people []Truth, poses []Pose) Scores {
	t.Helper()
	s, err := ScorePoses(people, poses)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSimilarityOfOnePoint(t *testing.T) {
	truth, points := standing(1, 100, 100, 200)
	for i := range truth.Keypoints {
		truth.Keypoints[i][2] = 0
	}
	truth.Keypoints[9][2] = 2 // The left wrist, sigma 0.062.
	points[9][0] += 10
	points[0] = [2]float64{-500, -500} // Not labelled: of no account.
	want := math.Exp(-100 / (2 * truth.Area * 4 * 0.062 * 0.062))
	if got := Similarity(points, truth); math.Abs(got-want) > 1e-12 {
		t.Errorf("it is %v, want %v", got, want)
	}
	truth.Keypoints[9][2] = 0
	points[0] = [2]float64{100, 100}
	if got := Similarity(points, truth); got != 1 {
		t.Errorf("nothing is labelled and all points are near the box: %v, want 1", got)
	}
}

func TestScoresByHand(t *testing.T) {
	large, a := standing(1, 100, 50, 200)
	other, b := standing(1, 400, 50, 200)
	medium, c := standing(2, 10, 10, 80)
	crowd := Truth{Image: 1, Box: [4]float64{600, 0, 100, 200}, Area: 9000, Crowd: true}
	nobody := moved(a, 2000)
	cases := map[string]struct {
		people []Truth
		poses  []Pose
		want   Scores
	}{
		"perfect": {[]Truth{large, other, medium}, []Pose{{1, .9, a}, {1, .8, b}, {2, .7, c}},
			Scores{AP: 1, AP50: 1, AP75: 1, APMedium: 1, APLarge: 1, AR: 1, AR50: 1, AR75: 1, ARMedium: 1, ARLarge: 1}},
		// Recall reaches 1/2 with precision 1: 51 of the 101 recalls, 0 to 0.50.
		"one of two": {[]Truth{large, other}, []Pose{{1, .9, a}},
			Scores{AP: 51. / 101, AP50: 51. / 101, AP75: 51. / 101, APMedium: -1, APLarge: 51. / 101,
				AR: .5, AR50: .5, AR75: .5, ARMedium: -1, ARLarge: .5}},
		"a false one first": {[]Truth{large}, []Pose{{1, .9, nobody}, {1, .8, a}},
			Scores{AP: .5, AP50: .5, AP75: .5, APMedium: -1, APLarge: .5, AR: 1, AR50: 1, AR75: 1, ARMedium: -1, ARLarge: 1}},
		"the same person twice": {[]Truth{large}, []Pose{{1, .9, a}, {1, .95, a}},
			Scores{AP: 1, AP50: 1, AP75: 1, APMedium: -1, APLarge: 1, AR: 1, AR50: 1, AR75: 1, ARMedium: -1, ARLarge: 1}},
		"found in a crowd": {[]Truth{crowd, large}, []Pose{{1, .9, moved(a, 530)}, {1, .85, moved(a, 531)}, {1, .8, a}},
			Scores{AP: 1, AP50: 1, AP75: 1, APMedium: -1, APLarge: 1, AR: 1, AR50: 1, AR75: 1, ARMedium: -1, ARLarge: 1}},
		"in a picture without people": {[]Truth{large}, []Pose{{1, .8, a}, {7, .9, a}},
			Scores{AP: .5, AP50: .5, AP75: .5, APMedium: -1, APLarge: .5, AR: 1, AR50: 1, AR75: 1, ARMedium: -1, ARLarge: 1}},
		"nobody there": {nil, []Pose{{1, .9, a}},
			Scores{AP: -1, AP50: -1, AP75: -1, APMedium: -1, APLarge: -1, AR: -1, AR50: -1, AR75: -1, ARMedium: -1, ARLarge: -1}},
		"nothing found": {[]Truth{large}, nil, Scores{APMedium: -1, ARMedium: -1}},
	}
	for name, c := range cases {
		c.want.APSmall, c.want.ARSmall = -1, -1
		got := scored(t, c.people, c.poses)
		if !near(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
	}
}

// near allows for the rounding of sums.
func near(a, b Scores) bool {
	values := func(s Scores) []float64 {
		return []float64{s.AP, s.AP50, s.AP75, s.APSmall, s.APMedium, s.APLarge, s.AR, s.AR50, s.AR75, s.ARSmall, s.ARMedium, s.ARLarge}
	}
	for i, v := range values(a) {
		if math.Abs(v-values(b)[i]) > 1e-12 {
			return false
		}
	}
	return true
}

func TestTheTwentyFirstPoseDoesNotCount(t *testing.T) {
	truth, points := standing(1, 100, 50, 200)
	poses := []Pose{{1, .1, points}}
	for range mostPoses {
		poses = append(poses, Pose{1, .5, moved(points, 3000)})
	}
	if got := scored(t, []Truth{truth}, poses); got.AR != 0 {
		t.Errorf("the recall is %v", got.AR)
	}
	if got := scored(t, []Truth{truth}, poses[:mostPoses]); got.AR != 1 {
		t.Errorf("of the twenty best the recall is %v", got.AR)
	}
}

func TestPerfectIsOneAndWorseIsNeverBetter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var people []Truth
		var poses []Pose
		for i := range rapid.IntRange(1, 6).Draw(t, "people") {
			truth, points := standing(int64(i), 50, 50, rapid.Float64Range(50, 400).Draw(t, "size"))
			people = append(people, truth)
			poses = append(poses, Pose{int64(i), rapid.Float64Range(0, 1).Draw(t, "score"), points})
		}
		if s := scored(t, people, poses); math.Abs(s.AP-1) > 1e-12 || s.AR != 1 {
			t.Fatalf("perfect poses score %+v", s)
		}
		last := 1.0
		for range 8 {
			which := rapid.IntRange(0, len(poses)-1).Draw(t, "which")
			poses[which].Points = moved(poses[which].Points, rapid.Float64Range(0, 30).Draw(t, "further"))
			s := scored(t, people, poses)
			if s.AP > last+1e-12 || s.AP < 0 {
				t.Fatalf("moved away, the precision went from %v to %v", last, s.AP)
			}
			last = s.AP
		}
	})
}

func TestMasks(t *testing.T) {
	square := Segmentation{Polygons: [][]float64{{2, 1, 6, 1, 6, 4, 2, 4}}}
	m, err := square.Mask(10, 5)
	if err != nil || m.Area() != 12 || !m.Person[1*10+2] || m.Person[1*10+6] || m.Person[4*10+2] {
		t.Fatalf("area %d, error %v: %v", m.Area(), err, m.Person)
	}
	var runs Segmentation // 3 pixels outside, 4 inside, down the columns of 2x5.
	if err := json.Unmarshal([]byte(`{"size": [5, 2], "counts": [3, 4, 3]}`), &runs); err != nil {
		t.Fatal(err)
	}
	r, err := runs.Mask(2, 5)
	if err != nil || r.Area() != 4 || !r.Person[3*2] || !r.Person[1*2+1] || r.Person[2*2+1] {
		t.Fatalf("area %d, error %v: %v", r.Area(), err, r.Person)
	}
	half, err := Segmentation{Polygons: [][]float64{{4, 1, 6, 1, 6, 4, 4, 4}}}.Mask(10, 5)
	if err != nil || Overlap(m, half) != 0.5 || Overlap(m, m) != 1 || within(half, m) != 1 {
		t.Errorf("overlap %v, within %v, error %v", Overlap(m, half), within(half, m), err)
	}
	for text, s := range map[string]Segmentation{
		"run 0": {Runs: []int{99}, Width: 2, Height: 5}, "polygon": {Polygons: [][]float64{{1, 2}}}, "of 3x3": {Runs: []int{9}, Width: 3, Height: 3},
	} {
		if _, err := s.Mask(2, 5); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%+v gives %v, want an error about %q", s, err, text)
		}
	}
	if _, err := unpack("0Q"); err == nil {
		t.Error("a text of runs that breaks off was read")
	}
}

func TestBrokenAnnotations(t *testing.T) {
	images, people := `"images": [{"id": 1, "width": 4, "height": 4}]`, `"categories": [{"id": 1, "name": "person"}]`
	for text, want := range map[string]string{
		`<html>`:            "read annotations",
		`{"keypoints": []}`: "not COCO's format",
		`{` + images + `, "categories": [{"id": 1, "name": "cat"}]}`:                                         "named person",
		`{"images": [{"id": 1}], ` + people + `}`:                                                            "size 0x0",
		`{` + images + `,` + people + `, "annotations": [{"id": 5, "category_id": 1, "image_id": 2}]}`:       "annotation 5 is of image 2",
		`{` + images + `,` + people + `, "annotations": [{"id": 5, "category_id": 1, "image_id": 1}]}`:       "a box of 0 numbers",
		`{` + images + `,` + people + `, "annotations": [{"category_id": 1, "segmentation": {"size": []}}]}`: "neither polygons nor runs",
	} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, want an error about %q", text, err, want)
		}
	}
}
