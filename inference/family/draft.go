package family

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
)

// draft is what the shapes of a graph tell of its family.
type draft struct{ task, family, fit, values, rest string }

// Draft writes the manifest of a model of which only the graph is known. ok is
// false when the graph is of no family of this version. What a graph does not tell
// (colour, mean, std, pad) is what the family's models usually have.
func Draft(m models.Model, inputs, outputs []onnx.TensorInfo) (manifest string, ok bool) {
	if len(outputs) == 0 || len(inputs) != 1 && !isRVM(inputs, outputs) {
		return "", false
	}
	in := inputs[0] // RVM's picture comes first too.
	p, ok := formOf(in.Shape)
	if !ok || !slices.Contains(models.InputTypes(), in.Type) { // No manifest could say the type.
		return "", false
	}
	hint := ""
	if p.w == 0 || p.h == 0 {
		hint = "# The graph leaves the size open; this one is usual.\n"
	}
	d, p, ok := matteFamily(in, inputs, outputs, p)
	if !ok {
		d, p, ok = peopleFamily(outputs, p)
	}
	if !ok && p.layout != "chw" {
		if isYOLOPose(outputs[0].Shape) {
			p = p.or(640, 640)
		}
		d, ok = family(outputs, p.layout == "nhwc", p.w, p.h)
		ok = ok && p.w > 0 && p.h > 0
	}
	if !ok {
		return "", false
	}
	if onnx.IsWhole(in.Type) {
		d.values = normalising.ReplaceAllString(d.values, "mean: [0, 0, 0], std: [1, 1, 1]")
	}
	return m.DraftHead(d.task, d.family) + fmt.Sprintf(`rank: 50
%sinput: {name: %q, width: %d, height: %d, layout: %s, type: %s, fit: %s, %s}
%s`, hint, in.Name, p.w, p.h, p.layout, in.Type, d.fit, d.values, d.rest), true
}

// normalising is what a graph that takes whole numbers does itself: what is left of a pixel
// after it would be 0 or 1.
var normalising = regexp.MustCompile(`mean: \[[^]]*\], std: \[[^]]*\]`)

// family tells the family by the outputs' shapes, given the input's. Poses are
// recognised by COCO's 17 points.
func family(outputs []onnx.TensorInfo, nhwc bool, w, h int64) (draft, bool) {
	const (
		imagenet = "colour: rgb, mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375]"
		unit     = "colour: rgb, mean: [0, 0, 0], std: [255, 255, 255]"
		coco     = "keypoints: coco17\n"
	)
	shape := outputs[0].Shape
	cells := w/8*(h/8) + w/16*(h/16) + w/32*(h/32)
	switch {
	case nhwc && (fixedAs(shape, 0, 1, 17, 3) || fixedAs(shape, 0, 0, 56)):
		return draft{models.TaskPose, "movenet", models.FitLetterboxCentre, "colour: rgb, pad: 0", coco}, true
	case !nhwc && isYOLOPose(shape):
		return draft{models.TaskPose, "yolo-pose", models.FitLetterboxCentre, unit + ", pad: 114", coco}, true
	case len(outputs) == 2 && fixedAs(shape, 0, 17, 2*w) && fixedAs(outputs[1].Shape, 0, 17, 2*h):
		return draft{models.TaskPose, "simcc", models.FitAffine, imagenet, coco + "options: {split: 2}\n"}, true
	case fixedAs(shape, 0, 17, 0, 0) && shape[2] > 0 && h%shape[2] == 0 && h/shape[2]*shape[3] == w:
		return draft{models.TaskPose, "heatmap", models.FitAffine, imagenet, coco + "options: {decode: dark}\n"}, true
	case !nhwc && fixedAs(shape, 0, cells, 85):
		return draft{models.TaskDetect, "yolox", models.FitLetterboxTopLeft, "colour: bgr, pad: 114", "classes: coco80\n"}, true
	case fixedAs(shape, 0, 1, h, w) || fixedAs(shape, 0, h, w, 1):
		return draft{models.TaskMatte, "matte", models.FitStretch, unit, ""}, true
	default:
		return draft{}, false
	}
}

// isYOLOPose tells whether a shape is that of COCO's 17 points with a box and a
// score, raw, or end to end with a class.
func isYOLOPose(shape []int64) bool { return fixedAs(shape, 0, 56, 0) || fixedAs(shape, 0, 0, 57) }

// fixedAs tells whether a graph's shape has the dimensions; 0 is any.
func fixedAs(shape []int64, dims ...int64) bool {
	if len(shape) != len(dims) {
		return false
	}
	for i, n := range dims {
		if n > 0 && shape[i] != n {
			return false
		}
	}
	return true
}
