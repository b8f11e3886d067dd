package family

import (
	"math"
	"slices"

	"github.com/motionmill/motionmill/inference/onnx"
)

// The highest scores of each family's outputs, for the trial of a model.

func (d *yolo) topScore(out []onnx.Tensor) (float32, bool)    { return d.reader.topScore(out) }
func (s *yoloSeg) topScore(out []onnx.Tensor) (float32, bool) { return s.reader.topScore(out) }

// topScore of the head is that of the highest logit.
func (d *rtmdet) topScore(out []onnx.Tensor) (score float32, ok bool) {
	if !d.raw {
		return 0, false
	}
	for _, t := range out[:len(strides)] {
		for _, logit := range t.Data {
			score = max(score, float32(1/(1+math.Exp(-float64(logit)))))
		}
	}
	return score, true
}

func (p *yoloPose) topScore(out []onnx.Tensor) (float32, bool) {
	if !onnx.Fits(out[0].Shape, p.raw) || len(out[0].Data) == 0 {
		return 0, false
	}
	n := int(out[0].Shape[2])
	return slices.Max(out[0].Data[4*n : 5*n]), true
}

// topScore of the raw grid is that of the objectness.
func (d *yolox) topScore(out []onnx.Tensor) (score float32, ok bool) {
	t := out[d.output]
	columns := 5 + len(d.network.Model.Classes)
	if len(t.Data) != d.cells()*columns {
		return 0, false
	}
	for i := 4; i < len(t.Data); i += columns {
		score = max(score, t.Data[i])
	}
	return score, true
}

func (h *heatmap) topScore(out []onnx.Tensor) (float32, bool) {
	if len(out[0].Data) == 0 {
		return 0, false
	}
	return slices.Max(out[0].Data), true
}

func (s *simcc) topScore(out []onnx.Tensor) (float32, bool) {
	if len(out[s.x].Data) == 0 || len(out[s.y].Data) == 0 {
		return 0, false
	}
	return min(slices.Max(out[s.x].Data), slices.Max(out[s.y].Data)), true
}

func (s *movenetSingle) topScore(out []onnx.Tensor) (score float32, ok bool) {
	for i := 2; i < len(out[0].Data); i += 3 {
		score = max(score, out[0].Data[i])
	}
	return score, true
}

func (s *movenetMulti) topScore(out []onnx.Tensor) (score float32, ok bool) {
	columns := 3*s.points + 5
	for i := columns - 1; i < len(out[0].Data); i += columns {
		score = max(score, out[0].Data[i])
	}
	return score, true
}

func (m *matte) topScore(out []onnx.Tensor) (score float32, ok bool) {
	from, ok := mapOf(out[0].Shape)
	if !ok || m.activate != activateNone { // Logits may be anything.
		return 0, false
	}
	for i := range from.w * from.h {
		score = max(score, out[0].Data[from.start+i*from.step])
	}
	return score, true
}
