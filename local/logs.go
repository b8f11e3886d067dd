package local

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"sync"
)

const (
	// longestLog is the size in bytes from which a log file is set aside.
	longestLog = 16 << 20
	// longestLine is the number of bytes after which a line is cut in two.
	longestLine = 64 << 10
)

// logFile is the log of one child: lines, each with the child's process id in
// front. A long file is renamed to <name>.1, so that two are kept at most.
type logFile struct {
	path string

	mu     sync.Mutex
	file   *os.File
	size   int64
	prefix string
	// failure is the first error of a write; later lines are dropped.
	failure error
}

func openLog(path string) (*logFile, error) {
	l := &logFile{path: path}
	return l, l.open()
}

func (l *logFile) open() error {
	file, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open log: %w", err), file.Close())
	}
	l.file, l.size = file, info.Size()
	return nil
}

// begin starts a process whose id goes in front of every line, of the first one too.
func (l *logFile) begin(start func() (pid int, err error)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	pid, err := start()
	l.prefix = fmt.Sprintf("[%d] ", pid)
	return err
}

// line writes one line. A child must not stop because its log cannot be written:
// the failure is kept for close.
func (l *logFile) line(text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure == nil && l.size >= longestLog {
		l.failure = l.turn()
	}
	if l.failure != nil {
		return
	}
	n, err := fmt.Fprintf(l.file, "%s%s\n", l.prefix, text)
	l.size += int64(n)
	l.failure = err
}

// turn sets the file aside and begins a new one.
func (l *logFile) turn() error {
	if err := os.Rename(l.path, l.path+".1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("turn log: %w", err)
	}
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("turn log: %w", err)
	}
	return l.open()
}

// close closes the file and returns the first error that a write met.
func (l *logFile) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := errors.Join(l.failure, l.file.Close()); err != nil {
		return fmt.Errorf("write log %s: %w", l.path, err)
	}
	return nil
}

// lineWriter cuts a stream of output into lines for the log.
type lineWriter struct {
	log     *logFile
	show    func(line string)
	partial []byte
	// last is the line that best tells why the child ended: the message of a
	// panic once there was one, else the last line that is not empty.
	last     string
	panicked bool
}

// Write takes a piece of output; it never fails, so that a child never does.
func (w *lineWriter) Write(data []byte) (int, error) {
	taken := len(data)
	for {
		line, rest, found := bytes.Cut(data, []byte("\n"))
		w.partial = append(w.partial, line...)
		if !found && len(w.partial) < longestLine {
			return taken, nil
		}
		w.flush()
		data = rest
		if !found {
			return taken, nil
		}
	}
}

// flush writes what there is of a line.
func (w *lineWriter) flush() {
	line := bytes.TrimRight(w.partial, "\r")
	w.partial = w.partial[:0]
	if len(bytes.TrimSpace(line)) == 0 {
		return
	}
	w.log.line(line)
	text := string(line)
	if alarming.MatchString(text) {
		w.show(text)
	}
	if w.panicked {
		return
	}
	w.last = text
	w.panicked = strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ")
}

// alarming matches warnings and errors as slog writes them, as text or as JSON,
// and the first line of a panic.
var alarming = regexp.MustCompile(`(^|\s)level=(WARN|ERROR)|"level":"(WARN|ERROR)|^(panic|fatal error): `)
