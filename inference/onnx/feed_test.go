package onnx_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/motionmill/motionmill/inference/onnx"
)

func TestWholeNumbers(t *testing.T) {
	values := []float32{0, 0.99, 1, 254.99998, 255, 127.5}
	ints, bytes := make([]int32, 6), make([]uint8, 6)
	onnx.WholeNumbers(values, ints)
	onnx.WholeNumbers(values, bytes)
	onnx.WholeNumbers(values, []int32(nil))
	if diff := cmp.Diff([]int32{0, 0, 1, 255, 255, 127}, ints); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]uint8{0, 0, 1, 255, 255, 127}, bytes); diff != "" {
		t.Error(diff)
	}
}
