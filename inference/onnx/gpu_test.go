package onnx_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/job"
)

func TestGPUsOfAMachine(t *testing.T) {
	two := system(map[string]string{"dev/nvidia0": "", "dev/nvidia1": "", "dev/nvidiactl": "", "dev/nvidia-uvm": ""})
	for _, c := range []struct {
		visible string
		told    bool
		want    int
	}{{"", false, 2}, {"", true, 0}, {"1", true, 1}, {"0, 1,3", true, 3}, {"-1", true, 0}, {"1,-1,0", true, 1}, {"GPU-8932f937", true, 1}} {
		if got := onnx.GPUCount(two, c.visible, c.told); got != c.want {
			t.Errorf("CUDA_VISIBLE_DEVICES=%q (set %t) leaves %d, want %d", c.visible, c.told, got, c.want)
		}
	}
	if got := onnx.GPUCount(system(map[string]string{"dev/null": ""}), "", false); got != 0 {
		t.Errorf("a machine without has %d", got)
	}
}

func TestJobsSpreadOverTheGPUs(t *testing.T) {
	t.Setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
	r := onnx.RuntimeOn(onnx.ProviderCUDA, onnx.ProviderCPU)
	var dealt []int
	for range 5 {
		dealt = append(dealt, r.NextDevice("frames"))
	}
	if diff := cmp.Diff([]int{0, 1, 2, 0, 1}, dealt); diff != "" {
		t.Error(diff)
	}
	if at := r.NextDevice("steps"); at != 0 {
		t.Errorf("the first step runs on device %d", at)
	}
	if cpu := onnx.RuntimeOn(onnx.ProviderCPU); cpu.Devices() != 1 || cpu.NextDevice("frames") != 0 || cpu.NextDevice("frames") != 0 {
		t.Error("the CPU is more than one device")
	}
}

// TestEnginesOfEachGPUAndVersionLieApart names folders for what is cached.
func TestEnginesOfEachGPUAndVersionLieApart(t *testing.T) {
	const version = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\n"
	files := map[string]string{
		"proc/driver/nvidia/version":                       version,
		"proc/driver/nvidia/gpus/0000:00:04.0/information": "Model: \t\t NVIDIA L4\nIRQ:   \t\t 11\n",
		"proc/driver/nvidia/gpus/0000:00:05.0/information": "Model: \t\t NVIDIA L4\n",
		"proc/self/maps": "7f00-7f01 r--p 0 08:01 7 /usr/lib/libc.so.6\n7f02-7f03 r-xp 0 08:01 9 /opt/libnvinfer.so.10.3.0\n",
	}
	hash := strings.Repeat("ab", 32)
	want := filepath.Join("/cache", "motionmill", "tensorrt", "abababababababab", "nvidia-l4-550.54.15", "ort-1.31.1-trt-10.3.0")
	if got := onnx.EngineFolder("/cache", system(files), hash, "1.31.1"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	seen := map[string]bool{want: true}
	for name, text := range map[string]string{
		"proc/driver/nvidia/version":                       strings.Replace(version, "550.54.15", "560.28.03", 1),
		"proc/driver/nvidia/gpus/0000:00:05.0/information": "Model: NVIDIA A10G\n",
		"proc/self/maps":                                   "/opt/libnvinfer.so.10.4.0\n",
	} {
		other := map[string]string{}
		for file, was := range files {
			other[file] = was
		}
		other[name] = text
		got := onnx.EngineFolder("/cache", system(other), hash, "1.31.1")
		if seen[got] {
			t.Errorf("with another %s engines lie in %s as well", name, got)
		}
		seen[got] = true
	}
	if got := onnx.EngineFolder("/cache", system(nil), hash, "1.31.1"); !strings.HasSuffix(got, filepath.Join("gpu", "ort-1.31.1-trt-unknown")) {
		t.Errorf("without a driver: %s", got)
	}
}

// TestWhyAProviderIsNotUsed reads what ONNX Runtime says.
func TestWhyAProviderIsNotUsed(t *testing.T) {
	for text, want := range map[string]string{
		"CUDA execution provider is not enabled in this build.": "libonnxruntime_providers_cuda.so is missing",
		"Failed to load library libonnxruntime_providers_cuda.so with error: libcublasLt.so.12: cannot open shared object file: No such file or directory": "library libcublasLt.so.12 is missing",
		"FAIL : Failed to load library /opt/ort/libonnxruntime_providers_cuda.so":                                                                          "library libonnxruntime_providers_cuda.so cannot be loaded",
		"CUDA failure 100: no CUDA-capable device is detected ; GPU=-1":                                                                                    "no GPU",
		"CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version":                                                                    "driver is older",
		"something else": "does not work",
	} {
		if got := onnx.WhyNot(onnx.ProviderCUDA, errors.New(text)); !strings.Contains(got, want) {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	r := inferencetest.OpenRuntime(t)
	for _, provider := range []string{onnx.ProviderCUDA, onnx.ProviderTensorRT} {
		_, err := onnx.Open(onnx.Config{Library: r.Library(), Provider: provider})
		if err == nil {
			continue // This machine has one.
		}
		if typed := inferencetest.WantKind(t, err, job.GPUUnavailable); !strings.Contains(typed.Finding, "lib") {
			t.Errorf("%s: it names no library: %v", provider, err)
		}
	}
}
