package media

import (
	"bytes"
	"context"
	"strconv"
)

// packets lists the times and lengths of all packets of a video stream, a line each,
// without decoding.
func (p prober) packets(ctx context.Context, stream int) (*capped, error) {
	text := &capped{limit: 64 << 20}
	err := p.ffprobe(ctx, text, []string{"-select_streams", strconv.Itoa(stream),
		"-show_entries", "packet=pts_time,dts_time,duration_time", "-of", "csv=p=0"})
	return text, err
}

// recounter returns what counts the packets of a file again: how many there are, and
// whether ffprobe reached the end without a complaint.
func (t *Tools) recounter(ctx context.Context, plan DecodePlan, subject string) func() (count int, sound bool) {
	return func() (int, bool) {
		p := prober{tools: t, op: "count the packets of", path: plan.Input, subject: subject, demuxer: plan.Info.demuxer, limits: plan.Limits}
		ctx, cancel := context.WithTimeout(ctx, probeDeadline)
		defer cancel()
		text, err := p.packets(ctx, plan.Info.videoStream)
		return bytes.Count(text.Bytes(), []byte("\n")), err == nil && !text.complaints && !text.full
	}
}

// unfinished tells of a file whose container announces no number of frames, and whose
// last one comes long before its end, whether frames are missing. If not, then the
// last one is shown that long, as in a recording of a screen on which nothing moves.
func (d *Decode) unfinished(frames int) bool {
	count, sound := d.recount()
	return !sound || frames < count-count/20-1
}
