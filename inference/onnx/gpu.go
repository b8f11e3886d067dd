package onnx

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/motionmill/motionmill/inference/models"
)

// gpuCount returns how many GPUs of NVIDIA the process may use: those that
// CUDA_VISIBLE_DEVICES lists, else the device files; 0 is none.
func gpuCount(root fs.FS, visible string, told bool) int {
	if told {
		count := 0
		for id := range strings.SplitSeq(visible, ",") {
			if id = strings.TrimSpace(id); id == "" || strings.HasPrefix(id, "-") {
				break // CUDA takes those before the first one that is none.
			}
			count++
		}
		return count
	}
	entries, err := fs.ReadDir(root, "dev")
	if err != nil {
		return 0
	}
	count := 0
	for _, e := range entries {
		if regexp.MustCompile(`^nvidia[0-9]+$`).MatchString(e.Name()) {
			count++
		}
	}
	return count
}

// gpus is gpuCount of this process.
func gpus() int {
	visible, told := os.LookupEnv("CUDA_VISIBLE_DEVICES")
	return gpuCount(os.DirFS("/"), visible, told)
}

// gpuName names the GPUs of the machine and their driver, for the folder of what is
// built for them; "gpu" where the driver does not tell.
func gpuName(root fs.FS) string {
	var parts []string
	files, err := fs.Glob(root, "proc/driver/nvidia/gpus/*/information")
	if err != nil {
		return "gpu" // The pattern is ours.
	}
	for _, file := range files {
		text, err := fs.ReadFile(root, file)
		if found := regexp.MustCompile(`(?m)^Model:\s*(.+?)\s*$`).FindSubmatch(text); err == nil && found != nil {
			parts = append(parts, string(found[1]))
		}
	}
	slices.Sort(parts)
	parts = slices.Compact(parts)
	text, err := fs.ReadFile(root, "proc/driver/nvidia/version")
	if found := regexp.MustCompile(`\s(\d+\.\d+(?:\.\d+)?)\s`).FindSubmatch(text); err == nil && found != nil {
		parts = append(parts, string(found[1]))
	}
	if len(parts) == 0 {
		return "gpu"
	}
	return strings.Trim(regexp.MustCompile(`[^a-z0-9.]+`).ReplaceAllString(strings.ToLower(strings.Join(parts, "-")), "-"), "-.")
}

// tensorRTVersion tells from the libraries that a process has loaded which
// TensorRT is among them; "unknown" where none says.
func tensorRTVersion(root fs.FS) string {
	maps, err := fs.ReadFile(root, "proc/self/maps")
	if found := regexp.MustCompile(`/libnvinfer\.so\.([0-9.]+)`).FindSubmatch(maps); err == nil && found != nil {
		return string(found[1])
	}
	return "unknown"
}

// engineFolder is where TensorRT keeps what it builds of a model, which takes
// minutes: apart for each model, GPU and driver, and version of TensorRT and ONNX Runtime.
func engineFolder(cache string, root fs.FS, sha256, version string) string {
	return filepath.Join(cache, "motionmill", "tensorrt", sha256[:16], gpuName(root), path.Base("ort-"+version+"-trt-"+tensorRTVersion(root)))
}

// engineCache is engineFolder in the user's cache; empty where there is none, and then
// engines are built each time.
func (r *Runtime) engineCache(m models.Model) string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return engineFolder(cache, os.DirFS("/"), m.SHA256, r.version)
}

var (
	absent = regexp.MustCompile(`([\w.+-]+\.(?:so|dylib|dll)[\w.]*): (?:cannot open shared object file|no such file)`)
	failed = regexp.MustCompile(`Failed to load library \S*?([\w.+-]+\.(?:so|dylib|dll)[\w.]*)`)
)

// whyNot says in a few words why a provider cannot be used, with the name of
// the library that is missing where that is the reason.
func whyNot(provider string, err error) string {
	text := err.Error()
	if found := absent.FindStringSubmatch(text); found != nil {
		return "the library " + found[1] + " is missing"
	}
	if found := failed.FindStringSubmatch(text); found != nil {
		return "the library " + found[1] + " cannot be loaded"
	}
	switch {
	case strings.Contains(text, "is not enabled in this build"):
		return "this ONNX Runtime is built without it: libonnxruntime_providers_" + provider + ".so is missing"
	case strings.Contains(text, "no CUDA-capable device"), strings.Contains(text, "CUDA failure 100"):
		return "there is no GPU that CUDA can use"
	case strings.Contains(text, "driver version is insufficient"), strings.Contains(text, "CUDA failure 35"):
		return "the GPU's driver is older than this CUDA needs"
	default:
		return "it does not work"
	}
}
