package inference

import (
	"math"
	"slices"
)

// The highest scores of each family's outputs, for the trial of a model.

func (d *yolo) topScore(out []tensor) (float32, bool)    { return d.reader.topScore(out) }
func (s *yoloSeg) topScore(out []tensor) (float32, bool) { return s.reader.topScore(out) }

// topScore of the head is that of the highest logit.
func (d *rtmdet) topScore(out []tensor) (score float32, ok bool) {
	if !d.raw {
		return 0, false
	}
	for _, t := range out[:len(strides)] {
		for _, logit := range t.data {
			score = max(score, float32(1/(1+math.Exp(-float64(logit)))))
		}
	}
	return score, true
}

func (p *yoloPose) topScore(out []tensor) (float32, bool) {
	if !fits(out[0].shape, p.raw) || len(out[0].data) == 0 {
		return 0, false
	}
	n := int(out[0].shape[2])
	return slices.Max(out[0].data[4*n : 5*n]), true
}

// topScore of the raw grid is that of the objectness.
func (d *yolox) topScore(out []tensor) (score float32, ok bool) {
	t := out[d.output]
	columns := 5 + len(d.network.model.Classes)
	if len(t.data) != d.cells()*columns {
		return 0, false
	}
	for i := 4; i < len(t.data); i += columns {
		score = max(score, t.data[i])
	}
	return score, true
}

func (h *heatmap) topScore(out []tensor) (float32, bool) {
	if len(out[0].data) == 0 {
		return 0, false
	}
	return slices.Max(out[0].data), true
}

func (s *simcc) topScore(out []tensor) (float32, bool) {
	if len(out[s.x].data) == 0 || len(out[s.y].data) == 0 {
		return 0, false
	}
	return min(slices.Max(out[s.x].data), slices.Max(out[s.y].data)), true
}

func (s *movenetSingle) topScore(out []tensor) (score float32, ok bool) {
	for i := 2; i < len(out[0].data); i += 3 {
		score = max(score, out[0].data[i])
	}
	return score, true
}

func (s *movenetMulti) topScore(out []tensor) (score float32, ok bool) {
	columns := 3*s.points + 5
	for i := columns - 1; i < len(out[0].data); i += columns {
		score = max(score, out[0].data[i])
	}
	return score, true
}

func (m *matte) topScore(out []tensor) (score float32, ok bool) {
	from, ok := mapOf(out[0].shape)
	if !ok || m.activate != activateNone { // Logits may be anything.
		return 0, false
	}
	for i := range from.w * from.h {
		score = max(score, out[0].data[from.start+i*from.step])
	}
	return score, true
}
