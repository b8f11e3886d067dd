package inference

import (
	"math"
	"testing"

	"github.com/motionmill/motionmill/inference/track"
)

// shown is somebody in a frame, the truth's or the tracker's.
type shown struct {
	id     int
	points [][3]float64 // x, y and, in the truth, whether it is in sight
	hidden bool         // in the truth: nobody has to see this one, and whoever does is not wrong
	area   float64      // of the truth's person, px²
}

// trackScore is how well people were followed: what CLEAR MOT counts
// (Bernardin and Stiefelhagen, 2008) at a similarity of 0.5, and HOTA
// (Luiten et al., 2020), both as TrackEval computes them.
type trackScore struct {
	switches, missed, wrong, right int
	mota, hota, detA, assA         float64
}

// cocoSigmas are those of COCO's keypoint evaluation.
var cocoSigmas = [17]float64{
	.026, .025, .025, .035, .035, .079, .079, .072, .072, .062, .062, .107, .107, .087, .087, .089, .089,
}

// oks is the object keypoint similarity of points to those of the truth that are in sight.
func oks(truth shown, points [][3]float64) float64 {
	sum, n := 0.0, 0.0
	for i, p := range truth.points {
		if p[2] > 0 || truth.hidden {
			dx, dy, k := points[i][0]-p[0], points[i][1]-p[1], 2*cocoSigmas[i]
			sum += math.Exp(-(dx*dx + dy*dy) / (2 * truth.area * k * k))
			n++
		}
	}
	return sum / math.Max(n, 1)
}

// shownFrame is one frame of a measurement: its people by place in the lists of ids.
type shownFrame struct {
	truth, seen []int
	like        [][]float64
}

// numbering gives ids places from 0.
type numbering map[int]int

func (n numbering) place(id int) int {
	if _, ok := n[id]; !ok {
		n[id] = len(n)
	}
	return n[id]
}

// compareTracks measures what was seen against the truth, frame by frame.
func compareTracks(truth, seen [][]shown) trackScore {
	truthIDs, seenIDs := numbering{}, numbering{}
	frames := make([]shownFrame, len(truth))
	for i := range truth {
		f := &frames[i]
		var visible []shown
		for _, one := range truth[i] {
			if !one.hidden {
				visible = append(visible, one)
				f.truth = append(f.truth, truthIDs.place(one.id))
			}
		}
		var counted []shown
		for _, one := range seen[i] {
			if !seesHidden(truth[i], one) {
				counted = append(counted, one)
				f.seen = append(f.seen, seenIDs.place(one.id))
			}
		}
		f.like = make([][]float64, len(visible))
		for j, a := range visible {
			for _, b := range counted {
				f.like[j] = append(f.like[j], oks(a, b.points))
			}
		}
	}
	s := clearMOT(frames)
	s.hota, s.detA, s.assA = higherOrder(frames, len(truthIDs), len(seenIDs))
	return s
}

// seesHidden tells whether somebody is most like one of the truth who is hidden.
func seesHidden(truth []shown, one shown) bool {
	best, hidden := 0.0, false
	for _, t := range truth {
		if v := oks(t, one.points); v > best {
			best, hidden = v, t.hidden
		}
	}
	return hidden && best >= 0.3
}

func clearMOT(frames []shownFrame) (s trackScore) {
	last := map[int]int{}
	total := 0
	for _, f := range frames {
		of := track.Pair(len(f.truth), len(f.seen), 0.5, func(i, j int) float64 {
			v := f.like[i][j]
			if was, ok := last[f.truth[i]]; ok && was == f.seen[j] && v >= 0.5 {
				v += 1000 // Who was matched stays matched.
			}
			return v
		})
		total += len(f.truth)
		matched := 0
		for i, j := range of {
			if j < 0 {
				continue
			}
			matched++
			if was, ok := last[f.truth[i]]; ok && was != f.seen[j] {
				s.switches++
			}
			last[f.truth[i]] = f.seen[j]
		}
		s.right += matched
		s.missed += len(f.truth) - matched
		s.wrong += len(f.seen) - matched
	}
	s.mota = float64(s.right-s.wrong-s.switches) / float64(max(total, 1))
	return s
}

