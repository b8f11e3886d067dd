package media

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/motionmill/motionmill/job"
)

// Hardware says by what H.264 is to be encoded: HardwareAuto, HardwareOff or the
// name of a kind of hardware.
type Hardware string

// HardwareAuto takes the first kind that works here, else libx264; HardwareOff is
// libx264.
const (
	HardwareAuto Hardware = "auto"
	HardwareOff  Hardware = "off"
)

// ReadHardware reads a setting; "" is HardwareAuto.
func ReadHardware(text string) (Hardware, error) {
	known := []string{string(HardwareAuto), string(HardwareOff)}
	for _, e := range engines() {
		known = append(known, e.name)
	}
	if text == "" {
		return HardwareAuto, nil
	}
	if !slices.Contains(known, text) {
		return "", fmt.Errorf("%q is none of %s", text, strings.Join(known, ", "))
	}
	return Hardware(text), nil
}

// ErrHardware is in the chain of errors that are the fault of the hardware that encodes
// H.264: the same may go well with libx264.
var ErrHardware = errors.New("the hardware encoder failed")

// mostFailures is how many jobs may fail by the hardware until it is given up.
const mostFailures = 2

// hardware is what a process encodes by.
type hardware struct {
	setting Hardware
	chosen  Encoder
	refused []string

	mu       sync.Mutex
	failures int
}

// Hardware returns what was set, and why each kind of hardware that was tried, and not
// taken, does not work here.
func (t *Tools) Hardware() (setting Hardware, refused []string) {
	return t.hardware.setting, t.hardware.refused
}

// Encoder returns what makes H.264 at this time: the hardware that worked when it was tried,
// unless it failed too often since. A job keeps the one that it began with.
func (t *Tools) Encoder() Encoder {
	h := &t.hardware
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failures >= mostFailures {
		return Encoder{}
	}
	return h.chosen
}

// HardwareFailed counts a job that failed by the hardware. It is true when that is now
// given up, for as long as these Tools are used.
func (t *Tools) HardwareFailed() (givenUp bool) {
	h := &t.hardware
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures++
	return h.failures == mostFailures
}

// findHardware tries what the setting allows and keeps the first kind that works.
func (t *Tools) findHardware(ctx context.Context, setting Hardware) error {
	if setting == "" {
		setting = HardwareOff
	}
	t.hardware.setting = setting
	if setting == HardwareOff {
		return nil
	}
	var findings []string
	for _, tried := range t.tryHardware(ctx, setting) {
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("try the hardware: %w", context.Cause(ctx))
		case tried.err != nil:
			findings = append(findings, strings.TrimSuffix(tried.err.Error(), "."))
			t.hardware.refused = append(t.hardware.refused, tried.encoder.Name()+": "+findings[len(findings)-1])
		case t.hardware.chosen.Name() == "":
			t.hardware.chosen = tried.encoder
		}
	}
	if setting != HardwareAuto && t.hardware.chosen.Name() == "" {
		return job.Fail(job.GPUUnavailable, "encode by", string(setting), strings.Join(findings, "; "),
			"Mend its driver, or set --hardware auto.", nil)
	}
	return nil
}

// blame turns a failure of a child into one of the hardware that it encodes by, where there is
// any and it is what the child complained of, or the child crashed: drivers run in it.
func (p *process) blame(failure *job.Error) *job.Error {
	e := p.command.encoder
	if e.Name() == "" || failure.Kind == job.OutOfDisk || failure.Kind == job.OverLimit {
		return failure
	}
	said := complaint(e, failure.Stderr)
	if said == "" && failure.Kind == job.Crashed {
		said = failure.Finding
	}
	if said == "" {
		return failure
	}
	return p.wrap(p.fail(job.GPUUnavailable, e.engine.codec+": "+said, seeDoctor), ErrHardware)
}

// complaint is the first line that tells of an encoder's hardware, "" for none.
func complaint(e Encoder, lines []string) string {
	for _, line := range lines {
		for _, mark := range []string{
			"[" + e.engine.codec, "[AVHWDeviceContext", "[AVHWFramesContext", "hwupload", "Device creation failed",
			"Unknown encoder '" + e.engine.codec, "Error while opening encoder", "frame to the encoder", "encoding failed",
		} {
			if strings.Contains(line, mark) {
				return strings.TrimPrefix(line, "["+e.engine.codec+"] ")
			}
		}
	}
	return ""
}
