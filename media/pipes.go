package media

import (
	"os"

	"golang.org/x/sys/unix"
)

// roomy is how many bytes a pipe of frames holds at once: a frame of 640 x 480, or
// so. Every time that one is full or empty, two processes take turns.
const roomy = 1 << 20

// pipe is a channel to or from a child.
type pipe struct{ read, write *os.File }

// pipes become the child's descriptors from 3 on, in order.
type pipes []pipe

func newPipes(count int) (pipes, error) {
	var all pipes
	for range count {
		read, write, err := os.Pipe()
		if err != nil {
			all.close()
			return nil, err
		}
		all = append(all, pipe{read, write})
	}
	return all, nil
}

// widen gives the pipe more room. A system that refuses leaves it as it was, which is no error.
func (p pipe) widen() {
	if raw, err := p.read.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, roomy) })
	}
}

// theirs returns the child's ends: those that it writes to, or those that it
// reads from.
func (p pipes) theirs(writes bool) []*os.File {
	files := []*os.File{}
	for _, one := range p {
		if writes {
			files = append(files, one.write)
		} else {
			files = append(files, one.read)
		}
	}
	return files
}

// close closes both ends of all, whatever is still open.
func (p pipes) close() {
	for _, one := range p {
		_ = one.read.Close()
		_ = one.write.Close()
	}
}
