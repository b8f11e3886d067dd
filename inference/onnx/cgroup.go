package onnx

import (
	"io/fs"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
)

// CPUs returns how many processors this process may keep busy: those that the
// scheduler gives it, less what its control group (cgroup v2, cpu.max) or one
// above it takes away. It is at least 1.
func CPUs() int { return usableCPUs(os.DirFS("/"), runtime.NumCPU()) }

// MemoryLimit returns how many bytes of memory the process may take by its
// control group (cgroup v2, memory.max) and those above it; 0 is no limit.
func MemoryLimit() int64 { return memoryLimit(os.DirFS("/")) }

// usableCPUs reads the limits of a system's root, of which there are n processors.
// Parts of a processor count for nothing, but for the first one.
func usableCPUs(root fs.FS, n int) int {
	most := float64(n)
	for _, text := range controls(root, "cpu.max") {
		// "max 100000" or "150000 100000": microseconds in a period
		// (docs.kernel.org/admin-guide/cgroup-v2.html).
		quota, period, _ := strings.Cut(text, " ")
		q, err := strconv.ParseFloat(quota, 64)
		p, fault := strconv.ParseFloat(period, 64)
		if err == nil && fault == nil && p > 0 {
			most = min(most, q/p)
		}
	}
	return max(int(most), 1)
}

func memoryLimit(root fs.FS) (least int64) {
	for _, text := range controls(root, "memory.max") {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	return least
}

// controls reads a file of the process's control group and of all above it.
// Where there is none (no cgroup v2, another system) nothing limits.
func controls(root fs.FS, name string) (texts []string) {
	own, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return nil
	}
	group := "/"
	for line := range strings.Lines(string(own)) {
		if rest, ok := strings.CutPrefix(line, "0::"); ok {
			group = path.Clean("/" + strings.TrimSpace(rest)) // Outside of its namespace it would begin with /..
		}
	}
	for {
		if text, err := fs.ReadFile(root, path.Join("sys/fs/cgroup", group, name)); err == nil {
			texts = append(texts, strings.TrimSpace(string(text)))
		}
		if group == "/" {
			return texts
		}
		group = path.Dir(group)
	}
}
