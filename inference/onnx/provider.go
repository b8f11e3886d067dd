package onnx

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	ort "github.com/yalue/onnxruntime_go"
)

// appendProvider asks for a GPU provider; the CPU one is always there.
func appendProvider(options *ort.SessionOptions, o sessionOptions) (err error) {
	switch o.provider {
	case ProviderCUDA:
		cuda, err := ort.NewCUDAProviderOptions()
		if err != nil {
			return fmt.Errorf("create CUDA options: %w", err)
		}
		// As much as is asked for, not twice that each time: other processes want some as well.
		err = cuda.Update(map[string]string{"device_id": strconv.Itoa(o.device), "arena_extend_strategy": "kSameAsRequested"})
		if err == nil {
			err = options.AppendExecutionProviderCUDA(cuda)
		}
		return errors.Join(err, cuda.Destroy())
	case ProviderTensorRT:
		trt, err := ort.NewTensorRTProviderOptions()
		if err != nil {
			return fmt.Errorf("create TensorRT options: %w", err)
		}
		settings := map[string]string{"device_id": strconv.Itoa(o.device)}
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
		if err = errors.Join(err, trt.Destroy()); err != nil {
			return err
		}
		// Nodes that TensorRT does not know stay on the GPU this way.
		return appendProvider(options, sessionOptions{provider: ProviderCUDA, device: o.device})
	default:
		return nil
	}
}
