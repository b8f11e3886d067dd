package inference

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// graphFile is an ONNX model that answers every picture with the same numbers.
type graphFile struct {
	ir, opset int
	input     []int64 // dimensions; -1 is open
	outputs   []graphOutput
	// op is what makes an output of its constant; default Identity.
	op string
	// outside is a file that holds the constants, which are then not inside.
	outside string
}

type graphOutput struct {
	name  string
	shape []int64
	value float32
	whole bool // int64
	// open is a shape that only a run shows.
	open bool
}

// message builds a message of Protocol Buffers.
type message struct{ bytes.Buffer }

func (m *message) number(field, value int) *message {
	m.Write(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field)<<3), uint64(value)))
	return m
}

func (m *message) text(field int, value string) *message {
	m.Write(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field)<<3|2), uint64(len(value))))
	m.WriteString(value)
	return m
}

func (m *message) nested(field int, inner *message) *message { return m.text(field, inner.String()) }

// The numbers of fields and types are those of onnx.proto.
const (
	onnxFloat = 1
	onnxInt64 = 7
)

func (g graphFile) encode() []byte {
	graph := new(message).text(2, "g")
	op := g.op
	if op == "" {
		op = "Identity"
	}
	for _, o := range g.outputs {
		kind, made := onnxFloat, o.name
		if o.whole {
			kind = onnxInt64
		}
		declared := slices.Clone(o.shape)
		if o.open {
			made = "c2_" + o.name
			for i := range declared {
				declared[i] = -1
			}
			reshape(graph, made, o)
		}
		graph.nested(1, node(op, made, "c_"+o.name))
		graph.nested(5, g.constant(o, kind))
		graph.nested(12, valueInfo(o.name, kind, declared))
	}
	graph.nested(11, valueInfo("in", onnxFloat, g.input))
	opset := new(message).text(1, "").number(2, g.opset)
	return slices.Clone(new(message).number(1, g.ir).nested(8, opset).nested(7, graph).Bytes())
}

func node(op, output string, inputs ...string) *message {
	n := new(message)
	for _, in := range inputs {
		n.text(1, in)
	}
	return n.text(2, output).text(4, op)
}

// reshape brings made to an output's shape, to which nothing times the input is added: no
// one can tell before a run.
func reshape(graph *message, made string, o graphOutput) {
	name := func(part string) string { return part + o.name }
	toWhole := new(message).text(1, "to").number(3, onnxInt64).number(20, 2)
	graph.nested(1, node("ReduceMax", name("max_"), "in"))
	graph.nested(1, node("Squeeze", name("one_"), name("max_")))
	graph.nested(1, node("Cast", name("whole_"), name("one_")).nested(5, toWhole))
	graph.nested(1, node("Mul", name("none_"), name("whole_"), name("zero_")))
	graph.nested(1, node("Add", name("shape_"), name("none_"), name("dims_")))
	graph.nested(1, node("Reshape", o.name, made, name("shape_")))
	dims := new(message).number(1, len(o.shape)).number(2, onnxInt64).text(8, name("dims_"))
	var raw []byte
	for _, d := range o.shape {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(d))
	}
	graph.nested(5, dims.text(9, string(raw)))
	graph.nested(5, new(message).number(2, onnxInt64).text(8, name("zero_")).text(9, string(make([]byte, 8))))
}

// constant is an output's value in each of its places.
func (g graphFile) constant(o graphOutput, kind int) *message {
	t, n := new(message).number(2, kind).text(8, "c_"+o.name), 1
	for _, d := range o.shape {
		t.number(1, int(d))
		n *= int(d)
	}
	if g.outside != "" {
		return t.number(14, 1).nested(13, new(message).text(1, "location").text(2, g.outside))
	}
	var raw []byte
	for range n {
		if o.whole {
			raw = binary.LittleEndian.AppendUint64(raw, uint64(o.value))
		} else {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(o.value))
		}
	}
	return t.text(9, string(raw))
}

func valueInfo(name string, kind int, dims []int64) *message {
	shape := new(message)
	for _, d := range dims {
		if d < 0 {
			shape.nested(1, new(message).text(2, "any"))
		} else {
			shape.nested(1, new(message).number(1, int(d)))
		}
	}
	tensor := new(message).number(1, kind).nested(2, shape)
	return new(message).text(1, name).nested(2, new(message).nested(1, tensor))
}

// modelFile puts a file and its manifest into a folder; the manifest is what
// manifestOf writes, with the file's own hash.
func modelFile(tb testing.TB, data []byte, task, family, rest string) Model {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "m.onnx")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	m := modelOf(tb, manifestOf("m", task, family, rest))
	file, err := FileModel(path)
	if err != nil {
		tb.Fatal(err)
	}
	m.SHA256 = file.SHA256
	return newModel(m.Manifest, os.DirFS(filepath.Dir(path)), path)
}
