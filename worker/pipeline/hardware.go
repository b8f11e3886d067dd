package pipeline

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media"
)

// Hardware says by what H.264 was encoded.
type Hardware struct {
	// Setting is what was asked for, Used the kind of hardware that worked, "" for
	// none.
	Setting media.Hardware `json:"setting"`
	Used    string         `json:"used,omitempty"`
	// FellBack is set where the hardware failed on the way: all is libx264's then.
	FellBack *FallBack `json:"fell_back,omitempty"`
}

// FallBack is a failure of hardware on the way.
type FallBack struct {
	// From is the kind of hardware, Because what it said.
	From    string `json:"from"`
	Because string `json:"because"`
	// Seconds is what had been spent by then; that work was done again.
	Seconds float64 `json:"seconds"`
}

// hardware is what a job that starts now encodes by.
func (c Config) hardware(encoder media.Encoder) Hardware {
	setting, _ := c.Tools.Hardware()
	return Hardware{Setting: setting, Used: encoder.Name()}
}

// makeAnyhow does the work, and once more as a whole by libx264 where the hardware
// failed: what inference made for the pictures went into the process that is gone. begin
// gives work that nothing has been done of.
func (c Config) makeAnyhow(ctx context.Context, begin func(media.Encoder) (*work, error), made *product) error {
	encoder, began := c.Tools.Encoder(), time.Now()
	made.hardware = c.hardware(encoder)
	run, err := begin(encoder)
	if err != nil {
		return err
	}
	err = run.make(ctx, made)
	if !errors.Is(err, media.ErrHardware) || ctx.Err() != nil {
		return err
	}
	givenUp := c.Tools.HardwareFailed()
	c.Logger.Warn("the hardware encoder failed; the job is done again by libx264", "hardware", encoder.Name(), "error", err)
	if givenUp {
		c.Logger.Error("the hardware encoder failed again: this process encodes by libx264 from now on", "hardware", encoder.Name())
	}
	made.hardware.Used = ""
	made.hardware.FellBack = &FallBack{From: encoder.Name(), Because: findingOf(err), Seconds: seconds(time.Since(began))}
	if err := empty(run.dir); err != nil {
		return failed("empty the folder of", filepath.Base(run.input), err)
	}
	if run, err = begin(media.Encoder{}); err != nil {
		return err
	}
	return run.make(ctx, made)
}

// findingOf is what was found, without the private file that it was found in.
func findingOf(err error) string {
	var typed *job.Error
	if errors.As(err, &typed) {
		return typed.Finding
	}
	return err.Error()
}

// empty removes all that a folder holds.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, entry.Name())))
	}
	return err
}

// encoderOf names the encoder of an output in H.264, "" for other ones: pictures of
// w x h pixels, of which there is one for every few of the source's.
func (w *work) encoderOf(codecs string, width, height, every int) string {
	if !strings.HasPrefix(codecs, "avc1") {
		return ""
	}
	return w.encoder.Codec(w.info, width, height, every)
}
