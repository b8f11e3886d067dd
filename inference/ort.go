package inference

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	ort "github.com/yalue/onnxruntime_go"
)

// ortSession is a session of ONNX Runtime.
type ortSession struct {
	session         *ort.DynamicAdvancedSession
	inputs, outputs []TensorInfo
}

// sessionOptions says how a session is made.
type sessionOptions struct {
	provider string
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
	return &ortSession{session: s, inputs: inputs, outputs: outputs}, nil
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

func (s *ortSession) Info() (inputs, outputs []TensorInfo) { return s.inputs, s.outputs }

func (s *ortSession) Close() error { return s.session.Destroy() }

// NewRunner makes the input tensor, and every output tensor whose shape the
// graph fixes; the others are made anew in each run.
func (s *ortSession) NewRunner(_ string, shape []int64) (runner, error) {
	input, err := newFeed(s.inputs[0].Type, shape)
	if err != nil {
		return nil, err
	}
	r := &ortRunner{session: s.session, input: input, infos: s.outputs, fixed: make([]ort.Value, len(s.outputs))}
	r.inputs = []ort.Value{input.value}
	r.values, r.out = make([]ort.Value, len(s.outputs)), make([]tensor, len(s.outputs))
	for i, info := range s.outputs {
		if info.Type != "float32" || !isFixed(info.Shape) {
			continue
		}
		output, err := ort.NewEmptyTensor[float32](ort.Shape(info.Shape))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("create output tensor %s: %w", info.Name, err), r.Close())
		}
		r.fixed[i] = output
		r.out[i] = tensor{name: info.Name, shape: info.Shape, data: output.GetData()}
	}
	return r, nil
}

func isFixed(shape []int64) bool {
	for _, n := range shape {
		if n < 1 {
			return false
		}
	}
	return len(shape) > 0
}

// ortRunner holds the tensors of one run at a time.
type ortRunner struct {
	session *ort.DynamicAdvancedSession
	input   *feed
	inputs  []ort.Value
	infos   []TensorInfo
	fixed   []ort.Value // nil where the shape is known only after a run
	values  []ort.Value
	out     []tensor
}

func (r *ortRunner) Input() []float32 { return r.input.floats }

func (r *ortRunner) Run() ([]tensor, error) {
	r.input.load()
	copy(r.values, r.fixed)
	if err := r.session.Run(r.inputs, r.values); err != nil {
		return nil, err
	}
	var failed error
	for i, value := range r.values {
		if r.fixed[i] != nil {
			continue
		}
		out, err := readValue(r.infos[i].Name, value)
		r.out[i] = out
		failed = errors.Join(failed, err, value.Destroy())
	}
	return r.out, failed
}

// readValue copies an output that ONNX Runtime made.
func readValue(name string, value ort.Value) (tensor, error) {
	t := tensor{name: name, shape: value.GetShape()}
	switch v := value.(type) {
	case *ort.Tensor[float32]:
		t.data = v.GetData() // Go's own memory: it outlives the tensor
	case *ort.Tensor[int64]:
		t.data = toFloats(v.GetData())
	case *ort.Tensor[int32]:
		t.data = toFloats(v.GetData())
	default:
		return t, fmt.Errorf("read output %s: its type is not supported by this version", name)
	}
	return t, nil
}

func toFloats[T int32 | int64](values []T) []float32 {
	floats := make([]float32, len(values))
	for i, v := range values {
		floats[i] = float32(v)
	}
	return floats
}

func (r *ortRunner) Close() error {
	err := r.input.value.Destroy()
	for _, value := range r.fixed {
		if value != nil {
			err = errors.Join(err, value.Destroy())
		}
	}
	return err
}

// appendProvider asks for a GPU provider; the CPU one is always there.
func appendProvider(options *ort.SessionOptions, o sessionOptions) (err error) {
	switch o.provider {
	case ProviderCUDA:
		cuda, err := ort.NewCUDAProviderOptions()
		if err != nil {
			return fmt.Errorf("create CUDA options: %w", err)
		}
		err = cuda.Update(map[string]string{"device_id": "0"})
		if err == nil {
			err = options.AppendExecutionProviderCUDA(cuda)
		}
		return errors.Join(err, cuda.Destroy())
	case ProviderTensorRT:
		trt, err := ort.NewTensorRTProviderOptions()
		if err != nil {
			return fmt.Errorf("create TensorRT options: %w", err)
		}
		settings := map[string]string{"device_id": "0"}
		if o.cache != "" { // Engines take minutes to build.
			if err := os.MkdirAll(o.cache, 0o755); err != nil {
				return errors.Join(fmt.Errorf("create folder for TensorRT engines: %w", err), trt.Destroy())
			}
			settings["trt_engine_cache_enable"], settings["trt_engine_cache_path"] = strconv.Itoa(1), o.cache
		}
		err = trt.Update(settings)
		if err == nil {
			err = options.AppendExecutionProviderTensorRT(trt)
		}
		return errors.Join(err, trt.Destroy())
	default:
		return nil
	}
}
