package onnx

import (
	"fmt"
	"math"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/motionmill/motionmill/inference/models"
)

// feed is the input tensor of a runner and the floats that a picture is
// written to. They are the same memory, unless the graph takes integers or float16.
type feed struct {
	value  ort.Value
	floats []float32
	ints   []int32 // the tensor's own memory where it holds integers, else nil
	bytes  []uint8 // the same of bytes
	halves []byte  // the same of float16
}

// newFeed makes the input tensor of a type of Input and shape.
func newFeed(kind string, shape []int64) (*feed, error) {
	switch kind {
	case "float16":
		t, err := newHalves(shape)
		if err != nil {
			return nil, fmt.Errorf("create input tensor: %w", err)
		}
		return &feed{value: t, floats: make([]float32, len(t.GetData())/2), halves: t.GetData()}, nil
	case "int32":
		t, err := ort.NewEmptyTensor[int32](ort.Shape(shape))
		if err != nil {
			return nil, fmt.Errorf("create input tensor: %w", err)
		}
		ints := t.GetData()
		return &feed{value: t, floats: make([]float32, len(ints)), ints: ints}, nil
	case "uint8":
		t, err := ort.NewEmptyTensor[uint8](ort.Shape(shape))
		if err != nil {
			return nil, fmt.Errorf("create input tensor: %w", err)
		}
		return &feed{value: t, floats: make([]float32, len(t.GetData())), bytes: t.GetData()}, nil
	}
	t, err := ort.NewEmptyTensor[float32](ort.Shape(shape))
	if err != nil {
		return nil, fmt.Errorf("create input tensor: %w", err)
	}
	return &feed{value: t, floats: t.GetData()}, nil
}

// load brings the floats into the tensor.
func (f *feed) load() {
	wholeNumbers(f.floats, f.ints)
	wholeNumbers(f.floats, f.bytes)
	if f.halves != nil {
		narrow(f.halves, f.floats)
	}
}

// wholeNumbers drops the fraction of each value, as a cast does; what
// interpolation lost of a whole number does not make it the one below. Nothing
// is written when to is empty.
func wholeNumbers[T int32 | uint8](from []float32, to []T) {
	for i, v := range from[:len(to)] {
		to[i] = T(int32(v + 1.0/1024))
	}
}

// IsWhole tells whether a type of input drops fractions.
func IsWhole(kind string) bool { return kind == "int32" || kind == "uint8" }

// leastRange is how far apart black and white must lie for whole numbers to show a picture.
const leastRange = 64

// oddRange says what is wrong with the values that a manifest brings a picture to, given
// that the graph takes them as a type; empty when nothing is.
func oddRange(in models.Input, kind string) string {
	if !IsWhole(kind) {
		return ""
	}
	for c, mean := range in.Mean {
		black, white := (0-mean)/in.Std[c], (255-mean)/in.Std[c]
		if math.Abs(white-black) < leastRange {
			return fmt.Sprintf("mean and std bring a picture to values from %.3g to %.3g, and the graph takes whole numbers (%s), of which hardly any lie there: it likely wants those of 0 to 255 as they are", black, white, kind)
		}
		if kind == "uint8" && (min(black, white) < -1 || max(black, white) > 256) {
			return fmt.Sprintf("mean and std bring a picture to values from %.3g to %.3g, and the graph takes those from 0 to 255 (%s)", black, white, kind)
		}
	}
	return ""
}
