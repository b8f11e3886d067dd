package models

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// onnxHeader is what an ONNX file says of itself: the version of the format,
// the newest operator set that it names, and the files that hold its weights
// where these are not inside.
type onnxHeader struct {
	ir, opset int64
	external  []string
}

var errCutOff = errors.New("the file breaks off")

// readONNXHeader walks through the fields of a file as onnx.proto of the ONNX
// project numbers them. An error means that it is no ONNX file, or not all of one.
func readONNXHeader(data []byte) (h onnxHeader, err error) {
	graph := false
	err = eachField(data, func(f protoField) error {
		switch f.number {
		case 1: // ModelProto.ir_version
			h.ir = int64(f.value)
		case 7: // ModelProto.graph
			graph = true
			return h.readGraph(f.bytes)
		case 8: // ModelProto.opset_import
			return h.readOperatorSet(f.bytes)
		}
		return nil
	})
	if err == nil && (!graph || h.ir == 0) {
		err = errors.New("it holds no graph or no version of the format")
	}
	return h, err
}

func (h *onnxHeader) readOperatorSet(data []byte) error {
	domain, version := "", int64(0)
	err := eachField(data, func(f protoField) error {
		switch f.number {
		case 1: // OperatorSetIdProto.domain
			domain = string(f.bytes)
		case 2: // OperatorSetIdProto.version
			version = int64(f.value)
		}
		return nil
	})
	if domain == "" || domain == "ai.onnx" {
		h.opset = max(h.opset, version)
	}
	return err
}

// readGraph collects the files of the graph's weights.
func (h *onnxHeader) readGraph(data []byte) error {
	return eachField(data, func(f protoField) error {
		if f.number != 5 { // GraphProto.initializer
			return nil
		}
		return eachField(f.bytes, func(f protoField) error {
			if f.number != 13 { // TensorProto.external_data
				return nil
			}
			key, value := "", ""
			err := eachField(f.bytes, func(f protoField) error {
				switch f.number {
				case 1: // StringStringEntryProto.key
					key = string(f.bytes)
				case 2: // StringStringEntryProto.value
					value = string(f.bytes)
				}
				return nil
			})
			if key == "location" && !slices.Contains(h.external, value) {
				h.external = append(h.external, value)
			}
			return err
		})
	})
}

// protoField is a field of a message of Protocol Buffers: a number, or bytes.
type protoField struct {
	number int
	value  uint64
	bytes  []byte
}

// eachField calls use for each field of a message, in the order of the file.
func eachField(data []byte, use func(protoField) error) error {
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 {
			return errCutOff
		}
		data = data[n:]
		f := protoField{number: int(key >> 3)}
		switch kind := key & 7; kind {
		case 0:
			if f.value, n = binary.Uvarint(data); n <= 0 {
				return errCutOff
			}
		case 1:
			n = 8
		case 5:
			n = 4
		case 2:
			length, m := binary.Uvarint(data)
			if m <= 0 || length > uint64(len(data)-m) {
				return errCutOff
			}
			f.bytes, n = data[m:m+int(length)], m+int(length)
		default:
			return fmt.Errorf("a field is of the kind %d, which ONNX does not use", kind)
		}
		if f.number == 0 || n > len(data) {
			return errCutOff
		}
		data = data[n:]
		if err := use(f); err != nil {
			return err
		}
	}
	return nil
}
