package media

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/motionmill/motionmill/job"
	"golang.org/x/sys/unix"
)

// Remedies that several errors share.
const (
	export    = "Export it again as MP4 with H.264."
	freeSpace = "Free space where the working folders are."
	shorter   = "Cut the video into shorter ones."
	seeDoctor = "Run motionmill doctor, which tries the sandbox."
)

// outputTooLarge is found when a child writes past maxOutput.
const outputTooLarge = "an output would be larger than 32 GiB"

// ended returns why a context ended: its own error, and the cause when that
// says more.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// notStarted is the error of a child that could not be run.
func (p *process) notStarted(err error) error {
	c := p.command
	return job.Fail(job.KindOf(err), c.op, c.subject, "cannot start "+c.path, "", err)
}

// failure decides what the end of the child means: nil, or an error of the
// kind that fits. An exit by signal, by status and by our own hand are told
// apart.
func (p *process) failure() error {
	p.mu.Lock()
	cause := p.cause
	p.mu.Unlock()
	if cause != nil {
		return p.killed(cause)
	}
	lines := p.tail.lines()
	code, signal, err := p.child.End(p.state)
	if err != nil {
		return p.wrap(p.fail(job.Internal, strings.Join(lines, "; "), seeDoctor), err)
	}
	if signal != 0 {
		return p.signalled(signal)
	}
	if code == 0 {
		// ffmpeg 5.1 exits 0 when only the end of a file could not be written.
		if contains(lines, "File too large") {
			return p.signalled(syscall.SIGXFSZ)
		}
		if contains(lines, "Error writing trailer") || contains(lines, "No space left on device") {
			return p.fail(p.fullDisk(), "the output could not be completed", freeSpace)
		}
		return nil
	}
	if code == tooManyErrors {
		return p.fail(job.Corrupt, "its data is damaged: too much of it cannot be decoded", export)
	}
	kind, finding, remedy := p.judge(lines)
	if finding == "" {
		finding = fmt.Sprintf("the program ended with status %d", code)
		if len(lines) > 0 {
			finding += ": " + lines[len(lines)-1]
		}
	}
	return p.blame(p.fail(kind, finding, remedy))
}

// killed is the error of a child that we ended.
func (p *process) killed(cause error) error {
	var typed *job.Error
	switch {
	case errors.As(cause, &typed) && !errors.Is(cause, context.Canceled):
		return cause
	case errors.Is(cause, errDeadline), errors.Is(cause, context.DeadlineExceeded):
		finding := fmt.Sprintf("still running after %s", p.wall.Round(1e8))
		return p.wrap(p.fail(job.Timeout, finding, ""), cause)
	default:
		return fmt.Errorf("%s %s: %w", p.command.op, p.command.subject, cause)
	}
}

func (p *process) signalled(signal syscall.Signal) error {
	switch signal {
	case syscall.SIGXCPU:
		return p.fail(job.Timeout, "used up its processor time", "")
	case syscall.SIGKILL:
		if p.spent() >= p.command.use().CPU {
			return p.signalled(syscall.SIGXCPU) // what the kernel does at the hard limit
		}
		return p.fail(job.OutOfMemory, "the program was killed from outside, most likely for want of memory", "")
	case syscall.SIGXFSZ:
		return p.fail(job.OverLimit, outputTooLarge, shorter)
	default:
		return p.blame(p.fail(job.Crashed, fmt.Sprintf("the program was ended by %s", unix.SignalName(signal)), ""))
	}
}

// judge reads the kind of failure from the last lines of stderr.
func (p *process) judge(lines []string) (kind job.Kind, finding, remedy string) {
	for _, rule := range []struct {
		text            string
		kind            job.Kind
		finding, remedy string
	}{
		{"No space left on device", job.OutOfDisk, "the disk is full", freeSpace},
		{"Disk quota exceeded", job.OutOfDisk, "the disk quota is used up", freeSpace},
		{"File too large", job.OverLimit, outputTooLarge, shorter},
		{"Cannot allocate memory", job.OutOfMemory, "there was not enough memory", ""},
		{"malloc of size", job.OutOfMemory, "there was not enough memory", ""}, // x264
		{"Resource temporarily unavailable", job.OutOfMemory, "there was not enough memory for another thread", ""},
		{"Picture size", job.OverLimit, "a picture is larger than the limit", "Export it with fewer pixels."},
		{"moov atom not found", job.Corrupt, "its index (moov) is missing: the file is not whole", "Upload it again in full."},
		{"Changing audio frame properties on the fly", job.Unsupported, "its sound changes its rate or its channels in the middle, as damaged files do", export},
		{"Invalid data found", job.Corrupt, "its data cannot be read", export},
		{"error reading header", job.Corrupt, "its header cannot be read", export},
	} {
		if contains(lines, rule.text) {
			return rule.kind, rule.finding, rule.remedy
		}
	}
	return p.fullDisk(), "", ""
}

// fullDisk returns OutOfDisk when next to nothing is free under the working
// folder, else Internal.
func (p *process) fullDisk() job.Kind {
	var stat unix.Statfs_t
	if err := unix.Statfs(p.command.dir, &stat); err == nil && stat.Bavail*uint64(stat.Bsize) < 1<<20 {
		return job.OutOfDisk
	}
	if contains(p.tail.lines(), "No space left on device") {
		return job.OutOfDisk
	}
	return job.Internal
}

func (p *process) fail(kind job.Kind, finding, remedy string) *job.Error {
	err := job.Fail(kind, p.command.op, p.command.subject, finding, remedy, nil)
	err.Stderr = p.tail.lines()
	return err
}

func (p *process) wrap(err *job.Error, cause error) *job.Error {
	err.Err = cause
	return err
}

func contains(lines []string, text string) bool {
	for _, line := range lines {
		if strings.Contains(line, text) {
			return true
		}
	}
	return false
}
