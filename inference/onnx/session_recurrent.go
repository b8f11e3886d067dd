package onnx

import (
	"errors"
	"fmt"
	"slices"

	ort "github.com/yalue/onnxruntime_go"
)

// ortRecurrent runs a graph with what the run before handed on. The first run
// shows how large everything is; from then on two tensors a loop take turns.
type ortRecurrent struct {
	session *ortSession
	picture *feed
	infos   []TensorInfo // of the outputs
	inputs  []ort.Value  // in the graph's order
	values  []ort.Value  // outputs, in the graph's order; nil before the first run
	loops   [][2]int     // output, input
	out     []Tensor
}

// NewRecurrent makes a runner that remembers nothing yet.
func (s *ortSession) NewRecurrent(r Recurrence) (_ Runner, err error) {
	run := &ortRecurrent{
		session: s, infos: s.outputs,
		inputs: make([]ort.Value, len(s.inputs)), values: make([]ort.Value, len(s.outputs)), out: make([]Tensor, len(s.outputs)),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, run.Close())
		}
	}()
	for i, in := range s.inputs {
		if run.inputs[i], err = run.first(in, r); err != nil {
			return nil, fmt.Errorf("create input tensor %s: %w", in.Name, err)
		}
	}
	for _, loop := range r.Loops {
		out := slices.IndexFunc(s.outputs, func(t TensorInfo) bool { return t.Name == loop[0] })
		in := slices.IndexFunc(s.inputs, func(t TensorInfo) bool { return t.Name == loop[1] })
		if out < 0 || in < 0 {
			return nil, fmt.Errorf("join output %s to input %s: the graph lacks one", loop[0], loop[1])
		}
		run.loops = append(run.loops, [2]int{out, in})
	}
	return run, nil
}

// first is what an input of the graph is in the first run.
func (r *ortRecurrent) first(in TensorInfo, from Recurrence) (ort.Value, error) {
	if in.Name == from.Input {
		var err error
		if r.picture, err = newFeed(in.Type, from.Shape); err != nil {
			return nil, err
		}
		return r.picture.value, nil
	}
	for _, c := range from.Constants {
		if values, ok := c.Data.([]float32); ok && c.Name == in.Name {
			return floatValue(c.Shape, slices.Clone(values))
		}
	}
	for _, loop := range from.Loops {
		if loop[1] == in.Name {
			return floatValue(from.Start, nil)
		}
	}
	return nil, errors.New("nothing is known of it")
}

// floatValue makes a tensor of values, or of zeros where there are none.
func floatValue(shape []int64, values []float32) (ort.Value, error) {
	if values == nil {
		n := int64(1)
		for _, d := range shape {
			n *= d
		}
		values = make([]float32, n)
	}
	value, err := ort.NewTensor(ort.Shape(shape), values)
	if err != nil {
		return nil, err
	}
	return value, nil
}

func (r *ortRecurrent) Input() []float32 { return r.picture.floats }

// Run gives the outputs in the graph's order, valid until the next Run.
func (r *ortRecurrent) Run() ([]Tensor, error) {
	r.picture.load()
	first := r.values[0] == nil
	if err := r.session.run(r.inputs, r.values); err != nil {
		return nil, err
	}
	for i, value := range r.values {
		t, ok := value.(*ort.Tensor[float32])
		if !ok {
			return nil, fmt.Errorf("read output %s: it is not float32", r.infos[i].Name)
		}
		r.out[i] = Tensor{Name: r.infos[i].Name, Shape: r.out[i].Shape, Data: t.GetData()}
		if first {
			r.out[i].Shape = t.GetShape()
		}
	}
	for _, loop := range r.loops {
		given, handed := loop[0], loop[1]
		spare := r.inputs[handed]
		if first {
			// The zeros are of another size than what the graph hands on.
			err := spare.Destroy()
			r.inputs[handed] = nil
			made, failed := floatValue(r.out[given].Shape, nil)
			if err = errors.Join(err, failed); err != nil {
				return nil, fmt.Errorf("create tensor of output %s: %w", r.infos[given].Name, err)
			}
			spare = made
		}
		r.inputs[handed], r.values[given] = r.values[given], spare
	}
	return r.out, nil
}

func (r *ortRecurrent) Close() error { return errors.Join(destroyAll(r.inputs), destroyAll(r.values)) }
