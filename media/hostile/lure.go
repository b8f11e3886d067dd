package hostile

import (
	"net"

	"golang.org/x/sys/unix"
)

func makeFifo(path string) error { return unix.Mkfifo(path, 0o600) }

// makeSocket leaves a socket in the file system that nobody listens on.
func makeSocket(path string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	return l.Close()
}
