package inference

import (
	"cmp"
	"errors"
	"testing"
)

// fakeSession answers every run with what respond makes of the input.
type fakeSession struct {
	inputs, outputs []TensorInfo
	respond         func(input []float32) ([]tensor, error)
	runners, closed int
}

func (s *fakeSession) Info() (inputs, outputs []TensorInfo) { return s.inputs, s.outputs }
func (s *fakeSession) Close() error                         { s.closed++; return nil }
func (s *fakeSession) NewRunner(_ string, shape []int64) (runner, error) {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	s.runners++
	return &fakeRunner{session: s, input: make([]float32, n)}, nil
}

func (s *fakeSession) Call([]Array) ([]Array, error) { return nil, errors.ErrUnsupported }

type fakeRunner struct {
	session *fakeSession
	input   []float32
}

func (r *fakeRunner) Input() []float32       { return r.input }
func (r *fakeRunner) Run() ([]tensor, error) { return r.session.respond(r.input) }
func (r *fakeRunner) Close() error           { r.session.closed++; return nil }

// networkOf joins a model to a fake session whose one output has the shape and data.
func networkOf(tb testing.TB, m Model, shape []int64, data []float32) *network {
	tb.Helper()
	return fakeNetwork(tb, m, &fakeSession{
		outputs: []TensorInfo{{Name: "out", Type: "float32", Shape: shape}},
		respond: func([]float32) ([]tensor, error) { return []tensor{{name: "out", shape: shape, data: data}}, nil },
	})
}

func fakeNetwork(tb testing.TB, m Model, s *fakeSession) *network {
	tb.Helper()
	if s.inputs == nil {
		s.inputs = []TensorInfo{{Name: m.Input.Name, Type: cmp.Or(m.Input.Type, "float32"), Shape: m.Input.shape()}}
	}
	n, err := newNetwork(m, ProviderCPU, s)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}
