package sandbox

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Rights on files and folders, as landlock(7) names them.
const (
	readFile    = unix.LANDLOCK_ACCESS_FS_READ_FILE
	writeFile   = readFile | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	runFile     = readFile | unix.LANDLOCK_ACCESS_FS_EXECUTE
	useDevice   = writeFile | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	readFolder  = readFile | unix.LANDLOCK_ACCESS_FS_READ_DIR
	runFolder   = runFile | readFolder
	writeFolder = readFolder | writeFile | unix.LANDLOCK_ACCESS_FS_REFER |
		unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG
	// onFiles are the rights that a rule for something other than a folder may have.
	onFiles = writeFile | runFile | useDevice
)

// handled returns the rights that a version of Landlock judges: it came with
// those up to MAKE_SYM; REFER, TRUNCATE and IOCTL_DEV followed.
func handled(version int) uint64 {
	rights := uint64(unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1)
	if version >= 2 {
		rights |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		rights |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 5 {
		rights |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	return rights
}

// signalsMended is the correction of Landlock without which a confined thread could
// not signal the other threads of its own process, as Go's runtime does
// (erratum 2).
const signalsMended = 1 << 1

// rules is a set of Landlock's rules in the making.
type rules struct {
	fd      int
	handled uint64
}

// newRules opens an empty set, which forbids everything.
func newRules() (*rules, error) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return nil, fmt.Errorf("ask for Landlock: %w", errno)
	}
	r := &rules{handled: handled(int(version))}
	asked := unix.LandlockRulesetAttr{Handled_access_fs: r.handled}
	size := unsafe.Sizeof(asked.Handled_access_fs)
	if version >= 4 {
		asked.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		size += unsafe.Sizeof(asked.Handled_access_net)
	}
	if version >= 6 {
		asked.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
		mended, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_ERRATA)
		if errno == 0 && mended&signalsMended != 0 {
			asked.Scoped |= unix.LANDLOCK_SCOPE_SIGNAL
		}
		size += unsafe.Sizeof(asked.Scoped)
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&asked)), size, 0)
	if errno != 0 {
		return nil, fmt.Errorf("make rules for Landlock: %w", errno)
	}
	r.fd = int(fd)
	return r, nil
}

// allow gives rights on a path and on all below it.
func (r *rules) allow(path string, rights uint64) error {
	at, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s for the sandbox: %w", path, err)
	}
	defer unix.Close(at)
	if !isDir(path) {
		rights &= onFiles
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights & r.handled, Parent_fd: int32(at)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(r.fd), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	runtime.KeepAlive(&rule)
	if errno != 0 {
		return fmt.Errorf("give the sandbox %s: %w", path, errno)
	}
	return nil
}

// landlockThread keeps the calling thread, and what it starts, to the system's
// programs and the view, for good.
func landlockThread(s system, view View) error {
	r, err := newRules()
	if err != nil {
		return err
	}
	defer unix.Close(r.fd)
	granted := []struct {
		paths  []string
		rights uint64
	}{
		{slices.Concat(s.folders, s.links), runFolder}, {s.files, runFile}, {view.Files, readFile}, {[]string{os.DevNull}, writeFile},
	}
	for _, g := range granted {
		for _, path := range g.paths {
			if err := r.allow(path, g.rights); err != nil {
				return err
			}
		}
	}
	if view.Dir != "" {
		if err := r.allow(view.Dir, writeFolder); err != nil {
			return err
		}
	}
	if err := r.allowDevices(s, view); err != nil {
		return err
	}
	if err := noNewPrivileges(); err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(r.fd), 0, 0); errno != 0 {
		return fmt.Errorf("keep to the rules of Landlock: %w", errno)
	}
	return nil
}

// allowDevices gives what drivers of GPUs read. Of other processes Landlock
// itself keeps what is private in /proc.
func (r *rules) allowDevices(s system, view View) error {
	if !view.Devices {
		return nil
	}
	for _, path := range s.devices {
		if err := r.allow(path, useDevice|readFolder); err != nil {
			return err
		}
	}
	for _, path := range slices.Concat([]string{"/proc"}, s.drivers) {
		if err := r.allow(path, readFolder); err != nil {
			return err
		}
	}
	return nil
}
