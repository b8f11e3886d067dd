package onnx

import (
	"errors"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"
)

// Call runs the graph once on inputs of any type and shape, which are in the
// graph's order, and returns copies of all outputs.
func (s *ortSession) Call(inputs []Array) (outputs []Array, err error) {
	values := make([]ort.Value, len(inputs))
	defer func() { err = errors.Join(err, destroyAll(values)) }()
	for i, in := range inputs {
		value, err := newValue(in, s.inputs[i].Type)
		if err != nil {
			return nil, fmt.Errorf("create input tensor %s: %w", in.Name, err)
		}
		values[i] = value
	}
	made := make([]ort.Value, len(s.outputs))
	defer func() { err = errors.Join(err, destroyAll(made)) }()
	for i, info := range s.outputs {
		if info.Type == "float16" {
			shape, err := halfShape(info, inputs[0].Shape)
			if err != nil {
				return nil, err
			}
			halves, err := newHalves(shape)
			if err != nil {
				return nil, fmt.Errorf("create output tensor %s: %w", info.Name, err)
			}
			made[i] = halves
		}
	}
	if err := s.run(values, made); err != nil {
		return nil, err
	}
	for i, value := range made {
		array := Array{Name: s.outputs[i].Name, Shape: append([]int64{}, value.GetShape()...)}
		if array.Data, err = valueData(value); err != nil {
			return nil, fmt.Errorf("read output %s: %w", array.Name, err)
		}
		outputs = append(outputs, array)
	}
	return outputs, nil
}

// destroyAll frees those tensors that are there.
func destroyAll(values []ort.Value) (failed error) {
	for _, value := range values {
		if value != nil {
			failed = errors.Join(failed, value.Destroy())
		}
	}
	return failed
}

// newValue makes a tensor of a graph's type from an array.
func newValue(a Array, kind string) (ort.Value, error) {
	shape := ort.Shape(a.Shape)
	switch data := a.Data.(type) {
	case []float32:
		if kind == "float16" {
			halves, err := newHalves(a.Shape)
			if err == nil {
				narrow(halves.GetData(), data)
			}
			return halves, err
		}
		return newTensor(shape, data)
	case []float64:
		return newTensor(shape, data)
	case []int64:
		return newTensor(shape, data)
	case []int32:
		return newTensor(shape, data)
	case []uint8:
		return newTensor(shape, data)
	case []bool:
		return newTensor(shape, data)
	case []string:
		texts, err := ort.NewStringTensor(shape)
		if err != nil {
			return nil, err
		}
		return texts, texts.SetContents(data)
	default:
		return nil, fmt.Errorf("%T is not supported by this version", a.Data)
	}
}

// valueData copies the values of an output.
func valueData(value ort.Value) (any, error) {
	switch v := value.(type) {
	case *ort.Tensor[float32]:
		return v.GetData(), nil // Go's own memory: it outlives the tensor
	case *ort.Tensor[float64]:
		return v.GetData(), nil
	case *ort.Tensor[int64]:
		return v.GetData(), nil
	case *ort.Tensor[int32]:
		return v.GetData(), nil
	case *ort.Tensor[uint8]:
		return v.GetData(), nil
	case *ort.Tensor[bool]:
		return v.GetData(), nil
	case *ort.Scalar[float32]:
		return []float32{v.GetData()}, nil
	case *ort.Scalar[float64]:
		return []float64{v.GetData()}, nil
	case *ort.Scalar[int64]:
		return []int64{v.GetData()}, nil
	case *ort.Scalar[int32]:
		return []int32{v.GetData()}, nil
	case *ort.Scalar[uint8]:
		return []uint8{v.GetData()}, nil
	case *ort.Scalar[bool]:
		return []bool{v.GetData()}, nil
	case *ort.StringTensor:
		return v.GetContents()
	case *ort.CustomDataTensor:
		floats := make([]float32, len(v.GetData())/2)
		widen(floats, v.GetData())
		return floats, nil
	default:
		return nil, errors.New("its type is not supported by this version")
	}
}
