package family

import (
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
)

// inputForm is what a graph's input tells of the picture: 0 is a size that the graph leaves open.
type inputForm struct {
	layout string
	w, h   int64
}

// formOf reads an input's shape. ok is false when it is no picture of three channels.
func formOf(shape []int64) (p inputForm, ok bool) {
	switch {
	case len(shape) == 4 && shape[3] == 3:
		p = inputForm{"nhwc", shape[2], shape[1]}
	case len(shape) == 4 && (shape[1] == 3 || shape[1] < 0):
		p = inputForm{"nchw", shape[3], shape[2]}
	case len(shape) == 3 && (shape[0] == 3 || shape[0] < 0):
		p = inputForm{"chw", shape[2], shape[1]}
	default:
		return p, false
	}
	p.w, p.h = max(p.w, 0), max(p.h, 0)
	return p, true
}

// or fills in a size that is usual where the graph leaves it open.
func (p inputForm) or(w, h int64) inputForm {
	if p.w == 0 || p.h == 0 {
		p.w, p.h = w, h
	}
	return p
}

// peopleFamily tells, by the outputs, the families that give boxes, or boxes and
// masks, of people among other things, and the size where it is open.
func peopleFamily(outputs []onnx.TensorInfo, p inputForm) (draft, inputForm, bool) {
	const (
		unit   = "colour: rgb, mean: [0, 0, 0], std: [255, 255, 255], pad: 114"
		mmdet  = "colour: bgr, mean: [103.53, 116.28, 123.675], std: [57.375, 57.12, 58.395], pad: 114"
		zoo    = "colour: bgr, mean: [102.9801, 115.9465, 122.7717], std: [1, 1, 1], pad: 0"
		yoloxs = "# YOLOX as MMDeploy exports it looks the same. Then: family yolox, mean [0, 0, 0], std [1, 1, 1].\n"
	)
	shape := outputs[0].Shape
	switch masks, ok := maskRCNNMasks(outputs); {
	case ok && onnx.Fits(masks, []int64{-1, 1, zooCells, zooCells}) && masks[2] > 0:
		return draft{models.TaskMask, "maskrcnn", models.FitLetterboxTopLeft, zoo, "options: {layout: zoo, pad: mean}\n"}, p.or(1344, 800), true
	case ok:
		return draft{models.TaskMask, "maskrcnn", models.FitLetterboxCentre, unit, "options: {layout: torchvision}\n"}, p.or(640, 640), true
	case p.layout != "nchw":
		return draft{}, p, false
	case len(outputs) == 2 && isRows(shape) && isLabels(outputs[1]):
		return draft{models.TaskDetect, "rtmdet", models.FitLetterboxTopLeft, mmdet, yoloxs + "classes: coco80\n"}, p.or(640, 640), true
	}
	further := int64(0)
	d := draft{task: models.TaskDetect, family: "yolo", fit: models.FitLetterboxCentre, values: unit}
	if len(outputs) == 2 && onnx.Fits(outputs[1].Shape, []int64{1, -1, -1, -1}) && outputs[1].Shape[1] > 0 {
		d.task, d.family, further = models.TaskMask, "yolo-seg", outputs[1].Shape[1]
	} else if len(outputs) != 1 {
		return draft{}, p, false
	}
	cells := p.w/8*(p.h/8) + p.w/16*(p.h/16) + p.w/32*(p.h/32)
	switch {
	case fixedAs(shape, 0, 4+80+further, cells), fixedAs(shape, 0, 0, 6+further):
		d.rest = "classes: coco80\n"
	case fixedAs(shape, 0, 4+1+further, cells):
		d.rest = "classes: [person]\n"
	default:
		return draft{}, p, false
	}
	return d, p.or(640, 640), true
}

// maskRCNNMasks gives the shape of the masks when the outputs are Mask R-CNN's.
func maskRCNNMasks(outputs []onnx.TensorInfo) ([]int64, bool) {
	var d maskRCNN
	if len(outputs) != 4 || !d.find(outputs) {
		return nil, false
	}
	return outputs[d.masks].Shape, true
}

// isRows tells whether a shape is that of boxes with a score.
func isRows(shape []int64) bool { return len(shape) == 3 && (shape[2] == 5 || shape[2] < 0) }

func isLabels(o onnx.TensorInfo) bool {
	return (o.Type == "int64" || o.Type == "int32") && len(o.Shape) == 2
}
