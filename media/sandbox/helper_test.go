package sandbox

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestMain lets this test binary be the child: with MILL_HELPER set, it does
// what its arguments say, one after the other, and says what came of each.
func TestMain(m *testing.M) {
	if os.Getenv("LD_TRACE_LOADED_OBJECTS") != "" {
		return // Without a loader to ask, the program itself is run.
	}
	if os.Getenv("MILL_HELPER") == "" {
		os.Exit(m.Run())
	}
	for _, arg := range os.Args[1:] {
		what, on, _ := strings.Cut(arg, ":")
		if err := act(what, on); err != nil {
			fmt.Printf("%s: no: %v\n", arg, err)
		} else {
			fmt.Printf("%s: yes\n", arg)
		}
	}
	// Without the second that the race detector sleeps at the end, and which it
	// cannot be talked out of where there is no /proc to read its settings from.
	_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
}

// act does one thing that a child may try.
func act(what, on string) error {
	switch what {
	case "read":
		_, err := os.ReadFile(on)
		return err
	case "list":
		_, err := os.ReadDir(on)
		return err
	case "find":
		dir, name, _ := strings.Cut(on, ">")
		entries, err := os.ReadDir(dir)
		if err == nil && !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == name }) {
			return os.ErrNotExist
		}
		return err
	case "write":
		return os.WriteFile(on, []byte("written by the child"), 0o600)
	case "change": // without doing it
		file, err := os.OpenFile(on, os.O_WRONLY, 0)
		if err == nil {
			err = file.Close()
		}
		return err
	case "remove":
		return os.Remove(on)
	case "link", "symlink":
		from, to, _ := strings.Cut(on, ">")
		if what == "link" {
			return os.Link(from, to)
		}
		return os.Symlink(from, to)
	case "mkfifo":
		return syscall.Mkfifo(on, 0o600)
	case "tcp", "udp", "unix":
		return send(what, on)
	case "signal":
		pid, _ := strconv.Atoi(on)
		return syscall.Kill(pid, 0)
	case "run":
		return exec.Command(on).Run()
	case "rights": // as root has them
		var held [2]unix.CapUserData
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		if err := unix.Capget(&header, &held[0]); err != nil || held != [2]unix.CapUserData{} {
			return err
		}
		return os.ErrPermission
	case "unshare":
		return syscall.Unshare(syscall.CLONE_NEWUSER)
	case "pipes": // what comes in at 3 goes out at 4
		_, err := io.Copy(os.NewFile(4, "out"), os.NewFile(3, "in"))
		return err
	}
	return consume(what, on)
}

// send opens a connection and says something.
func send(network, address string) error {
	connection, err := net.DialTimeout(network, address, 2*time.Second)
	if err != nil {
		return err
	}
	_, err = connection.Write([]byte("hello"))
	return err
}

// consume uses up, or stays.
func consume(what, on string) error {
	amount, _ := strconv.Atoi(on)
	switch what {
	case "allocate":
		_, err := unix.Mmap(-1, 0, amount, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		return err
	case "open":
		for range amount {
			if _, err := os.Open(os.DevNull); err != nil {
				return err
			}
		}
	case "fill":
		return os.WriteFile(on, make([]byte, 2<<20), 0o600)
	case "crash": // without the handler of Go's runtime
		var none [4]uint64
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGSEGV), uintptr(unsafe.Pointer(&none[0])), 0, 8, 0, 0)
		var nowhere *int
		*nowhere = 1
	case "spin":
		for {
			amount++
		}
	case "escape": // leaves a process behind in a session of its own
		stay := exec.Command(os.Args[0], "stay")
		stay.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		stay.Stdout, stay.ExtraFiles = os.Stdout, []*os.File{os.NewFile(3, "alive")}
		return stay.Start()
	case "tell":
		_, err := os.NewFile(3, "begun").WriteString("!")
		return err
	case "stay":
		fmt.Println("here")
		select {}
	default:
		return fmt.Errorf("unknown: %s", what)
	}
	return nil
}
