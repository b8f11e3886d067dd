package media

import "time"

// Limits say how large an input may be. A field that is zero takes the value
// of DefaultLimits.
type Limits struct {
	// MaxBytes is the size of the file in bytes. Default 8 GiB.
	MaxBytes int64
	// MaxDuration is the length of the video. Default 2 h.
	MaxDuration time.Duration
	// MaxPixels is width times height of the coded picture. Default
	// 8192 x 4320.
	MaxPixels int
	// MaxFrameRate is in frames a second, on average. Default 240.
	MaxFrameRate float64
	// MaxStreams counts all streams of the file. Default 64.
	MaxStreams int
	// Partial accepts a file that is cut off or damaged, as far as it can be
	// decoded: Decode.Lost then tells what is missing.
	Partial bool
	// MaxFrames counts the frames of the video stream. Default 500,000: a
	// little over two hours at 60 frames a second.
	MaxFrames int64
}

// DefaultLimits returns the limits that hold where none are given.
func DefaultLimits() Limits {
	return Limits{
		MaxBytes:     8 << 30,
		MaxDuration:  2 * time.Hour,
		MaxPixels:    8192 * 4320,
		MaxFrameRate: 240,
		MaxStreams:   64,
		MaxFrames:    500_000,
	}
}

// orDefault fills the fields that are zero.
func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	if l.MaxBytes == 0 {
		l.MaxBytes = d.MaxBytes
	}
	if l.MaxDuration == 0 {
		l.MaxDuration = d.MaxDuration
	}
	if l.MaxPixels == 0 {
		l.MaxPixels = d.MaxPixels
	}
	if l.MaxFrameRate == 0 {
		l.MaxFrameRate = d.MaxFrameRate
	}
	if l.MaxStreams == 0 {
		l.MaxStreams = d.MaxStreams
	}
	if l.MaxFrames == 0 {
		l.MaxFrames = d.MaxFrames
	}
	return l
}
