package inferencetest

import (
	"cmp"
	"errors"
	"testing"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
)

// FakeSession answers every run with what respond makes of the input.
type FakeSession struct {
	Inputs, Outputs []onnx.TensorInfo
	Respond         func(input []float32) ([]onnx.Tensor, error)
	Runners, Closed int
}

// Info gives the inputs and outputs that it was made with.
func (s *FakeSession) Info() (inputs, outputs []onnx.TensorInfo) { return s.Inputs, s.Outputs }

// Close counts.
func (s *FakeSession) Close() error { s.Closed++; return nil }

// NewRunner counts, and gives one that answers by Respond.
func (s *FakeSession) NewRunner(_ string, shape []int64) (onnx.Runner, error) {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	s.Runners++
	return &fakeRunner{session: s, input: make([]float32, n)}, nil
}

// Call is not faked.
func (s *FakeSession) Call([]onnx.Array) ([]onnx.Array, error) { return nil, errors.ErrUnsupported }

type fakeRunner struct {
	session *FakeSession
	input   []float32
}

func (r *fakeRunner) Input() []float32            { return r.input }
func (r *fakeRunner) Run() ([]onnx.Tensor, error) { return r.session.Respond(r.input) }
func (r *fakeRunner) Close() error                { r.session.Closed++; return nil }

// NetworkOf joins a model to a fake session whose one output has the shape and data.
func NetworkOf(tb testing.TB, m models.Model, shape []int64, data []float32) *onnx.Network {
	tb.Helper()
	return FakeNetwork(tb, m, &FakeSession{
		Outputs: []onnx.TensorInfo{{Name: "out", Type: "float32", Shape: shape}},
		Respond: func([]float32) ([]onnx.Tensor, error) {
			return []onnx.Tensor{{Name: "out", Shape: shape, Data: data}}, nil
		},
	})
}

// FakeNetwork joins a model to a fake session, whose input is the manifest's unless it
// has some.
func FakeNetwork(tb testing.TB, m models.Model, s *FakeSession) *onnx.Network {
	tb.Helper()
	if s.Inputs == nil {
		s.Inputs = []onnx.TensorInfo{{Name: m.Input.Name, Type: cmp.Or(m.Input.Type, "float32"), Shape: m.Input.Shape()}}
	}
	n, err := onnx.NewNetwork(m, onnx.ProviderCPU, s)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}
