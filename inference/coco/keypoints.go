package coco

import (
	"fmt"
	"math"
	"slices"
)

// Body is the number of keypoints of COCO's people.
const Body = 17

// Points names the keypoints in COCO's order.
func Points() []string {
	return []string{
		"nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
		"left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
	}
}

// sigmas say how far apart people place the same keypoint, for the points in
// COCO's order: the standard deviation in parts of the root of the area.
func sigmas() [Body]float64 {
	return [Body]float64{
		.026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107, .107, .087, .087, .089, .089,
	}
}

// Pose is a person found in a picture.
type Pose struct {
	Image int64
	// Score says how sure it is, in any unit: only the order counts.
	Score float64
	// Points are x and y in px, in COCO's order.
	Points [Body][2]float64
}

// area is that of the points' bounds, px².
func (p Pose) area() float64 {
	low, high := p.Points[0], p.Points[0]
	for _, at := range p.Points {
		for i := range 2 {
			low[i], high[i] = math.Min(low[i], at[i]), math.Max(high[i], at[i])
		}
	}
	return (high[0] - low[0]) * (high[1] - low[1])
}

// Similarity is the object keypoint similarity of points and the truth, 0 to 1. Where no
// point of the truth is labelled it tells how near the points are to the
// truth's box, doubled.
func Similarity(points [Body][2]float64, t Truth) float64 {
	sum, n := 0.0, 0
	labelled := t.Labelled() > 0
	for i, sigma := range sigmas() {
		var dx, dy float64
		switch {
		case !labelled:
			dx, dy = outside(points[i][0], t.Box[0], t.Box[2]), outside(points[i][1], t.Box[1], t.Box[3])
		case t.Keypoints[i][2] > 0:
			dx, dy = points[i][0]-t.Keypoints[i][0], points[i][1]-t.Keypoints[i][1]
		default:
			continue
		}
		n++
		sum += math.Exp(-(dx*dx + dy*dy) / (8 * sigma * sigma * math.Max(t.Area, math.SmallestNonzeroFloat32)))
	}
	return sum / float64(n)
}

// outside is how far v is from an interval that was widened by its length on both sides.
func outside(v, start, length float64) float64 {
	return math.Max(0, start-length-v) + math.Max(0, v-start-2*length)
}

// mostPoses is how many poses of a picture count, the best ones.
const mostPoses = 20

// ScorePoses compares poses with the truth, picture by picture. The truth's
// people must have COCO's keypoints or none.
func ScorePoses(people []Truth, poses []Pose) (Scores, error) {
	there, found := map[int64][]Truth{}, map[int64][]Pose{}
	var order []int64
	for _, t := range people {
		if n := len(t.Keypoints); n != 0 && n != Body {
			return Scores{}, fmt.Errorf("score poses: a person of image %d has %d keypoints, COCO's have %d", t.Image, n, Body)
		}
		there[t.Image] = append(there[t.Image], t)
		order = append(order, t.Image)
	}
	for _, p := range poses {
		found[p.Image] = append(found[p.Image], p)
		order = append(order, p.Image)
	}
	slices.Sort(order)
	var pictures []picture
	for _, image := range slices.Compact(order) {
		pictures = append(pictures, comparePoses(there[image], found[image]))
	}
	return score(pictures, false), nil
}

func comparePoses(people []Truth, poses []Pose) picture {
	poses = best(poses, mostPoses, func(p Pose) float64 { return p.Score })
	var p picture
	for _, t := range people {
		p.there = append(p.there, target{area: t.Area, ignore: t.Crowd || t.Labelled() == 0, crowd: t.Crowd})
	}
	for _, pose := range poses {
		p.found = append(p.found, candidate{score: pose.Score, area: pose.area()})
		row := make([]float64, len(people))
		for j, t := range people {
			row[j] = Similarity(pose.Points, t)
		}
		p.similarity = append(p.similarity, row)
	}
	return p
}

// best returns the n of the highest score, best first.
func best[T any](all []T, n int, score func(T) float64) []T {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b T) int {
		switch {
		case score(a) > score(b):
			return -1
		case score(a) < score(b):
			return 1
		default:
			return 0
		}
	})
	return all[:min(n, len(all))]
}
