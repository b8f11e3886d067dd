package inference

import (
	"cmp"
	"errors"
	"testing"
	"testing/fstest"

	"github.com/motionmill/motionmill/job"
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

// modelOf parses a manifest; the file itself is not there.
func modelOf(tb testing.TB, manifest string) Model {
	tb.Helper()
	m, err := ParseManifest([]byte(manifest))
	if err != nil {
		tb.Fatal(err)
	}
	return Model{Manifest: m, Path: m.File, folder: fstest.MapFS{}}
}

const anyHash = "0000000000000000000000000000000000000000000000000000000000000000"

// manifestOf writes a manifest with the usual fields before rest.
func manifestOf(name, task, family, rest string) string {
	return "schema: motionmill.model/1\nname: " + name + "\ntask: " + task + "\nfamily: " + family +
		"\nfile: " + name + ".onnx\nsha256: " + anyHash + "\nlicence: Apache-2.0\n" + rest
}

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

// wantKind fails the test unless err is a job.Error of a kind, and returns it.
func wantKind(tb testing.TB, err error, kind job.Kind) *job.Error {
	tb.Helper()
	var typed *job.Error
	if !errors.As(err, &typed) {
		tb.Fatalf("got error %v, want one of kind %s", err, kind)
	}
	if typed.Kind != kind {
		tb.Fatalf("got kind %s (%v), want %s", typed.Kind, err, kind)
	}
	return typed
}
