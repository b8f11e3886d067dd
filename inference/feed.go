package inference

import (
	"fmt"

	ort "github.com/yalue/onnxruntime_go"
)

// feed is the input tensor of a runner and the floats that a picture is
// written to. They are the same memory, unless the graph takes integers.
type feed struct {
	value  ort.Value
	floats []float32
	ints   []int32 // the tensor's own memory where it holds integers, else nil
}

// newFeed makes the input tensor of a type (float32 or int32) and shape.
func newFeed(kind string, shape []int64) (*feed, error) {
	if kind == "int32" {
		t, err := ort.NewEmptyTensor[int32](ort.Shape(shape))
		if err != nil {
			return nil, fmt.Errorf("create input tensor: %w", err)
		}
		ints := t.GetData()
		return &feed{value: t, floats: make([]float32, len(ints)), ints: ints}, nil
	}
	t, err := ort.NewEmptyTensor[float32](ort.Shape(shape))
	if err != nil {
		return nil, fmt.Errorf("create input tensor: %w", err)
	}
	return &feed{value: t, floats: t.GetData()}, nil
}

// load brings the floats into the tensor.
func (f *feed) load() { wholeNumbers(f.floats, f.ints) }

// wholeNumbers drops the fraction of each value, as a cast does; what
// interpolation lost of a whole number does not make it the one below. Nothing
// is written when to is empty.
func wholeNumbers(from []float32, to []int32) {
	for i := range to {
		to[i] = int32(from[i] + 1.0/1024)
	}
}
