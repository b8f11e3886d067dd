package onnx_test

import (
	"os"
	"runtime"
	"testing"
	"testing/fstest"

	"github.com/motionmill/motionmill/inference/onnx"
)

func system(files map[string]string) fstest.MapFS {
	root := fstest.MapFS{}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

func TestProcessorsOfAControlGroup(t *testing.T) {
	const own, top = "proc/self/cgroup", "sys/fs/cgroup/"
	for name, c := range map[string]struct {
		files  map[string]string
		cpus   int
		memory int64
	}{
		"no control groups":        {nil, 8, 0},
		"no limit":                 {map[string]string{own: "0::/a\n", top + "a/cpu.max": "max 100000\n", top + "a/memory.max": "max\n"}, 8, 0},
		"two and a half":           {map[string]string{own: "0::/\n", top + "cpu.max": "250000 100000\n", top + "memory.max": "1073741824\n"}, 2, 1 << 30},
		"less than one":            {map[string]string{own: "0::/\n", top + "cpu.max": "20000 100000\n"}, 1, 0},
		"more than there are":      {map[string]string{own: "0::/\n", top + "cpu.max": "6400000 100000\n"}, 8, 0},
		"limited above":            {map[string]string{own: "0::/a/b\n", top + "a/b/cpu.max": "400000 100000", top + "a/cpu.max": "300000 100000"}, 3, 0},
		"limited below":            {map[string]string{own: "0::/a/b\n", top + "a/b/memory.max": "100", top + "a/memory.max": "200"}, 8, 100},
		"both versions":            {map[string]string{own: "4:cpu:/x\n0::/a\n", top + "a/cpu.max": "200000 100000", top + "x/cpu.max": "100000 100000"}, 2, 0},
		"out of the namespace":     {map[string]string{own: "0::/../other\n", top + "cpu.max": "200000 100000"}, 2, 0},
		"nothing that makes sense": {map[string]string{own: "0::/\n", top + "cpu.max": "lots", top + "memory.max": "-1"}, 8, 0},
	} {
		root := system(c.files)
		if got := onnx.UsableCPUs(root, 8); got != c.cpus {
			t.Errorf("%s: %d processors, want %d", name, got, c.cpus)
		}
		if got := onnx.MemoryLimitOf(root); got != c.memory {
			t.Errorf("%s: %d bytes, want %d", name, got, c.memory)
		}
	}
	if n := onnx.CPUs(); n < 1 || n > runtime.NumCPU() {
		t.Errorf("this process has %d processors of %d", n, runtime.NumCPU())
	}
	if text, err := os.ReadFile("/proc/self/cgroup"); err == nil {
		t.Logf("in %q: %d processors, %d bytes", text, onnx.CPUs(), onnx.MemoryLimit())
	}
}
