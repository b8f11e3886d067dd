package inferencetest

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/motionmill/motionmill/inference/models"
)

// GraphFile is an ONNX model that answers every picture with the same numbers.
type GraphFile struct {
	IR, Opset int     // versions
	Input     []int64 // dimensions; -1 is open
	Outputs   []GraphOutput
	// Op is what makes an output of its constant; default Identity.
	Op string
	// Domain is the operator's; default ONNX's.
	Domain string
	// Outside is a file that holds the constants, which are then not inside.
	Outside string
}

// GraphOutput is an output whose every number is Value.
type GraphOutput struct {
	Name  string
	Shape []int64
	Value float32
	Kind  int // of onnx.proto; default ONNXFloat
	// Open is a shape that only a run shows.
	Open bool
}

// Message builds a message of Protocol Buffers.
type Message struct{ bytes.Buffer }

func (m *Message) number(field, value int) *Message {
	m.Write(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field)<<3), uint64(value)))
	return m
}

func (m *Message) text(field int, value string) *Message {
	m.Write(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field)<<3|2), uint64(len(value))))
	m.WriteString(value)
	return m
}

// Nested adds a field that is a message.
func (m *Message) Nested(field int, inner *Message) *Message { return m.text(field, inner.String()) }

// The numbers of fields and types are those of onnx.proto.
const (
	ONNXFloat  = 1
	ONNXUint8  = 2
	onnxInt64  = 7
	ONNXBool   = 9
	ONNXDouble = 11
)

// Encode gives the bytes of the file.
func (g GraphFile) Encode() []byte {
	graph := new(Message).text(2, "g")
	op := g.Op
	if op == "" {
		op = "Identity"
	}
	for _, o := range g.Outputs {
		kind, made := max(o.Kind, ONNXFloat), o.Name
		declared := slices.Clone(o.Shape)
		if o.Open {
			made = "c2_" + o.Name
			for i := range declared {
				declared[i] = -1
			}
			reshape(graph, made, o)
		}
		graph.Nested(1, node(op, made, "c_"+o.Name).text(7, g.Domain))
		graph.Nested(5, g.constant(o, kind))
		graph.Nested(12, ValueInfo(o.Name, kind, declared))
	}
	graph.Nested(11, ValueInfo("in", ONNXFloat, g.Input))
	opset := new(Message).text(1, "").number(2, g.Opset)
	file := new(Message).number(1, g.IR).Nested(8, opset).Nested(7, graph)
	if g.Domain != "" {
		file.Nested(8, new(Message).text(1, g.Domain).number(2, 1))
	}
	return slices.Clone(file.Bytes())
}

func node(op, output string, inputs ...string) *Message {
	n := new(Message)
	for _, in := range inputs {
		n.text(1, in)
	}
	return n.text(2, output).text(4, op)
}

// reshape brings made to an output's shape, to which nothing times the input is added: no
// one can tell before a run.
func reshape(graph *Message, made string, o GraphOutput) {
	name := func(part string) string { return part + o.Name }
	toWhole := new(Message).text(1, "to").number(3, onnxInt64).number(20, 2)
	graph.Nested(1, node("ReduceMax", name("max_"), "in"))
	graph.Nested(1, node("Squeeze", name("one_"), name("max_")))
	graph.Nested(1, node("Cast", name("whole_"), name("one_")).Nested(5, toWhole))
	graph.Nested(1, node("Mul", name("none_"), name("whole_"), name("zero_")))
	graph.Nested(1, node("Add", name("shape_"), name("none_"), name("dims_")))
	graph.Nested(1, node("Reshape", o.Name, made, name("shape_")))
	dims := new(Message).number(1, len(o.Shape)).number(2, onnxInt64).text(8, name("dims_"))
	var raw []byte
	for _, d := range o.Shape {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(d))
	}
	graph.Nested(5, dims.text(9, string(raw)))
	graph.Nested(5, new(Message).number(2, onnxInt64).text(8, name("zero_")).text(9, string(make([]byte, 8))))
}

// constant is an output's value in each of its places.
func (g GraphFile) constant(o GraphOutput, kind int) *Message {
	t, n := new(Message).number(2, kind).text(8, "c_"+o.Name), 1
	for _, d := range o.Shape {
		t.number(1, int(d))
		n *= int(d)
	}
	if g.Outside != "" {
		return t.number(14, 1).Nested(13, new(Message).text(1, "location").text(2, g.Outside))
	}
	var raw []byte
	for range n {
		switch kind {
		case onnxInt64:
			raw = binary.LittleEndian.AppendUint64(raw, uint64(o.Value))
		case ONNXDouble:
			raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(float64(o.Value)))
		case ONNXUint8, ONNXBool:
			raw = append(raw, byte(o.Value))
		default:
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(o.Value))
		}
	}
	return t.text(9, string(raw))
}

// ValueInfo describes a tensor: a type of onnx.proto and dimensions, -1 being open.
func ValueInfo(name string, kind int, dims []int64) *Message {
	shape := new(Message)
	for _, d := range dims {
		if d < 0 {
			shape.Nested(1, new(Message).text(2, "any"))
		} else {
			shape.Nested(1, new(Message).number(1, int(d)))
		}
	}
	tensor := new(Message).number(1, kind).Nested(2, shape)
	return new(Message).text(1, name).Nested(2, new(Message).Nested(1, tensor))
}

// ModelFile puts a file and its manifest into a folder; the manifest is what
// manifestOf writes, with the file's own hash.
func ModelFile(tb testing.TB, data []byte, task, family, rest string) models.Model {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "m.onnx")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	m := ModelOf(tb, ManifestOf("m", task, family, rest))
	file, err := models.FileModel(path)
	if err != nil {
		tb.Fatal(err)
	}
	m.SHA256 = file.SHA256
	return models.New(m.Manifest, os.DirFS(filepath.Dir(path)), path)
}
