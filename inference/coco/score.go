package coco

import (
	"math"
	"slices"
)

// Scores are average precision and recall, 0 to 1, over the thresholds of
// similarity from 0.50 to 0.95; -1 where nobody of that size was to be found.
// Small people have less than 32² px, large ones more than 96².
type Scores struct {
	AP       float64 `json:"ap"`
	AP50     float64 `json:"ap50"` // at the threshold of 0.50 alone
	AP75     float64 `json:"ap75"`
	APSmall  float64 `json:"ap_small"` // always -1 for keypoints: COCO labels none on small people
	APMedium float64 `json:"ap_medium"`
	APLarge  float64 `json:"ap_large"`
	AR       float64 `json:"ar"`
	AR50     float64 `json:"ar50"`
	AR75     float64 `json:"ar75"`
	ARSmall  float64 `json:"ar_small"`
	ARMedium float64 `json:"ar_medium"`
	ARLarge  float64 `json:"ar_large"`
}

// sizes are the least and the greatest area of a size of people, px².
type sizes struct{ least, most float64 }

const (
	small = 32 * 32
	large = 96 * 96
	huge  = 1e5 * 1e5
)

const (
	thresholds = 10
	recalls    = 101
)

// threshold is the i-th least similarity of a match, from 0.50 to 0.95.
func threshold(i int) float64 {
	first, last := 0.5, 0.95 // Not constants: these would not be rounded as the reference's.
	step := (last - first) / (thresholds - 1)
	return first + float64(float64(i)*step)
}

// candidate is something found in a picture.
type candidate struct{ score, area float64 }

// target is something to be found in a picture. What is to be ignored counts
// neither when found nor when missed; a crowd can be found any number of times.
type target struct {
	area          float64
	ignore, crowd bool
}

// picture holds what was found in one picture, best first, what is there, and how alike
// they are: similarity[i][j] of candidate i and target j, 0 to 1.
type picture struct {
	found      []candidate
	there      []target
	similarity [][]float64
}

// verdict is what became of a candidate: right, wrong, or neither.
type verdict struct {
	score          float64
	right, ignored bool
}

// judge matches the candidates, best first, each with the free target that is most like it.
func (p picture) judge(least float64, size sizes) []verdict {
	ignored := make([]bool, len(p.there))
	for j, t := range p.there {
		ignored[j] = t.ignore || t.area < size.least || t.area > size.most
	}
	taken := make([]bool, len(p.there))
	// best prefers the later of equals, as the reference does.
	best := func(i int, ignore bool) int {
		found, most := -1, math.Min(least, 1-1e-10)
		for j := range p.there {
			if ignored[j] == ignore && (!taken[j] || p.there[j].crowd) && p.similarity[i][j] >= most {
				found, most = j, p.similarity[i][j]
			}
		}
		return found
	}
	verdicts := make([]verdict, len(p.found))
	for i, c := range p.found {
		v := verdict{score: c.score}
		if j := best(i, false); j >= 0 {
			taken[j], v.right = true, true
		} else if j := best(i, true); j >= 0 {
			taken[j], v.ignored = true, true
		} else {
			v.ignored = c.area < size.least || c.area > size.most
		}
		verdicts[i] = v
	}
	return verdicts
}

// countable is the number of targets of a size that are not to be ignored.
func countable(pictures []picture, size sizes) (n int) {
	for _, p := range pictures {
		for _, t := range p.there {
			if !t.ignore && t.area >= size.least && t.area <= size.most {
				n++
			}
		}
	}
	return n
}

// average gives the average precision at one threshold, and the recall of
// all candidates together, of n targets.
func average(verdicts []verdict, n int) (precision, recall float64) {
	slices.SortStableFunc(verdicts, func(a, b verdict) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		default:
			return 0
		}
	})
	var precisions, reached []float64
	right, wrong := 0, 0
	for _, v := range verdicts {
		switch {
		case v.ignored:
		case v.right:
			right++
		default:
			wrong++
		}
		precisions = append(precisions, float64(right)/math.Max(float64(right+wrong), 1))
		reached = append(reached, float64(right)/float64(n))
	}
	for i := len(precisions) - 2; i >= 0; i-- {
		precisions[i] = math.Max(precisions[i], precisions[i+1])
	}
	for i := range recalls {
		if at, _ := slices.BinarySearch(reached, float64(i)*(1.0/(recalls-1))); at < len(precisions) {
			precision += precisions[at]
		}
	}
	return precision / recalls, float64(right) / float64(n)
}

// measure gives precision and recall at each threshold, or nil where there is nothing to find.
func measure(pictures []picture, size sizes) (precisions, found []float64) {
	n := countable(pictures, size)
	if n == 0 {
		return nil, nil
	}
	for i := range thresholds {
		var all []verdict
		for _, p := range pictures {
			all = append(all, p.judge(threshold(i), size)...)
		}
		precision, recall := average(all, n)
		precisions, found = append(precisions, precision), append(found, recall)
	}
	return precisions, found
}

// score gives all numbers. Of small ones nothing is told unless asked.
func score(pictures []picture, withSmall bool) Scores {
	s := Scores{APSmall: -1, ARSmall: -1}
	precisions, found := measure(pictures, sizes{0, huge})
	s.AP, s.AR = mean(precisions), mean(found)
	s.AP50, s.AR50 = at(precisions, 0), at(found, 0)
	s.AP75, s.AR75 = at(precisions, 5), at(found, 5)
	if withSmall {
		precisions, found = measure(pictures, sizes{0, small})
		s.APSmall, s.ARSmall = mean(precisions), mean(found)
	}
	precisions, found = measure(pictures, sizes{small, large})
	s.APMedium, s.ARMedium = mean(precisions), mean(found)
	precisions, found = measure(pictures, sizes{large, huge})
	s.APLarge, s.ARLarge = mean(precisions), mean(found)
	return s
}

func mean(values []float64) float64 {
	if len(values) == 0 {
		return -1
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func at(values []float64, i int) float64 {
	if len(values) == 0 {
		return -1
	}
	return values[i]
}
