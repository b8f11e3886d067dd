package generic

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/motionmill/motionmill/inference/onnx"
)

// npyHead is the length of the header in bytes, with room for any shape.
const npyHead = 256

// npyWriter writes the outputs of all runs as one array of NumPy (format 1.0,
// numpy.org/doc/stable/reference/generated/numpy.lib.format.html). Its first
// dimension counts the runs.
type npyWriter struct {
	oneTensor
	to    io.Writer
	shape []int64 // of one run
	kind  string
	runs  int64
}

func (n *npyWriter) add(_ Moment, outputs []onnx.Array) error {
	out := outputs[n.number]
	if n.runs == 0 {
		n.shape, n.kind = out.Shape, npyKind(out.Data)
		if _, err := n.to.Write(make([]byte, npyHead)); err != nil { // Its place; the runs are not counted yet.
			return err
		}
	}
	if !slices.Equal(n.shape, out.Shape) {
		return n.wrong("run %d has the shape %v, those before have %v: they make no array; json takes both", n.runs, out.Shape, n.shape)
	}
	n.runs++
	return binary.Write(n.to, binary.LittleEndian, out.Data)
}

// npyKind is NumPy's name of a type.
func npyKind(data any) string {
	switch data.(type) {
	case []float64:
		return "<f8"
	case []int64:
		return "<i8"
	case []int32:
		return "<i4"
	case []uint8:
		return "|u1"
	case []bool:
		return "|b1"
	default:
		return "<f4"
	}
}

func (n *npyWriter) end(*Made) ([]byte, error) {
	if n.runs == 0 {
		return nil, nil
	}
	var shape strings.Builder
	for _, d := range append([]int64{n.runs}, n.shape...) {
		fmt.Fprintf(&shape, "%d, ", d)
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", n.kind, shape.String())
	const preamble = 10
	if len(text) >= npyHead-preamble {
		return nil, n.wrong("its shape %v has too many dimensions", n.shape)
	}
	head := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(head[8:], npyHead-preamble)
	head = append(head, text...)
	for len(head) < npyHead-1 {
		head = append(head, ' ')
	}
	return append(head, '\n'), nil
}
