package onnx_test

import (
	"math"
	"testing"

	"github.com/motionmill/motionmill/inference/onnx"
)

func TestFinite(t *testing.T) {
	for n := range 10 {
		if !onnx.Finite(make([]float32, n)) {
			t.Errorf("%d zeros are not finite", n)
		}
		for i := range n {
			values := make([]float32, n)
			values[i] = float32(math.NaN())
			if onnx.Finite(values) {
				t.Errorf("NaN at %d of %d is finite", i, n)
			}
		}
	}
	if !onnx.Finite([]float32{math.MaxFloat32, -math.MaxFloat32, math.MaxFloat32, math.MaxFloat32, math.SmallestNonzeroFloat32}) {
		t.Error("large numbers are not finite")
	}
}
