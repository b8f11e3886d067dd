package onnx

import (
	"errors"
	"fmt"
	"slices"

	ort "github.com/yalue/onnxruntime_go"
)

// NewRunner makes the input tensor, and every output tensor whose shape the
// graph fixes; the others are made anew in each run.
func (s *ortSession) NewRunner(_ string, shape []int64) (Runner, error) {
	input, err := newFeed(s.inputs[0].Type, shape)
	if err != nil {
		return nil, err
	}
	r := &ortRunner{session: s, input: input, infos: s.outputs, fixed: make([]ort.Value, len(s.outputs))}
	r.inputs = []ort.Value{input.value}
	r.values, r.out = make([]ort.Value, len(s.outputs)), make([]Tensor, len(s.outputs))
	for i, info := range s.outputs {
		fixed := info.Shape
		if info.Type == "float16" {
			fixed, err = halfShape(info, shape)
		}
		if err == nil && IsFixed(fixed) {
			err = r.fix(i, fixed)
		}
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	return r, nil
}

// halfShape is the shape of an output of float16. The binding cannot read one
// that ONNX Runtime makes, so it has to be known before the run: an open first
// dimension is the batch of the input, any other is an error.
func halfShape(info TensorInfo, input []int64) ([]int64, error) {
	shape := slices.Clone(info.Shape)
	if len(shape) > 0 && shape[0] < 0 && len(input) > 0 {
		shape[0] = input[0]
	}
	if !IsFixed(shape) {
		return nil, fmt.Errorf("the output %v of float16 has an open shape: export the model with a fixed one, or with outputs of float32", info)
	}
	return shape, nil
}

// ortRunner holds the tensors of one run at a time.
type ortRunner struct {
	session *ortSession
	input   *feed
	inputs  []ort.Value
	infos   []TensorInfo
	fixed   []ort.Value // nil where the shape is known only after a run
	values  []ort.Value
	out     []Tensor
}

func (r *ortRunner) Input() []float32 { return r.input.floats }

// fix makes the tensor of an output of floats, which all runs share.
func (r *ortRunner) fix(i int, shape []int64) (err error) {
	info := r.infos[i]
	r.out[i] = Tensor{Name: info.Name, Shape: shape}
	switch info.Type {
	case "float32":
		var output *ort.Tensor[float32]
		if output, err = ort.NewEmptyTensor[float32](ort.Shape(shape)); err == nil {
			r.fixed[i], r.out[i].Data = output, output.GetData()
		}
	case "float16":
		var output *ort.CustomDataTensor
		if output, err = newHalves(shape); err == nil {
			r.fixed[i], r.out[i].Data = output, make([]float32, len(output.GetData())/2)
		}
	}
	if err != nil {
		return fmt.Errorf("create output tensor %s: %w", info.Name, err)
	}
	return nil
}

func (r *ortRunner) Run() ([]Tensor, error) {
	r.input.load()
	copy(r.values, r.fixed)
	if err := r.session.run(r.inputs, r.values); err != nil {
		return nil, err
	}
	var failed error
	for i, value := range r.values {
		if halves, ok := r.fixed[i].(*ort.CustomDataTensor); ok {
			widen(r.out[i].Data, halves.GetData())
		}
		if r.fixed[i] != nil {
			continue
		}
		out, err := readValue(r.infos[i].Name, value)
		r.out[i] = out
		failed = errors.Join(failed, err, value.Destroy())
	}
	return r.out, failed
}

// readValue copies an output that ONNX Runtime made, as floats.
func readValue(name string, value ort.Value) (Tensor, error) {
	t := Tensor{Name: name, Shape: value.GetShape()}
	data, err := valueData(value)
	switch data := data.(type) {
	case []float32:
		t.Data = data
	case []float64:
		t.Data = toFloats(data)
	case []int64:
		t.Data = toFloats(data)
	case []int32:
		t.Data = toFloats(data)
	case []uint8:
		t.Data = toFloats(data)
	case []bool:
		for _, yes := range data {
			t.Data = append(t.Data, map[bool]float32{true: 1}[yes])
		}
	default:
		return t, errors.Join(fmt.Errorf("read output %s: its type is not supported by this version", name), err)
	}
	return t, nil
}

func toFloats[T int32 | int64 | uint8 | float64](values []T) []float32 {
	floats := make([]float32, len(values))
	for i, v := range values {
		floats[i] = float32(v)
	}
	return floats
}

func (r *ortRunner) Close() error {
	err := r.input.value.Destroy()
	for _, value := range r.fixed {
		if value != nil {
			err = errors.Join(err, value.Destroy())
		}
	}
	return err
}
