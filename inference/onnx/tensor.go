package onnx

import (
	"fmt"
	"math"
	"slices"
)

// TensorInfo describes one input or output of a graph.
type TensorInfo struct {
	Name string
	Type string // float32, int64, … ; "other" for what this package never reads
	// Shape holds the dimensions; -1 is one that the graph leaves open.
	Shape []int64
}

// String gives "name float32[1 3 256 192]".
func (t TensorInfo) String() string { return fmt.Sprintf("%s %s%v", t.Name, t.Type, t.Shape) }

// Tensor is an output of one run. Integers come as floats.
type Tensor struct {
	Name  string
	Shape []int64
	Data  []float32
}

// Array is a tensor of any type that this package reads.
type Array struct {
	Name string // as in the graph
	// Shape holds the dimensions, Data the values, the last dimension the
	// fastest: []float32, []float64, []int64, []int32, []uint8, []bool or []string.
	Shape []int64
	Data  any
}

// Fits tells whether a shape satisfies a graph's, in which -1 is any.
func Fits(graph, shape []int64) bool {
	if len(graph) != len(shape) {
		return false
	}
	for i := range graph {
		if graph[i] >= 0 && shape[i] >= 0 && graph[i] != shape[i] {
			return false
		}
	}
	return true
}

// IsFixed tells whether a shape leaves nothing open.
func IsFixed(shape []int64) bool {
	for _, n := range shape {
		if n < 1 {
			return false
		}
	}
	return len(shape) > 0
}

// Elements is the product of dimensions; ok is false where one is open.
func Elements(shape []int64) (n int64, ok bool) {
	n = 1
	for _, d := range shape {
		if d < 0 {
			return 0, false
		}
		n *= d
	}
	return n, true
}

// finite tells whether no value is NaN or infinite: v-v is 0 for all others.
func finite(values []float32) bool {
	var a, b, c, d float32
	for len(values) >= 4 {
		a += values[0] - values[0]
		b += values[1] - values[1]
		c += values[2] - values[2]
		d += values[3] - values[3]
		values = values[4:]
	}
	for _, v := range values {
		a += v - v
	}
	return a+b+c+d == 0
}

// finiteArray is finite of numbers of any type.
func finiteArray(a Array) bool {
	switch data := a.Data.(type) {
	case []float32:
		return finite(data)
	case []float64:
		return !slices.ContainsFunc(data, func(v float64) bool { return math.IsNaN(v - v) })
	default:
		return true
	}
}
