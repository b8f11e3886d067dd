package inference

// yoloPose is the pose family of YOLOv8-pose and YOLO11-pose: it finds everyone
// in the whole frame. It is either the raw output, channel by channel (centre,
// width, height, confidence, then x, y, confidence of each point) with doubles
// in it, or an end-to-end export: a row for each person (left, top, right,
// bottom, score, class, then the points). All are input pixels.
type yoloPose struct {
	network  *network
	fill     filler
	minScore float64
	maxIoU   float64
	points   int
}

func newYOLOPose(n *network) (*yoloPose, error) {
	m := n.model
	p := &yoloPose{network: n, fill: newFiller(m.Input), points: len(m.Points.Names)}
	if m.Input.Fit != FitLetterboxCentre {
		return nil, badManifest(m, wrongField("input.fit", "is %q, the family yolo-pose needs %q", m.Input.Fit, FitLetterboxCentre))
	}
	err := m.knownOptions("score", "iou")
	if err == nil {
		p.minScore, err = m.number("score", 0.25, 0, 1)
	}
	if err == nil {
		p.maxIoU, err = m.number("iou", 0.7, 0, 1)
	}
	if err != nil {
		return nil, badManifest(m, err)
	}
	_, outputs := n.session.Info()
	raw, endToEnd := p.shapes()
	if len(outputs) == 0 || outputs[0].Type != "float32" || !fits(outputs[0].Shape, raw) && !fits(outputs[0].Shape, endToEnd) {
		return nil, mismatch(m, "the graph's outputs are %v, the family yolo-pose with %d keypoints gives float32[1 %d n] or float32[1 n %d] first",
			outputs, p.points, raw[1], endToEnd[2])
	}
	return p, nil
}

// shapes are those of the raw and of the end-to-end output; -1 is any number.
func (p *yoloPose) shapes() (raw, endToEnd []int64) {
	return []int64{1, int64(5 + 3*p.points), -1}, []int64{1, -1, int64(6 + 3*p.points)}
}

// candidate is a detection and the place of its numbers in the output.
type candidate struct {
	detection
	at int
}

// spot finds everyone in a frame with their points, best first.
func (p *yoloPose) spot(pic picture) ([]person, error) {
	place := letterbox(pic, p.fill.width, p.fill.height, true)
	var people []person
	err := p.network.use(func(l *lane) {
		p.fill.fill(l.runner.Input(), pic, place, &l.scratch)
	}, func(out []tensor) error {
		data, shape := out[0].data, out[0].shape
		switch raw, endToEnd := p.shapes(); {
		case fits(shape, raw):
			n := int(shape[2])
			for _, c := range suppress(p.rawCandidates(data, n), p.maxIoU) {
				people = append(people, p.person(c, data[c.at+5*n:], n, place, pic))
			}
		case fits(shape, endToEnd):
			found := p.endToEndCandidates(data, int(shape[2]))
			sortByScore(found)
			for _, c := range found {
				people = append(people, p.person(c, data[c.at+6:], 1, place, pic))
			}
		default:
			return mismatch(p.network.model, "its output has the shape %v, want %v or %v", shape, raw, endToEnd)
		}
		return nil
	})
	return people, err
}

// rawCandidates reads the channels of n places; a candidate is at its place.
func (p *yoloPose) rawCandidates(data []float32, n int) (found []candidate) {
	for i, v := range data[4*n : 5*n] {
		if score := float64(v); score >= p.minScore {
			w, h := float64(data[2*n+i]), float64(data[3*n+i])
			box := rect{float64(data[i]) - w/2, float64(data[n+i]) - h/2, w, h}
			found = append(found, candidate{detection{box, score}, i})
		}
	}
	return found
}

// endToEndCandidates reads rows of columns numbers; a candidate is at its row's
// first. Class 0 is person.
func (p *yoloPose) endToEndCandidates(data []float32, columns int) (found []candidate) {
	for at := 0; at+columns <= len(data); at += columns {
		if row := data[at : at+columns]; float64(row[4]) >= p.minScore && row[5] == 0 {
			box := rect{float64(row[0]), float64(row[1]), float64(row[2] - row[0]), float64(row[3] - row[1])}
			found = append(found, candidate{detection{box, float64(row[4])}, at})
		}
	}
	return found
}

// person brings a candidate from the input back to the frame. The numbers of
// its points begin values and lie step apart.
func (p *yoloPose) person(c candidate, values []float32, step int, place placement, pic picture) person {
	found := person{detection: detection{place.back(c.box, pic), c.score}, points: make([]keypoint, p.points)}
	for i := range found.points {
		x, y := float64(values[3*i*step]), float64(values[(3*i+1)*step])
		found.points[i] = place.point(x, y, float64(values[(3*i+2)*step]))
	}
	return found
}
