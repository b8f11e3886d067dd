package onnx

import (
	"errors"
	"fmt"
	"slices"

	ort "github.com/yalue/onnxruntime_go"
)

// ortSession is a session of ONNX Runtime.
type ortSession struct {
	session         *ort.DynamicAdvancedSession
	inputs, outputs []TensorInfo // as the graph has them
	scalars         scalars      // of the outputs
}

// sessionOptions says how a session is made.
type sessionOptions struct {
	provider string
	device   int // of the GPUs that can be seen, from 0
	threads  int // within one operator; 1 keeps all work on the calling thread
	cache    string
	profile  string // prefix of a profile file to write; empty is none
}

// openORT makes a session from a model's bytes. The threads do not spin while
// they wait: beside encoders that would cost a core.
func openORT(data []byte, o sessionOptions) (_ *ortSession, err error) {
	inputs, outputs, err := graphInfo(data)
	if err != nil {
		return nil, err
	}
	options, err := newSessionOptions(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, options.Destroy()) }()
	s, err := ort.NewDynamicAdvancedSessionWithONNXData(data, tensorNames(inputs), tensorNames(outputs), options)
	if err != nil {
		return nil, fmt.Errorf("create session: %w", err)
	}
	return &ortSession{session: s, inputs: inputs, outputs: outputs, scalars: make(scalars, len(outputs))}, nil
}

func newSessionOptions(o sessionOptions) (*ort.SessionOptions, error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("create session options: %w", err)
	}
	steps := []func() error{
		func() error { return options.SetIntraOpNumThreads(o.threads) },
		func() error { return options.SetInterOpNumThreads(1) },
		func() error { return options.SetExecutionMode(ort.ExecutionModeSequential) },
		func() error { return options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0") },
		func() error { return options.AddSessionConfigEntry("session.inter_op.allow_spinning", "0") },
		func() error { return options.AddSessionConfigEntry("session.use_env_allocators", "1") }, // see shareArena
		func() error { return appendProvider(options, o) },
	}
	if o.profile != "" {
		steps = append(steps, func() error { return options.EnableProfiling(o.profile) })
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, errors.Join(fmt.Errorf("set session options: %w", err), options.Destroy())
		}
	}
	return options, nil
}

// graphInfo reads the inputs and outputs of a graph.
func graphInfo(data []byte) (inputs, outputs []TensorInfo, err error) {
	in, out, err := ort.GetInputOutputInfoWithONNXData(data)
	if err != nil {
		return nil, nil, fmt.Errorf("read graph: %w", err)
	}
	return tensorInfos(in), tensorInfos(out), nil
}

func tensorInfos(infos []ort.InputOutputInfo) []TensorInfo {
	list := make([]TensorInfo, len(infos))
	for i, info := range infos {
		list[i] = TensorInfo{Name: info.Name, Type: typeName(info), Shape: info.Dimensions}
	}
	return list
}

func typeName(info ort.InputOutputInfo) string {
	if info.OrtValueType != ort.ONNXTypeTensor {
		return "other"
	}
	switch info.DataType {
	case ort.TensorElementDataTypeFloat:
		return "float32"
	case ort.TensorElementDataTypeFloat16:
		return "float16"
	case ort.TensorElementDataTypeInt64:
		return "int64"
	case ort.TensorElementDataTypeInt32:
		return "int32"
	case ort.TensorElementDataTypeUint8:
		return "uint8"
	case ort.TensorElementDataTypeDouble:
		return "float64"
	case ort.TensorElementDataTypeBool:
		return "bool"
	case ort.TensorElementDataTypeString:
		return "string"
	default:
		return "other"
	}
}

func tensorNames(infos []TensorInfo) []string {
	names := make([]string, len(infos))
	for i, info := range infos {
		names[i] = info.Name
	}
	return names
}

// Info gives the outputs as runs give them: those of float16 are float32.
func (s *ortSession) Info() (inputs, outputs []TensorInfo) {
	outputs = slices.Clone(s.outputs)
	for i := range outputs {
		if outputs[i].Type == "float16" {
			outputs[i].Type = "float32"
		}
	}
	return s.inputs, outputs
}

func (s *ortSession) Close() error { return s.session.Destroy() }
