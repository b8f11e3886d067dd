package onnx

import (
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"

	ort "github.com/yalue/onnxruntime_go"
)

// scalars remembers which outputs are single numbers without dimensions. The
// binding cannot read one that ONNX Runtime makes, so each needs a place before a run;
// and a graph does not tell, since an output of unknown shape has no dimensions there either.
type scalars []atomic.Bool

// run runs the graph. Outputs that are nil are made; where one turns out to be a
// scalar, the graph runs once more, with a place for it, as in all later runs.
func (s *ortSession) run(inputs, outputs []ort.Value) error {
	for {
		if err := s.place(outputs); err != nil {
			return err
		}
		err := s.session.Run(inputs, outputs)
		if err == nil || !s.learn(err, outputs) {
			return err
		}
	}
}

// place makes the scalars that are known.
func (s *ortSession) place(outputs []ort.Value) (err error) {
	for i := range s.scalars {
		if outputs[i] != nil || !s.scalars[i].Load() {
			continue
		}
		if outputs[i], err = newScalar(s.outputs[i].Type); err != nil {
			return fmt.Errorf("create output %s: %w", s.outputs[i].Name, err)
		}
	}
	return nil
}

// learn clears away what a failed run has left, and tells whether it failed for
// a scalar that is known from now on.
func (s *ortSession) learn(failed error, outputs []ort.Value) (scalar bool) {
	for i, value := range outputs {
		if value == nil || !reflect.ValueOf(value).IsNil() {
			continue
		}
		outputs[i] = nil // The binding leaves a nil pointer in the interface.
		if errors.Is(failed, ort.ZeroShapeLengthError) {
			s.scalars[i].Store(true)
			scalar = true
		}
	}
	return scalar
}

func newScalar(kind string) (ort.Value, error) {
	switch kind {
	case "float32":
		return ort.NewEmptyScalar[float32]()
	case "float64":
		return ort.NewEmptyScalar[float64]()
	case "int64":
		return ort.NewEmptyScalar[int64]()
	case "int32":
		return ort.NewEmptyScalar[int32]()
	case "uint8":
		return ort.NewEmptyScalar[uint8]()
	case "bool":
		return ort.NewEmptyScalar[bool]()
	default:
		return nil, fmt.Errorf("a single %s without dimensions is not supported by this version", kind)
	}
}

// newTensor makes a tensor, or a scalar where the shape has no dimensions.
func newTensor[T ort.TensorData](shape ort.Shape, data []T) (ort.Value, error) {
	if len(shape) == 0 && len(data) == 1 {
		return ort.NewScalar(data[0])
	}
	return ort.NewTensor(shape, data)
}
