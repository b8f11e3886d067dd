package media

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"time"

	"github.com/motionmill/motionmill/job"
)

// SoundPlan says how the sound of a video is wanted.
type SoundPlan struct {
	// Input is the path of the file that was probed, Info the result; it has sound.
	Input string
	Info  Info
	// Rate is in Hz, Channels 1 or 2.
	Rate, Channels int
	// Deadline bounds the run; 0 gives 15 min and 60 times the video's length.
	Deadline time.Duration
}

// Sound decodes the sound of a video and hands it to take piece by piece:
// interleaved samples, -1 to 1, from the time of the first frame on, gaps filled
// with silence. A piece is valid until take returns. An error of take ends the run
// and is returned as it is.
func (t *Tools) Sound(ctx context.Context, plan SoundPlan, take func(samples []float32) error) (Usage, error) {
	const op = "decode the sound of"
	subject := filepath.Base(plan.Input)
	if plan.Info.demuxer == "" || !plan.Info.Audio || plan.Rate < 1 || plan.Channels < 1 || plan.Channels > 2 {
		return Usage{}, job.Fail(job.Internal, op, subject,
			fmt.Sprintf("a plan asks for %d channels of %d Hz of a file with audio %t", plan.Channels, plan.Rate, plan.Info.Audio), "", nil)
	}
	path, err := filepath.Abs(plan.Input)
	if err != nil {
		return Usage{}, fmt.Errorf("find %s: %w", subject, err)
	}
	out := &samples{take: take, width: 4 * plan.Channels}
	p, err := t.start(ctx, command{
		path: t.ffmpeg, args: plan.args(path), dir: "/", stdout: out, deadline: deadlineFor(plan.Deadline, plan.Info),
		op: op, subject: subject, input: path,
	})
	if err != nil {
		return Usage{}, err
	}
	usage, err := p.wait()
	if out.failed != nil {
		return usage, out.failed
	}
	return usage, err
}

func (p SoundPlan) args(path string) []string {
	args := append([]string{"-nostdin", "-loglevel", "error", "-max_error_rate", p.Info.errorRate()}, confined(p.Info.demuxer, Limits{}.orDefault())...)
	return append(args, "-vn", "-itsoffset", sameClock, "-i", "file:"+path, "-map", "0:"+strconv.Itoa(p.Info.audioStream),
		"-af", fmt.Sprintf("asetpts=PTS-(%s)/TB,aresample=%d:async=1:first_pts=0", decimal(p.Info.StartTime), p.Rate),
		"-ac", strconv.Itoa(p.Channels), "-ar", strconv.Itoa(p.Rate), "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1")
}

// samples turns what ffmpeg writes into numbers.
type samples struct {
	take   func([]float32) error
	width  int    // bytes of a sample of all channels
	rest   []byte // of a sample that is not whole yet
	piece  []float32
	failed error
}

func (s *samples) Write(bytes []byte) (int, error) {
	s.rest = append(s.rest, bytes...)
	whole := len(s.rest) / s.width * s.width
	s.piece = s.piece[:0]
	for at := 0; at < whole; at += 4 {
		s.piece = append(s.piece, math.Float32frombits(binary.LittleEndian.Uint32(s.rest[at:])))
	}
	s.rest = s.rest[:copy(s.rest, s.rest[whole:])]
	if s.failed = s.take(s.piece); s.failed != nil {
		return 0, s.failed
	}
	return len(bytes), nil
}
