package onnx_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/onnx"
)

// TestScalarBesideTensors reads numbers without dimensions, which stand between
// other outputs: in the first run and in later ones, whatever the way.
func TestScalarBesideTensors(t *testing.T) {
	file := inferencetest.GraphFile{IR: 8, Opset: 13, Input: []int64{1, 3, 8, 8}, Outputs: []inferencetest.GraphOutput{
		{Name: "open", Shape: []int64{1, 2}, Value: 0.25, Open: true}, {Name: "one", Value: 0.5}, {Name: "out", Shape: []int64{1, 3}, Value: 0.75}, {Name: "two", Value: 0.125},
	}}
	m := inferencetest.ModelFile(t, file.Encode(), "matte", "matte", "input: {name: in, width: 8, height: 8, fit: stretch}\n")
	n, err := inferencetest.OpenRuntime(t).Network(m, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []onnx.Array{
		{Name: "open", Shape: []int64{1, 2}, Data: []float32{0.25, 0.25}}, {Name: "one", Data: []float32{0.5}},
		{Name: "out", Shape: []int64{1, 3}, Data: []float32{0.75, 0.75, 0.75}}, {Name: "two", Data: []float32{0.125}},
	}
	same := func(what string, got []onnx.Array) {
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	for range 3 {
		err := n.Use(func(*onnx.Lane) {}, func(out []onnx.Tensor) error {
			var got []onnx.Array
			for _, tensor := range out {
				got = append(got, onnx.Array{Name: tensor.Name, Shape: tensor.Shape, Data: tensor.Data})
			}
			same("a run of a picture", got)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		got, err := n.Call([]onnx.Array{{Name: "in", Shape: []int64{1, 3, 8, 8}, Data: make([]float32, 3*8*8)}})
		if err != nil {
			t.Fatal(err)
		}
		same("a call", got)
	}
}

// TestOutputsOfOtherTypes reads numbers of any type, so that an output that a
// family has no use for is in nobody's way.
func TestOutputsOfOtherTypes(t *testing.T) {
	file := inferencetest.GraphFile{IR: 8, Opset: 13, Input: []int64{1, 3, 8, 8}, Outputs: []inferencetest.GraphOutput{
		{Name: "double", Shape: []int64{1, 2}, Value: 0.25, Kind: inferencetest.ONNXDouble}, {Name: "bytes", Shape: []int64{2}, Value: 200, Kind: inferencetest.ONNXUint8},
		{Name: "flags", Shape: []int64{2}, Value: 1, Kind: inferencetest.ONNXBool},
	}}
	m := inferencetest.ModelFile(t, file.Encode(), "matte", "matte", "input: {name: in, width: 8, height: 8, fit: stretch}\n")
	n, err := inferencetest.OpenRuntime(t).Network(m, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = n.Use(func(*onnx.Lane) {}, func(out []onnx.Tensor) error {
		want := []onnx.Tensor{
			{Name: "double", Shape: []int64{1, 2}, Data: []float32{0.25, 0.25}}, {Name: "bytes", Shape: []int64{2}, Data: []float32{200, 200}},
			{Name: "flags", Shape: []int64{2}, Data: []float32{1, 1}},
		}
		if diff := cmp.Diff(want, out); diff != "" {
			t.Error(diff)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
