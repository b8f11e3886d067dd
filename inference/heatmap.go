package inference

import (
	"math"

	"github.com/motionmill/motionmill/job"
)

// keypoint is a point in frame pixels and its score; score 0 means that the
// point was not found.
type keypoint struct{ x, y, score float64 }

// heatmap is the pose family of HRNet, Lite-HRNet, TinyPose and ViTPose: a crop
// of one person goes in, a map of likelihood for each point comes out.
type heatmap struct {
	network  *network
	fill     filler
	boxScale float64
	dark     bool
	minScore float64
	points   int
}

func newHeatmap(n *network) (*heatmap, error) {
	m := n.model
	h := &heatmap{network: n, fill: newFiller(m.Input), points: len(m.Points.Names)}
	if m.Input.Fit != FitAffine {
		return nil, badManifest(m, wrongField("input.fit", "is %q, the family heatmap needs %q", m.Input.Fit, FitAffine))
	}
	err := m.knownOptions("box_scale", "decode", "min_score")
	if err == nil {
		h.boxScale, err = m.number("box_scale", 1.25, 0.5, 4)
	}
	if err == nil {
		h.minScore, err = m.number("min_score", defaultMinScore, 0, 1)
	}
	switch decode := m.Options["decode"]; decode {
	case nil, "quarter":
	case "dark":
		h.dark = true
	default:
		err = wrongField("options.decode", "is %v, this version has: quarter, dark", decode)
	}
	if err != nil {
		return nil, badManifest(m, err)
	}
	_, outputs := n.session.Info()
	if len(outputs) == 0 || outputs[0].Type != "float32" || !fits(outputs[0].Shape, []int64{1, int64(h.points), -1, -1}) {
		return nil, mismatch(m, "the graph's outputs are %v, the family heatmap with %d keypoints gives float32[1 %d h w] first",
			outputs, h.points, h.points)
	}
	return h, nil
}

func badManifest(m Model, err error) error {
	return job.Fail(job.ModelMissing, "open model "+m.Name, m.Path, "its manifest is broken", "Correct that field", err)
}

// minimum is the mean score from which a pose is taken for a person's.
func (h *heatmap) minimum() float64 { return h.minScore }

// estimate finds the points of the person in box, all in frame pixels, and
// writes them into points, which must have one place for each.
func (h *heatmap) estimate(pic picture, box rect, points []keypoint) error {
	area := topDown(box, h.boxScale, float64(h.fill.width)/float64(h.fill.height))
	return h.network.use(func(l *lane) {
		h.fill.fill(l.runner.Input(), pic, crop(area, h.fill.width, h.fill.height), &l.scratch)
	}, func(out []tensor) error {
		shape := out[0].shape
		if len(shape) != 4 || int(shape[1]) != h.points || len(points) != h.points {
			return mismatch(h.network.model, "its output has the shape %v, want [1 %d h w]", shape, h.points)
		}
		rows, cols := int(shape[2]), int(shape[3])
		for i := range points {
			m := grid{data: out[0].data[i*rows*cols : (i+1)*rows*cols], w: cols, h: rows}
			x, y, score := m.peak(h.dark)
			points[i] = keypoint{}
			if score > 0 {
				points[i] = keypoint{
					x:     area.x + x/float64(cols)*area.w,
					y:     area.y + y/float64(rows)*area.h,
					score: math.Min(score, 1),
				}
			}
		}
		return nil
	})
}

// topDown returns the area of the frame that a top-down model looks at: the
// box, scaled, with one side grown to the aspect (w/h) of the input. After
// MMPose, structures/bbox/transforms.py and topdown_transforms.py.
func topDown(box rect, scale, aspect float64) rect {
	x, y := box.centre()
	w, h := box.w*scale, box.h*scale
	if w > h*aspect {
		h = w / aspect
	} else {
		w = h * aspect
	}
	return rect{x - w/2, y - h/2, w, h}
}

// grid is one heat map.
type grid struct {
	data []float32
	w, h int
}

