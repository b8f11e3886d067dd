package media

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/motionmill/motionmill/job"
)

// readers are those of what a child writes to its pipes.
type readers struct {
	group sync.WaitGroup
	mu    sync.Mutex
	err   error
}

// read reads a pipe of the child beside it, until its end. A panic ends the
// child, whose pipe nobody reads any more, and is a failure of its work.
func (p *process) read(what string, pipe *os.File, read func()) {
	p.readers.group.Go(func() {
		defer func() { _ = pipe.Close() }() // only ever read
		err := job.Guarded("read "+what, func() error { read(); return nil })
		if err == nil {
			return
		}
		err = fmt.Errorf("%s %s: %w", p.command.op, p.command.subject, err)
		p.readers.mu.Lock()
		p.readers.err = err
		p.readers.mu.Unlock()
		p.kill(err)
	})
}

// misread returns when all pipes have been read, with the panic of one that
// could not be.
func (p *process) misread() error {
	p.readers.group.Wait()
	p.readers.mu.Lock()
	defer p.readers.mu.Unlock()
	return p.readers.err
}

// guardedWriter takes what a child writes to its standard output or error. A
// panic ends the child, and is a failure of its work.
type guardedWriter struct {
	to io.Writer
	p  *process
}

// Write takes a piece of it.
func (w guardedWriter) Write(piece []byte) (n int, err error) {
	err = job.Guarded("take what the program writes", func() (err error) {
		n, err = w.to.Write(piece)
		return err
	})
	if err != nil {
		w.p.kill(fmt.Errorf("%s %s: %w", w.p.command.op, w.p.command.subject, err))
	}
	return n, err
}
