package sandbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// refusedCalls are system calls that ffmpeg has no use for: the network, other
// processes, the kernel's keys, modules, mounts and clocks, and what reaches
// files past the checks of paths. io_uring is among them because its
// operations are not seen here.
func refusedCalls() []uint32 {
	return []uint32{
		unix.SYS_SOCKET, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4,
		unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
		unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_GETFD, unix.SYS_KCMP,
		unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_SYSLOG,
		unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
		unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_UNSHARE, unix.SYS_SETNS,
		unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_MOUNT_SETATTR,
		unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_OPEN_BY_HANDLE_AT,
		unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD,
		unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_QUOTACTL,
		unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX,
		unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_PERSONALITY,
	}
}

// Offsets in struct seccomp_data (seccomp(2)): the number of the call, the
// architecture, and the lower half of the first argument.
const (
	offNumber   = 0
	offArch     = 4
	offArgument = 16
)

// otherTable is set in the numbers of x86's second table of calls (x32).
const otherTable = 0x40000000

// filter is the program that judges system calls. With alone set it also refuses to
// start processes: threads only. What is refused fails with EPERM.
func filter(alone bool) ([]unix.SockFilter, error) {
	const number = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	const equal, atLeast, has = unix.BPF_JMP | unix.BPF_JEQ, unix.BPF_JMP | unix.BPF_JGE, unix.BPF_JMP | unix.BPF_JSET
	refuse := unix.SockFilter{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)}
	allow := unix.SockFilter{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ALLOW}
	var arch uint32
	calls := refusedCalls()
	switch runtime.GOARCH {
	case "amd64":
		arch = unix.AUDIT_ARCH_X86_64
		if alone {
			calls = append(calls, 57, 58) // fork and vfork, which newer architectures do not have.
		}
	case "arm64":
		arch = unix.AUDIT_ARCH_AARCH64
	default:
		return nil, fmt.Errorf("filter system calls: none is known for %s", runtime.GOARCH)
	}
	program := []unix.SockFilter{
		{Code: number, K: offArch}, {Code: equal, K: arch, Jt: 1}, {Code: unix.BPF_RET, K: unix.SECCOMP_RET_KILL_PROCESS},
		{Code: number, K: offNumber}, {Code: atLeast, K: otherTable, Jf: 1}, refuse,
	}
	if alone {
		// clone3 hides its flags in memory; the C library then takes clone.
		program = append(program, unix.SockFilter{Code: equal, K: unix.SYS_CLONE3, Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
			unix.SockFilter{Code: equal, K: unix.SYS_CLONE, Jf: 4}, unix.SockFilter{Code: number, K: offArgument},
			unix.SockFilter{Code: has, K: unix.CLONE_THREAD, Jt: 1}, refuse, allow)
	}
	for _, call := range calls {
		program = append(program, unix.SockFilter{Code: equal, K: call, Jf: 1}, refuse)
	}
	return append(program, allow), nil
}

// encode writes a program as bubblewrap reads it: the kernel's own form.
func encode(program []unix.SockFilter) []byte {
	var out bytes.Buffer
	for _, one := range program {
		_ = binary.Write(&out, binary.NativeEndian, one) // Of a fixed size, into memory.
	}
	return out.Bytes()
}

// filterThread puts the calling thread, and what it starts, under the filter
// for good.
func filterThread() error {
	program, err := filter(false)
	if err != nil {
		return err
	}
	if err := noNewPrivileges(); err != nil {
		return err
	}
	whole := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&whole)))
	runtime.KeepAlive(program)
	if errno != 0 {
		return fmt.Errorf("filter system calls: %w", errno)
	}
	return nil
}

// dropRights has what the calling thread starts run without root's rights, should
// we be root: they cannot be gained outside of the bounding set.
func dropRights() error {
	if os.Geteuid() != 0 {
		return nil
	}
	for right := uintptr(0); ; right++ {
		held, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, right, 0, 0, 0)
		if err != nil {
			return nil //nolint:nilerr // There is no right of that number: these were all.
		}
		if held == 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, right, 0, 0, 0); err != nil {
			return fmt.Errorf("drop root's rights: %w", err)
		}
	}
}

// noNewPrivileges keeps the calling thread, and what it starts, from gaining
// rights by running a program; the kernel demands it of what follows.
func noNewPrivileges() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	return nil
}
