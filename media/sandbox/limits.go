package sandbox

import (
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Use is what a child may use at most. A field that is zero sets no limit.
type Use struct {
	// Memory bounds what it allocates, in bytes. Reserved address space does
	// not count (RLIMIT_DATA).
	Memory int64
	// CPU bounds the time of all its threads together.
	CPU time.Duration
	// FileBytes bounds each file that it writes.
	FileBytes int64
	// OpenFiles bounds its descriptors.
	OpenFiles int
}

// fewestProcesses is what the user's processes and threads are bounded to on a
// machine of up to 64 cores. Outside of a user namespace all of the same user
// count, so that this stops a fork bomb and nothing else.
const fewestProcesses = 4096

// limit sets the limits of a process, and of what it starts from then on. They
// are a second fence, so that a kernel which refuses them is no error.
func limit(pid int, use Use) {
	set := func(resource int, most uint64) {
		if most > 0 {
			_ = unix.Prlimit(pid, resource, &unix.Rlimit{Cur: most, Max: most}, nil)
		}
	}
	_ = unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	set(unix.RLIMIT_NPROC, uint64(max(fewestProcesses, 64*runtime.NumCPU())))
	set(unix.RLIMIT_DATA, uint64(use.Memory))
	set(unix.RLIMIT_CPU, uint64(math.Ceil(use.CPU.Seconds())))
	set(unix.RLIMIT_FSIZE, uint64(use.FileBytes))
	set(unix.RLIMIT_NOFILE, uint64(use.OpenFiles))
}

// Memory returns how much memory the machine has, or the control group leaves
// us, in bytes; 0 when neither can be told.
func Memory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	all := int64(info.Totalram) * int64(info.Unit)
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if group, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
			all = min(all, group)
		}
	}
	return all
}