// higherOrder gives HOTA and its parts for detection and for association,
// the means over the similarities 0.05, 0.10, … 0.95.
func higherOrder(frames []shownFrame, truths, seens int) (hota, detA, assA float64) {
	global := alignment(frames, truths, seens)
	const steps = 19
	for step := range steps {
		alpha := float64(step+1) * 0.05
		hits := make([][]float64, truths)
		for i := range hits {
			hits[i] = make([]float64, seens)
		}
		truthCount, seenCount := make([]float64, truths), make([]float64, seens)
		tp, all := 0.0, 0.0
		for _, f := range frames {
			of := track.Pair(len(f.truth), len(f.seen), 1e-12, func(i, j int) float64 {
				return global[f.truth[i]][f.seen[j]] * f.like[i][j]
			})
			for i, j := range of {
				truthCount[f.truth[i]]++
				if j >= 0 && f.like[i][j] >= alpha-1e-12 {
					hits[f.truth[i]][f.seen[j]]++
					tp++
				}
			}
			for _, j := range f.seen {
				seenCount[j]++
			}
			all += float64(len(f.truth) + len(f.seen))
		}
		association := 0.0
		for i, row := range hits {
			for j, n := range row {
				association += n * n / math.Max(truthCount[i]+seenCount[j]-n, 1)
			}
		}
		d, a := tp/math.Max(all-tp, 1), association/math.Max(tp, 1)
		detA, assA, hota = detA+d/steps, assA+a/steps, hota+math.Sqrt(d*a)/steps
	}
	return hota, detA, assA
}

// alignment says how much each of the truth goes with each that was seen, over all frames.
func alignment(frames []shownFrame, truths, seens int) [][]float64 {
	sum := make([][]float64, truths)
	for i := range sum {
		sum[i] = make([]float64, seens)
	}
	truthCount, seenCount := make([]float64, truths), make([]float64, seens)
	for _, f := range frames {
		columns := make([]float64, len(f.seen))
		for i := range f.truth {
			truthCount[f.truth[i]]++
			for j, v := range f.like[i] {
				columns[j] += v
			}
		}
		for j, id := range f.seen {
			seenCount[id]++
			for i, id2 := range f.truth {
				row := 0.0
				for _, v := range f.like[i] {
					row += v
				}
				if v := f.like[i][j]; v > 0 {
					sum[id2][id] += v / (row + columns[j] - v)
				}
			}
		}
	}
	for i := range sum {
		for j := range sum[i] {
			sum[i][j] /= truthCount[i] + seenCount[j] - sum[i][j]
		}
	}
	return sum
}

// TestTrackScores holds the measures to scenes that can be reckoned by hand.
func TestTrackScores(t *testing.T) {
	at := func(id int, x float64) shown {
		points := make([][3]float64, 17)
		for i := range points {
			points[i] = [3]float64{x, float64(10 * i), 1}
		}
		return shown{id: id, points: points, area: 10000}
	}
	hidden := func(id int, x float64) shown {
		s := at(id, x)
		s.hidden = true
		return s
	}
	repeat := func(n int, people ...shown) (frames [][]shown) {
		for range n {
			frames = append(frames, people)
		}
		return frames
	}
	join := func(parts ...[][]shown) (frames [][]shown) {
		for _, p := range parts {
			frames = append(frames, p...)
		}
		return frames
	}
	one, two := at(1, 0), at(2, 500)
	for _, c := range []struct {
		name        string
		truth, seen [][]shown
		switches    int
		mota, hota  float64
	}{
		{"all right", repeat(10, one, two), repeat(10, at(7, 0), at(9, 500)), 0, 1, 1},
		{"another id half way", repeat(10, one), join(repeat(5, at(1, 0)), repeat(5, at(2, 0))), 1, 0.9, math.Sqrt(0.5)},
		{"two exchange their ids", repeat(10, one, two), join(repeat(5, at(1, 0), at(2, 500)), repeat(5, at(2, 0), at(1, 500))), 2, 0.9, math.Sqrt(1.0 / 3)},
		// 5 right, 5 missed: DetA is a half, and so is AssA.
		{"half missed", repeat(10, one), join(repeat(5, at(1, 0)), repeat(5)), 0, 0.5, 0.5},
		{"somebody who is not there", repeat(10, one), repeat(10, at(1, 0), at(2, 900)), 0, 0, math.Sqrt(0.5)},
		{"nobody has to see who is hidden", repeat(10, one, hidden(2, 500)), repeat(10, at(1, 0)), 0, 1, 1},
		{"nor is it wrong", repeat(10, one, hidden(2, 500)), repeat(10, at(1, 0), at(5, 500)), 0, 1, 1},
	} {
		got := compareTracks(c.truth, c.seen)
		if got.switches != c.switches || math.Abs(got.mota-c.mota) > 1e-9 || math.Abs(got.hota-c.hota) > 1e-9 {
			t.Errorf("%s: %d switches, MOTA %.3f, HOTA %.3f, want %d, %.3f, %.3f",
				c.name, got.switches, got.mota, got.hota, c.switches, c.mota, c.hota)
		}
	}
}
