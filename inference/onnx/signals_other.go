//go:build !linux

package onnx

// keepSignals runs f. CUDA, which changes handlers, is for Linux.
func keepSignals(f func() error) error { return f() }
