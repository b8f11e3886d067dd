package generic

import (
	"fmt"
	"slices"
	"strings"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
)

// mostValues is how many constants a draft writes out.
const mostValues = 16

// Draft writes the manifest of a graph of no family, which can be a step of a
// profile. Where its inputs come from is guessed by their types, shapes and names. ok is false
// when one is of a kind that no step can give.
func Draft(m models.Model, inputs, outputs []onnx.TensorInfo) (manifest string, ok bool) {
	d := draft{}
	for i, in := range inputs {
		if i > 0 { // What a model is about comes first.
			d.outputs = outputs
		}
		if !d.take(in) {
			return "", false
		}
	}
	if len(outputs) == 0 || d.picture != "" && d.sound != "" {
		return "", false
	}
	manifest = m.DraftHead(models.TaskGeneric, models.TaskGeneric) + d.picture
	if len(d.others) > 0 {
		manifest += "options:\n  inputs:\n" + strings.Join(d.others, "")
	}
	return manifest, true
}

// draft collects what is known of the inputs so far.
type draft struct {
	outputs     []onnx.TensorInfo // that may come back
	picture     string            // the manifest's input
	others      []string          // its options.inputs
	sound, text string            // the names of such inputs
	states      []string          // the outputs that come back
}

// take finds a place for an input; false where there is none.
func (d *draft) take(in onnx.TensorInfo) bool {
	for _, guess := range []func(onnx.TensorInfo) (from, hint string){d.state, d.follows, d.samples, d.words, constant} {
		if from, hint := guess(in); from != "" {
			d.others = append(d.others, fmt.Sprintf("  - {name: %q, %s}   # %s\n", in.Name, from, hint))
			return true
		}
	}
	if d.picture == "" {
		d.picture = frame(in)
		return d.picture != ""
	}
	return false
}

// frame is the input of a graph that takes pictures of three channels.
func frame(in onnx.TensorInfo) string {
	if len(in.Shape) != 4 || in.Shape[0] > 1 || !slices.Contains([]string{"float32", "float16", "int32", "uint8"}, in.Type) {
		return ""
	}
	layout, h, w := "nchw", in.Shape[2], in.Shape[3]
	switch {
	case in.Shape[1] == 3:
	case in.Shape[3] == 3:
		layout, h, w = "nhwc", in.Shape[1], in.Shape[2]
	default:
		return ""
	}
	hint := "colour, mean, std and fit are those that the model was trained with"
	if h < 1 || w < 1 {
		h, w, hint = 224, 224, "the graph leaves the size open; "+hint
	}
	return fmt.Sprintf("# %s\ninput: {name: %q, width: %d, height: %d, layout: %s, type: %s, colour: rgb, std: [255, 255, 255], fit: %s}\n",
		hint, in.Name, w, h, layout, in.Type, models.FitStretch)
}

// state finds the output of the same type and dimensions whose name is the input's with
// more, or other, at its end.
func (d *draft) state(in onnx.TensorInfo) (from, hint string) {
	for _, out := range d.outputs {
		stem := strings.TrimRight(strings.TrimSuffix(in.Name, "in"), "i_")
		if out.Type == in.Type && onnx.Fits(in.Shape, out.Shape) && stem != "" && strings.HasPrefix(out.Name, stem) && len(out.Name) < len(in.Name)+6 && !slices.Contains(d.states, out.Name) {
			d.states = append(d.states, out.Name)
			return fmt.Sprintf("from: state, of: %q", out.Name), "what that output was in the run before"
		}
	}
	return "", ""
}

// follows finds inputs that tell of another one.
func (d *draft) follows(in onnx.TensorInfo) (from, hint string) {
	of := d.text
	if of == "" {
		of = d.sound
	}
	name := strings.ToLower(in.Name)
	switch {
	case of == "" || in.Type == "string":
		return "", ""
	case strings.Contains(name, "mask"):
		return fmt.Sprintf("from: mask, of: %q", of), "ones, as many as that has"
	case strings.Contains(name, "len") && onnx.Fits(in.Shape, onesLike(in.Shape)):
		return fmt.Sprintf("from: length, of: %q", of), "how long that is"
	}
	return "", ""
}

// samples takes rows of floats for sound, once.
func (d *draft) samples(in onnx.TensorInfo) (from, hint string) {
	channels, window := soundShape(in.Shape)
	few := window > 0 && window <= mostValues
	if d.sound != "" || channels == 0 || few || !slices.Contains([]string{"float32", "float16", "float64"}, in.Type) {
		return "", ""
	}
	d.sound = in.Name
	if window > 0 {
		return "from: audio, rate: 16000", "sound: rate in Hz is that which the model was trained with"
	}
	return "from: audio, rate: 16000, window: 1", "sound: rate in Hz and window in seconds are those that the model was trained with"
}

// words takes rows of whole numbers, and strings, for a text.
func (d *draft) words(in onnx.TensorInfo) (from, hint string) {
	_, ok := textShape(in.Shape, 1)
	switch {
	case !ok || d.text != "":
		return "", ""
	case in.Type == "string":
		d.text = in.Name
		return "from: text", "the step's text"
	case (in.Type == "int64" || in.Type == "int32") && in.Shape[len(in.Shape)-1] < 0:
		d.text = in.Name
		return "from: text", "the step's text as bytes; vocabulary has the number of each character where the model has other ones"
	}
	return "", ""
}

// constant takes whatever is small.
func constant(in onnx.TensorInfo) (from, hint string) {
	n, ok := onnx.Elements(in.Shape)
	if !ok || n < 1 || n > mostValues || in.Type == "string" || in.Type == "other" {
		return "", ""
	}
	value := strings.TrimSuffix(strings.Repeat("0, ", int(n)), ", ")
	return "from: value, value: [" + value + "]", "the numbers that the model wants here"
}
