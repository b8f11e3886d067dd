package family

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
)

// megvii416 is the input of YOLOX-nano.
var megvii416 = book{416, 416, false, 114, [3]int{2, 1, 0}, [3]float64{}, [3]float64{1, 1, 1}}

// yoloxGolden reads the raw grids of the real model, and the people in them as an export
// with the suppression of doubles inside gives them.
func yoloxGolden(t *testing.T, s *sheet) {
	w := newWitness(t, networkNamed(t, "yolox-nano"))
	d, err := newYOLOX(w.Network)
	if err != nil {
		t.Fatal(err)
	}
	raw, inside := s.row("yolox", w.Model.Name, "raw grids"), s.row("yolox", w.Model.Name, "its people as of NMS inside")
	// The demo divides both axes by one ratio, though it rounds the sizes of the resized
	// picture down: up to a px of the input on the shorter axis. Ours takes each axis's own.
	demo := s.row("yolox", w.Model.Name, "raw grids, by one ratio")
	demo.allowed = 0.5
	for name, c := range s.pictures {
		t.Run(name, func(t *testing.T) {
			got, err := d.Detect(c.pic)
			if err != nil {
				t.Fatal(err)
			}
			input, _, back := megvii416.fill(c.pic)
			w.wasAsked(t, raw, megvii416, input)
			ratio := math.Min(416/float64(c.pic.Width), 416/float64(c.pic.Height))
			var exact, byRatio []corners
			var rows []float32
			for _, p := range yoloxByTheBook(w.out[0], ratio) {
				left, top := back(p[0], p[1])
				right, bottom := back(p[2], p[3])
				exact = append(exact, corners{left, top, right, bottom, p[4]})
				byRatio = append(byRatio, corners{p[0] / ratio, p[1] / ratio, p[2] / ratio, p[3] / ratio, p[4]})
				for _, v := range p {
					rows = append(rows, float32(v))
				}
			}
			raw.sameBoxes(t, got, exact, c.pic)
			demo.sameBoxes(t, got, byRatio, c.pic)
			export, err := newYOLOX(inferencetest.NetworkOf(t, w.Model, []int64{1, int64(len(rows) / 5), 5}, rows))
			if err != nil {
				t.Fatal(err)
			}
			again, err := export.Detect(c.pic)
			if err != nil {
				t.Fatal(err)
			}
			inside.sameBoxes(t, again, exact, c.pic)
			if name == "skier" {
				raw.nearTruth(t, got)
			}
		})
	}
}

// yoloxByTheBook is YOLOX's demo_postprocess and multiclass_nms, which keeps the best class of
// each place and then the best places of all classes together, with sides that count both
// end px: what is left of class 0 from 0.3 on, best first, in input px.
func yoloxByTheBook(out []float32, ratio float64) (people []corners) {
	type place struct {
		corners
		class int
	}
	var all, kept []place
	row := 0
	for _, stride := range []float64{8, 16, 32} {
		cells := int(416 / stride)
		for i := range cells * cells {
			cell := out[row*85 : row*85+85]
			row++
			class := 0
			for c := range 80 {
				if cell[5+c] > cell[5+class] {
					class = c
				}
			}
			score := float64(cell[4] * cell[5+class])
			if score <= 0.1 {
				continue
			}
			x, y := (float64(cell[0])+float64(i%cells))*stride, (float64(cell[1])+float64(i/cells))*stride
			w, h := math.Exp(float64(cell[2]))*stride, math.Exp(float64(cell[3]))*stride
			all = append(all, place{corners{x - w/2, y - h/2, x + w/2, y + h/2, score}, class})
		}
	}
	slices.SortStableFunc(all, func(a, b place) int { return cmp.Compare(b.corners[4], a.corners[4]) })
	for _, a := range all {
		if !slices.ContainsFunc(kept, func(k place) bool { return overlapByTheBook(a.corners, k.corners, ratio) > 0.45 }) {
			kept = append(kept, a)
		}
	}
	for _, k := range kept {
		if k.class == 0 && k.corners[4] >= 0.3 {
			people = append(people, k.corners)
		}
	}
	return people
}
