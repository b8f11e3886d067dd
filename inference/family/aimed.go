package family

import (
	"github.com/motionmill/motionmill/inference/fit"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// defaultMinScore is the mean score below which a pose is taken for nobody.
const defaultMinScore = 0.2

// aimed is a pose model that sees crops of people, one or several in a run.
type aimed interface {
	Poser
	parts() view
	// aim gives the area of the frame that is seen for a box, and how it is laid into the input.
	aim(box picture.Rect) (area picture.Rect, place fit.Placement)
	// read takes the points of one person from the outputs of a run.
	read(out []onnx.Tensor, area picture.Rect, points []picture.Keypoint) error
}

// InOneRun is how many people a pose model looks at in one run.
func InOneRun(p Poser) int {
	if m, ok := p.(aimed); ok {
		return m.parts().network.Batch()
	}
	return 1
}

// EstimateAll finds the points of the people in boxes, at most InOneRun, by one
// run. What it finds is what Estimate finds one by one.
func EstimateAll(p Poser, pic picture.Picture, boxes []picture.Rect, points [][]picture.Keypoint) error {
	if len(boxes) == 1 {
		return p.Estimate(pic, boxes[0], points[0])
	}
	m := p.(aimed) // No other takes several.
	v := m.parts()
	return v.network.UseAll(len(boxes), func(i int, l *onnx.Lane, input []float32) {
		_, place := m.aim(boxes[i])
		v.fill.Fill(input, pic, place, &worktopOf(l).scratch)
	}, func(i int, out []onnx.Tensor) error {
		area, _ := m.aim(boxes[i])
		return m.read(out, area, points[i])
	})
}
