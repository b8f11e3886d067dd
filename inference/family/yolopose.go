package family

import (
	"github.com/motionmill/motionmill/inference/fit"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// yoloPose is the pose family of YOLOv8-pose and YOLO11-pose: it finds everyone
// in the whole frame. It is either the raw output, channel by channel (centre,
// width, height, confidence, then x, y, confidence of each point) with doubles
// in it, or an end-to-end export: a row for each person (left, top, right,
// bottom, score, class, then the points). All are input pixels.
type yoloPose struct {
	view
	minScore float64
	maxIoU   float64
	points   int

	raw, endToEnd []int64 // the shapes of the two outputs; -1 is any number
}

func newYOLOPose(n *onnx.Network) (*yoloPose, error) {
	m := n.Model
	p := &yoloPose{view: viewOf(n), points: len(m.Points.Names)}
	if m.Input.Fit != models.FitLetterboxCentre {
		return nil, m.BadManifest(models.WrongField("input.fit", "is %q, the family yolo-pose needs %q", m.Input.Fit, models.FitLetterboxCentre))
	}
	var err error
	if p.minScore, p.maxIoU, err = m.Thresholds(0.25, 0.7); err != nil {
		return nil, err
	}
	_, outputs := n.Info()
	p.raw, p.endToEnd = []int64{1, int64(5 + 3*p.points), -1}, []int64{1, -1, int64(6 + 3*p.points)}
	if len(outputs) == 0 || outputs[0].Type != "float32" || !onnx.Fits(outputs[0].Shape, p.raw) && !onnx.Fits(outputs[0].Shape, p.endToEnd) {
		return nil, m.Mismatch("the graph's outputs are %v, the family yolo-pose with %d keypoints gives float32[1 %d n] or float32[1 n %d] first",
			outputs, p.points, p.raw[1], p.endToEnd[2])
	}
	return p, nil
}

// candidate is a detection and the place of its numbers in the output.
type candidate struct {
	picture.Detection
	at int
}

// Spot finds everyone in a frame with their points, best first.
func (p *yoloPose) Spot(pic picture.Picture, into []picture.Person) ([]picture.Person, error) {
	place := fit.Letterbox(pic, p.fill.Width, p.fill.Height, true)
	people := into[:0]
	err := p.examine(pic, place, func(w *worktop, out []onnx.Tensor) error {
		data, shape := out[0].Data, out[0].Shape
		first, step := 0, 0 // a candidate's first point, and from one of its numbers to the next
		found := w.candidates[:0]
		switch {
		case onnx.Fits(shape, p.raw):
			first, step = 5*int(shape[2]), int(shape[2])
			w.candidates = p.rawCandidates(found, data, step)
			found = suppress(w.candidates, p.maxIoU)
		case onnx.Fits(shape, p.endToEnd):
			first, step = 6, 1
			w.candidates = p.endToEndCandidates(found, data, int(shape[2]))
			found = w.candidates
			sortByScore(found)
		default:
			return p.network.Model.Mismatch("its output has the shape %v, want %v or %v", shape, p.raw, p.endToEnd)
		}
		for _, c := range found {
			people = another(people, picture.Detection{Box: place.Back(c.Box, pic), Score: c.Score}, p.points)
			points, values := people[len(people)-1].Points, data[c.at+first:]
			for i := range points {
				x, y := float64(values[3*i*step]), float64(values[(3*i+1)*step])
				points[i] = place.Point(x, y, float64(values[(3*i+2)*step]))
			}
		}
		return nil
	})
	return people, err
}

// another appends a person with room for n points, for which it uses the memory
// that people has left.
func another(people []picture.Person, at picture.Detection, n int) []picture.Person {
	if len(people) < cap(people) {
		people = people[:len(people)+1]
	} else {
		people = append(people, picture.Person{})
	}
	last := &people[len(people)-1]
	last.Detection, last.Points = at, picture.Grown(last.Points, n)
	return people
}

// rawCandidates reads the channels of n places; a candidate is at its place.
func (p *yoloPose) rawCandidates(found []candidate, data []float32, n int) []candidate {
	for i, v := range data[4*n : 5*n] {
		if score := float64(v); score >= p.minScore {
			w, h := float64(data[2*n+i]), float64(data[3*n+i])
			box := picture.Rect{X: float64(data[i]) - w/2, Y: float64(data[n+i]) - h/2, W: w, H: h}
			found = append(found, candidate{picture.Detection{Box: box, Score: score}, i})
		}
	}
	return found
}

// endToEndCandidates reads rows of columns numbers; a candidate is at its row's
// first. Class 0 is person.
func (p *yoloPose) endToEndCandidates(found []candidate, data []float32, columns int) []candidate {
	for at := 0; at+columns <= len(data); at += columns {
		if row := data[at : at+columns]; float64(row[4]) >= p.minScore && row[5] == 0 {
			box := picture.Rect{X: float64(row[0]), Y: float64(row[1]), W: float64(row[2] - row[0]), H: float64(row[3] - row[1])}
			found = append(found, candidate{picture.Detection{Box: box, Score: float64(row[4])}, at})
		}
	}
	return found
}
