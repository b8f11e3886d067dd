package media

import (
	"context"
	"errors"
	"math"

	"github.com/motionmill/motionmill/job"
)

// Lost is what a file that is broken in part has not given. Its JSON form is the manifest's
// "lost".
type Lost struct {
	// Frames and Seconds are what the container announces beyond what could be decoded;
	// 0 where it announces nothing.
	Frames  int64   `json:"frames"`
	Seconds float64 `json:"seconds"`
	// Errors is the number of errors that ffmpeg reported while decoding. A frame that is
	// damaged is shown as far as it goes, and counts as decoded.
	Errors int64 `json:"errors"`
}

// cutFile is the error of a file that ends too early, of which the beginning may be good.
type cutFile struct{ told *job.Error }

func (c cutFile) Error() string { return c.told.Error() }
func (c cutFile) Unwrap() error { return c.told }

// accept passes over a file's being cut where the limits allow it.
func (l Limits) accept(err error) (cut bool, refused error) {
	var c cutFile
	switch {
	case !errors.As(err, &c):
		return false, err
	case l.Partial:
		return true, nil
	default:
		return false, c.told
	}
}

// remainder measures what there is of a file that may be broken. Where it is cut off, or much
// is missing, that takes the place of what its container announces.
func (p prober) remainder(ctx context.Context, info *Info, cut bool) error {
	there := *info
	there.saidFrames, there.saidDuration = info.Frames, info.Duration
	there.Frames, there.Duration = 0, 0
	if err := p.scan(ctx, &there); err != nil {
		return err
	}
	if cut || there.Duration < 0.95*info.Duration-1/math.Max(info.FrameRate, 1) {
		*info = there
	}
	return nil
}

// errorRate is the part of packets whose decoding may fail: of a file that may be broken, all but
// the first.
func (info Info) errorRate() string {
	if info.partial {
		return "1"
	}
	return maxErrorRate
}

// lost compares what was decoded, frames that end at a time in seconds, with what was
// announced.
func (info Info) lost(frames int64, end float64, errors int64) Lost {
	said, lasting := info.saidFrames, info.saidDuration
	if lasting == 0 {
		said, lasting = info.Frames, info.Duration
	}
	if info.demuxer == isoMedia && info.ends && !info.VFR {
		// The index also counts what an edit list leaves out, as of a film that was cut without encoding.
		said = min(said, int64(lasting*info.FrameRate+0.01))
	}
	l := Lost{Errors: errors, Frames: max(0, said-frames), Seconds: math.Max(0, math.Round((lasting-end)*1000)/1000)}
	if l.Seconds*info.FrameRate < 1 { // no more than rounding
		l.Seconds = 0
	}
	if said == 0 {
		l.Frames = int64(l.Seconds * info.FrameRate)
	}
	if l.Seconds == 0 && info.FrameRate > 0 { // AVI's demuxer goes by the file's size.
		l.Seconds = math.Round(float64(l.Frames)/info.FrameRate*1000) / 1000
	}
	return l
}

// Lost returns what was missing or damaged in the file, nil for nothing. It may be called when
// Wait has returned.
func (d *Decode) Lost() *Lost { return d.lost }
