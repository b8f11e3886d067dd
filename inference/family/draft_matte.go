package family

import (
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
)

// matteFamily tells, by the outputs' shapes and by names, the models of mattes
// whose values differ from the usual, and the size where it is open.
func matteFamily(in onnx.TensorInfo, inputs, outputs []onnx.TensorInfo, p inputForm) (draft, inputForm, bool) {
	const (
		unit     = "colour: rgb, mean: [0, 0, 0], std: [255, 255, 255]"
		middle   = "colour: rgb, mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5]"
		imagenet = "colour: rgb, mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375]"
	)
	d := draft{task: models.TaskMatte, family: "matte", fit: models.FitStretch}
	shape := outputs[0].Shape
	switch {
	case isRVM(inputs, outputs):
		d.family, d.values = models.FamilyRVM, unit
		return d, p.or(512, 288), true
	case p.layout != "nchw":
		return d, p, false
	case p.w == 0 && p.h == 0 && len(outputs) == 1 && onnx.Fits(shape, []int64{1, 1, 512, 512}) && len(shape) == 4 && shape[1] == 1:
		d.values, d.rest = middle, "# An open size is taken for MODNet's: the short side of 512 px.\noptions: {short_side: 512, resize: area}\n"
		return d, p.or(512, 512), true
	case p.w == 512 && p.h == 512 && in.Name == "input" && outputs[0].Name == "output" && fixedAs(shape, 0, 1, 512, 512):
		d.values, d.rest = middle, "# The names and the size are MODNet's.\noptions: {resize: area}\n"
		return d, p, true
	case len(outputs) >= 6 && p.w > 0 && fixedAs(shape, 0, 1, p.h, p.w):
		d.values, d.rest = imagenet, "# Several mattes of one size are taken for U2-Net's, of which the first counts.\n"
		return d, p, true
	case len(outputs) == 1 && p.w > 0 && fixedAs(shape, 0, 2, p.h, p.w):
		d.values = middle
		d.rest = "# Background and person are taken for PP-HumanSeg's probabilities. Where they do not add up to 1: options: {activation: softmax}\n"
		return d, p, true
	default:
		return d, p, false
	}
}
