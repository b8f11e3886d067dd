package coco

import (
	"math"
	"slices"
)

// Box is where a detector says that a person is.
type Box struct {
	Image int64
	Score float64 // only the order counts
	// At is left, top, width, height in px.
	At [4]float64
}

// mostBoxes is how many boxes of a picture count, the best ones.
const mostBoxes = 100

// ScoreBoxes compares boxes with the truth's, picture by picture: what counts is the
// intersection over union and, in a crowd, the part of the box that is in it.
func ScoreBoxes(people []Truth, boxes []Box) Scores {
	there, found := map[int64][]Truth{}, map[int64][]Box{}
	var order []int64
	for _, t := range people {
		there[t.Image], order = append(there[t.Image], t), append(order, t.Image)
	}
	for _, b := range boxes {
		found[b.Image], order = append(found[b.Image], b), append(order, b.Image)
	}
	slices.Sort(order)
	var pictures []picture
	for _, image := range slices.Compact(order) {
		pictures = append(pictures, compareBoxes(there[image], found[image]))
	}
	return score(pictures, true)
}

func compareBoxes(people []Truth, boxes []Box) (p picture) {
	for _, t := range people {
		p.there = append(p.there, target{area: t.Area, ignore: t.Crowd, crowd: t.Crowd})
	}
	for _, b := range best(boxes, mostBoxes, func(b Box) float64 { return b.Score }) {
		p.found = append(p.found, candidate{score: b.Score, area: b.At[2] * b.At[3]})
		row := make([]float64, len(people))
		for j, t := range people {
			row[j] = BoxOverlap(b.At, t.Box, t.Crowd)
		}
		p.similarity = append(p.similarity, row)
	}
	return p
}

// BoxOverlap is the intersection of two boxes (left, top, width, height) over their union,
// or over found alone where the other is a crowd, 0 to 1; 0 where they do not meet.
func BoxOverlap(found, truth [4]float64, crowd bool) float64 {
	w := math.Min(found[0]+found[2], truth[0]+truth[2]) - math.Max(found[0], truth[0])
	h := math.Min(found[1]+found[3], truth[1]+truth[3]) - math.Max(found[1], truth[1])
	if w <= 0 || h <= 0 {
		return 0
	}
	of := found[2] * found[3]
	if !crowd {
		of += truth[2]*truth[3] - w*h
	}
	return w * h / of
}
