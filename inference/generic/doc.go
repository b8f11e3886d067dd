// Package generic runs any ONNX model as a step of a profile: a frame, sound or a
// text in, a file of its outputs out, as the model's manifest says.
package generic
