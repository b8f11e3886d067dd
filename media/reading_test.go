package media

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/job"
)

// A panic of whoever reads what ffmpeg writes is the failure of the work, not
// the end of the process; the pipe is closed, so that ffmpeg does not wait.
func TestAPanicOfAReaderIsAFailure(t *testing.T) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{command: command{op: "decode", subject: "a.mp4"}}
	p.read("stills", theirs, func() { panic("index out of range") })
	err = p.misread()
	var caught *job.Panic
	if !errors.As(err, &caught) || !strings.Contains(caught.Stack, "reading_test.go") || !strings.HasPrefix(err.Error(), "decode a.mp4: read stills: panic: index") {
		t.Errorf("the error is %v", err)
	}
	if _, err := ours.Write([]byte("more")); err == nil {
		t.Error("the pipe is still open")
	}
	if err := ours.Close(); err != nil {
		t.Fatal(err)
	}

	fine, more, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	q := &process{}
	q.read("stills", fine, func() { _, _ = io.Copy(io.Discard, fine) })
	if err := more.Close(); err != nil {
		t.Fatal(err)
	}
	if err := q.misread(); err != nil {
		t.Errorf("a pipe that was read to its end: %v", err)
	}
}

type faulty struct{}

func (faulty) Write([]byte) (int, error) { panic("nil map") }

func TestAPanicOverWhatFfmpegWritesIsAFailure(t *testing.T) {
	w := guardedWriter{faulty{}, &process{}}
	var caught *job.Panic
	if _, err := w.Write([]byte("frame=1\n")); !errors.As(err, &caught) {
		t.Errorf("the error is %v", err)
	}
}
