// Package onnx runs graphs with ONNX Runtime: it finds and loads the library,
// chooses a provider and proves it (Runtime), and holds one session a model for the
// whole process, with buffers to reuse (Network). It knows tensors, and neither
// pictures nor what a graph finds in them. The only cgo of ours.
package onnx
