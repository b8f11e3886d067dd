package generic

import (
	"slices"

	"github.com/motionmill/motionmill/inference/onnx"
)

// memory holds the outputs that go back in as inputs, by the names of the outputs.
type memory map[string]onnx.Array

// comesBack finds the output that a state is, and remembers that it is one.
func (g *Model) comesBack(s source) error {
	if s.from.From != fromState {
		return nil
	}
	m := g.network.Model
	for _, o := range g.outputs {
		if o.Name != s.from.Of {
			continue
		}
		if o.Type != s.info.Type {
			return m.Mismatch("the state %v comes from the output %v, which is of another type", s.info, o)
		}
		if g.memory == nil {
			g.memory = memory{}
		}
		g.memory[o.Name] = onnx.Array{}
		return nil
	}
	return m.Mismatch("the manifest says that the input %q comes from the output %q, the graph's outputs are %v", s.info.Name, s.from.Of, g.outputs)
}

// keep remembers what the next run needs of one's outputs.
func (m memory) keep(outputs []onnx.Array) {
	for _, o := range outputs {
		if _, wanted := m[o.Name]; wanted {
			m[o.Name] = o
		}
	}
}

// recall gives a state as the run before has left it. The first is zero, of
// the graph's shape with 1 for what that leaves open.
func (m memory) recall(s source) (onnx.Array, error) {
	kept := m[s.from.Of]
	kept.Name = s.info.Name
	if kept.Data != nil {
		return kept, nil
	}
	kept.Shape = slices.Clone(s.info.Shape)
	for i, d := range kept.Shape {
		if d < 0 {
			kept.Shape[i] = 1
		}
	}
	n, _ := onnx.Elements(kept.Shape)
	var err error
	kept.Data, err = convert(make([]float32, n), s.info.Type)
	return kept, err
}

// clear forgets all runs.
func (m memory) clear() {
	for name := range m {
		m[name] = onnx.Array{}
	}
}
