package onnx

// What the test of signals looks at from outside.
var (
	ActionOf    = actionOf
	KeepSignals = keepSignals
)

// Ignored is SIG_IGN.
func Ignored() sigaction { return sigaction{handler: 1} }