// peak returns the position of the maximum, refined below one cell, and its
// value. A value of 0 or less means that there is no point.
func (g grid) peak(dark bool) (x, y, score float64) {
	best := 0
	for i, v := range g.data {
		if v > g.data[best] {
			best = i
		}
	}
	score = float64(g.data[best])
	cx, cy := best%g.w, best/g.w
	x, y = float64(cx), float64(cy)
	if score <= 0 {
		return x, y, score
	}
	var dx, dy float64
	if dark {
		dx, dy = g.darkOffset(cx, cy)
	} else {
		dx, dy = g.quarterOffset(cx, cy)
	}
	return x + dx, y + dy, score
}

// quarterOffset moves by a quarter of a cell towards the higher neighbour on
// each axis, where both neighbours exist. After MMPose, codecs/msra_heatmap.py.
func (g grid) quarterOffset(x, y int) (dx, dy float64) {
	i := y*g.w + x
	if x < 1 || y < 1 || x > g.w-2 || y > g.h-2 {
		return 0, 0
	}
	return quarter(g.data[i+1] - g.data[i-1]), quarter(g.data[i+g.w] - g.data[i-g.w])
}

func quarter(difference float32) float64 {
	switch {
	case difference > 0:
		return 0.25
	case difference < 0:
		return -0.25
	default:
		return 0
	}
}

// darkKernel is OpenCV's Gaussian of 11 taps: sigma 0.3·((11−1)/2 − 1) + 0.8 = 2.
func darkKernel() [11]float64 {
	var k [11]float64
	sum := 0.0
	for i := range k {
		k[i] = math.Exp(-float64((i-5)*(i-5)) / 8)
		sum += k[i]
	}
	for i := range k {
		k[i] /= sum
	}
	return k
}

// darkOffset fits the logarithm of the blurred map around the maximum by a
// parabola and returns the way to its top. After Zhang et al., "Distribution-
// Aware Coordinate Representation for Human Pose Estimation" (CVPR 2020), with
// the blur of MMPose's codecs/utils/refinement.py. Only the 25 cells that the
// derivatives touch are blurred; the rescaling to the old maximum is left
// out, as it only adds a constant to the logarithm.
func (g grid) darkOffset(x, y int) (dx, dy float64) {
	if x < 2 || y < 2 || x > g.w-3 || y > g.h-3 {
		return 0, 0
	}
	m := g.blurred(x, y)
	at := func(i, j int) float64 { return m[2+j][2+i] }
	gx, gy := (at(1, 0)-at(-1, 0))/2, (at(0, 1)-at(0, -1))/2
	xx := (at(2, 0) - 2*at(0, 0) + at(-2, 0)) / 4
	yy := (at(0, 2) - 2*at(0, 0) + at(0, -2)) / 4
	xy := (at(1, 1) - at(-1, 1) - at(1, -1) + at(-1, -1)) / 4
	det := xx*yy - xy*xy
	if det == 0 {
		return 0, 0
	}
	dx, dy = -(yy*gx-xy*gy)/det, -(xx*gy-xy*gx)/det
	// A fit that leaves the blurred peak's surroundings is no fit.
	if !(math.Abs(dx) <= 2 && math.Abs(dy) <= 2) {
		return 0, 0
	}
	return dx, dy
}

// blurred returns the logarithm of the blurred map in the 5 by 5 cells around
// a point; outside the map is 0.
func (g grid) blurred(x, y int) (out [5][5]float64) {
	kernel := darkKernel()
	var rows [15][5]float64
	for j := range rows {
		row := y + j - 7
		if row < 0 || row >= g.h {
			continue
		}
		for i := range 5 {
			for k, weight := range kernel {
				if col := x + i - 2 + k - 5; col >= 0 && col < g.w {
					rows[j][i] += weight * float64(g.data[row*g.w+col])
				}
			}
		}
	}
	for j := range out {
		for i := range out[j] {
			sum := 0.0
			for k, weight := range kernel {
				sum += weight * rows[j+k][i]
			}
			out[j][i] = math.Log(math.Max(sum, 1e-10))
		}
	}
	return out
}
