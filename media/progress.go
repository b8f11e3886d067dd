package media

import (
	"bytes"
	"math"
	"strings"
	"time"
)

// Progress is how far a running ffmpeg is.
type Progress struct {
	// Frames counts the frames written so far.
	Frames int64
	// Time is the position in the video that has been reached.
	Time time.Duration
	// Rate is in frames a second of wall time.
	Rate float64
}

// progressReader reads what ffmpeg -progress writes: lines of key=value, a
// report ending with the key "progress". It calls report for each one.
type progressReader struct {
	report func(Progress)
	next   Progress
	line   []byte
}

// Write takes a piece of ffmpeg's output.
func (r *progressReader) Write(piece []byte) (int, error) {
	for _, b := range piece {
		if b != '\n' {
			if len(r.line) < 1024 {
				r.line = append(r.line, b)
			}
			continue
		}
		r.take(string(bytes.TrimSpace(r.line)))
		r.line = r.line[:0]
	}
	return len(piece), nil
}

func (r *progressReader) take(line string) {
	key, value, _ := strings.Cut(line, "=")
	switch key {
	case "frame":
		r.next.Frames = number(value)
	case "fps":
		r.next.Rate = max(0, seconds(value))
	case "out_time_us":
		r.next.Time = time.Duration(min(number(value), math.MaxInt64/1000)) * time.Microsecond
	case "progress":
		if r.report != nil {
			r.report(r.next)
		}
	}
}
