package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/motionmill/motionmill/job"
	ffmpeg "github.com/u2takey/ffmpeg-go"
)

// DecodePlan says what one decoding of a video gives.
type DecodePlan struct {
	// Input is the path of the file that was probed, Info the result.
	Input string
	Info  Info
	// Limits are those of the probe; they are held while decoding too.
	Limits Limits
	// Dir is a private working folder. Relative outputs lie in it.
	Dir string
	// Video and Poster are the paths of the MP4 rendition and the JPEG
	// still; "" when not wanted.
	Video, Poster string
	// Frames asks for raw frames of FrameWidth x FrameHeight pixels.
	Frames                  bool
	FrameWidth, FrameHeight int
	// Deadline bounds the run; 0 gives 15 min and 60 times the video's length.
	Deadline time.Duration
	// Threads bounds those of each decoder, encoder and filter; 0 leaves
	// it to ffmpeg.
	Threads int
	// OnProgress, if set, is called about twice a second, from another
	// goroutine.
	OnProgress func(Progress)
}

// Frame names a raw frame: its number from 0 and its time.
type Frame struct {
	Index int
	Time  Timestamp
}

// Decode is a running decoding. Read it with Next from one goroutine, then
// call Wait.
type Decode struct {
	plan    DecodePlan
	process *process
	frames  *os.File
	stamps  *stamps
	index   int
}

// Decode starts one ffmpeg that decodes the input once and makes what the
// plan asks for. When the context ends, the process is killed. The caller
// must call Wait.
func (t *Tools) Decode(ctx context.Context, plan DecodePlan) (*Decode, error) {
	const op = "decode"
	plan.Limits = plan.Limits.orDefault()
	subject, err := plan.check(t)
	if err != nil {
		return nil, err
	}
	args, err := plan.args()
	if err != nil {
		return nil, err
	}
	pipes, err := newPipes(2)
	if err != nil {
		return nil, fmt.Errorf("open pipes to %s %s: %w", op, subject, err)
	}
	p, err := start(ctx, command{
		path: t.ffmpeg, args: args, dir: plan.Dir, stdout: &progressReader{report: plan.OnProgress},
		files: pipes.theirs(true), deadline: deadlineFor(plan.Deadline, plan.Info),
		op: op, subject: subject, input: plan.Input,
	})
	if err != nil {
		pipes.close()
		return nil, err
	}
	d := &Decode{plan: plan, process: p, frames: pipes[1].read, stamps: newStamps()}
	go func() {
		d.stamps.read(pipes[0].read, d.within)
		_ = pipes[0].read.Close() // only ever read
	}()
	return d, nil
}

// check completes a plan and refuses one that cannot be carried out.
func (p *DecodePlan) check(t *Tools) (subject string, err error) {
	subject = filepath.Base(p.Input)
	if p.Input, err = filepath.Abs(p.Input); err != nil {
		return subject, fmt.Errorf("find %s: %w", subject, err)
	}
	if p.Dir, err = filepath.Abs(p.Dir); err != nil {
		return subject, fmt.Errorf("find the folder for %s: %w", subject, err)
	}
	if p.Frames && (p.FrameWidth < 2 || p.FrameHeight < 2) {
		return subject, job.Fail(job.Internal, "decode", subject,
			fmt.Sprintf("a plan asks for raw frames of %d x %d", p.FrameWidth, p.FrameHeight), "", nil)
	}
	return subject, decodable(p.Info, subject, "decode", t)
}

// decodable tells whether an Info came from a probe and this ffmpeg can show
// it as it should be.
func decodable(info Info, subject, op string, t *Tools) error {
	if info.demuxer == "" || info.TimeBase.Num <= 0 || info.TimeBase.Den <= 0 || info.Width <= 0 {
		return job.Fail(job.Internal, op, subject, "the plan holds no result of a probe", "", nil)
	}
	if info.colour.wide && !t.zimg {
		return job.Fail(job.Internal, op, subject, "its colours need zscale, which this ffmpeg is built without", install, nil)
	}
	return nil
}

// The child's descriptors in a decoding.
const (
	stampsPipe = 3
	framesPipe = 4
)

// args builds ffmpeg's arguments. The times come before the raw frames, so
// that ffmpeg never holds one back while the reader waits for it.
func (p *DecodePlan) args() ([]string, error) {
	w, h := p.FrameWidth, p.FrameHeight
	if p.Video != "" || p.Poster != "" || !p.Frames {
		w, h = VideoSize(p.Info)
	}
	in := input(p.Input, p.Info, p.Limits, p.Threads)
	wanted := []func(*ffmpeg.Stream) (*ffmpeg.Stream, error){p.times}
	if p.Frames {
		wanted = append(wanted, p.raw)
	}
	if p.Video != "" {
		wanted = append(wanted, func(s *ffmpeg.Stream) (*ffmpeg.Stream, error) { return p.video(s, in, w, h) })
	}
	if p.Poster != "" {
		wanted = append(wanted, p.poster)
	}
	outputs := []*ffmpeg.Stream{}
	for i, branch := range branches(picture(in, p.Info, w, h), len(wanted)) {
		out, err := wanted[i](branch)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, out)
	}
	return arguments(p.Threads, outputs), nil
}

func (p *DecodePlan) times(s *ffmpeg.Stream) (*ffmpeg.Stream, error) {
	return stamped(s, p.Info, stampsPipe), nil
}

// raw is the output of frames for inference.
func (p *DecodePlan) raw(s *ffmpeg.Stream) (*ffmpeg.Stream, error) {
	s = s.Filter("scale", nil, ffmpeg.KwArgs{"w": p.FrameWidth, "h": p.FrameHeight, "flags": "bilinear", "in_color_matrix": "bt709"})
	s = s.Filter("format", ffmpeg.Args{"rgb24"})
	return output([]*ffmpeg.Stream{s}, fmt.Sprintf("pipe:%d", framesPipe), timed(p.Info),
		ffmpeg.KwArgs{"f": "rawvideo", "c:v": "rawvideo", "pix_fmt": "rgb24"}), nil
}

// video is the rendition. Sound is moved to the zero of the first frame, and
// gaps in it are filled.
func (p *DecodePlan) video(s, in *ffmpeg.Stream, w, h int) (*ffmpeg.Stream, error) {
	path, err := outputPath(p.Video, p.Dir)
	streams := []*ffmpeg.Stream{s}
	options := h264(p.Info, w, h, 21, p.Threads)
	if p.Info.Audio {
		streams = append(streams, in.Get(strconv.Itoa(p.Info.audioStream)))
		options["c:a"], options["b:a"], options["ac"], options["ar"] = "aac", "128k", 2, 48000
		options["af"] = "asetpts=PTS-(" + decimal(p.Info.StartTime) + ")/TB,aresample=48000:async=1:first_pts=0"
	}
	return output(streams, path, options), err
}

// poster is the still: the first frame, overwritten by the first one behind
// a tenth of the length, so that there always is one. JPEG means BT.601 in
// full range (JFIF 1.02).
func (p *DecodePlan) poster(s *ffmpeg.Stream) (*ffmpeg.Stream, error) {
	path, err := outputPath(p.Poster, p.Dir)
	tenth := decimal(p.Info.Duration / 10)
	s = s.Filter("select", nil, ffmpeg.KwArgs{"expr": "eq(n,0)+gte(t," + tenth + ")*lt(prev_t," + tenth + ")"})
	s = s.Filter("scale", nil, ffmpeg.KwArgs{"in_color_matrix": "bt709", "out_color_matrix": "bt601", "out_range": "pc"})
	s = s.Filter("format", ffmpeg.Args{"yuvj420p"})
	return output([]*ffmpeg.Stream{s}, path, timed(p.Info), ffmpeg.KwArgs{"f": "image2", "update": 1, "c:v": "mjpeg", "q:v": 3}), err
}

// within stops a decoding that turns out longer than the container said.
func (d *Decode) within(count int64, at Timestamp) {
	limits := d.plan.Limits
	finding := ""
	switch {
	case count > limits.MaxFrames:
		finding = fmt.Sprintf("has more than the limit of %d frames", limits.MaxFrames)
	case at.Seconds() > limits.MaxDuration.Seconds():
		finding = fmt.Sprintf("lasts longer than the limit of %s", limits.MaxDuration)
	default:
		return
	}
	c := d.process.command
	d.process.kill(job.Fail(job.OverLimit, c.op, c.subject, finding, "Cut it into shorter ones.", nil))
}

// Next reads the next frame into pix, which must hold FrameWidth x
// FrameHeight x 3 bytes: rows from the top, red, green, blue. Every frame of
// the source comes once, in order. At the end of a decoding that went well it
// returns io.EOF, else the error that Wait gives too.
func (d *Decode) Next(pix []byte) (Frame, error) {
	size := 3 * d.plan.FrameWidth * d.plan.FrameHeight
	if !d.plan.Frames || len(pix) != size {
		return Frame{}, d.fail(job.Internal, fmt.Sprintf("a frame has %d bytes, the buffer %d", size, len(pix)), "")
	}
	_, err := io.ReadFull(d.frames, pix)
	if err == nil {
		at, ok := d.stamps.get(d.index)
		if !ok {
			return Frame{}, d.end(d.fail(job.Internal, fmt.Sprintf("frame %d has no timestamp", d.index), ""))
		}
		frame := Frame{Index: d.index, Time: at}
		d.index++
		return frame, nil
	}
	if errors.Is(err, io.EOF) {
		err = io.EOF
		if count := len(d.stamps.wait()); count != d.index {
			err = d.fail(job.Internal, fmt.Sprintf("%d frames came with %d timestamps", d.index, count), "")
		}
	}
	return Frame{}, d.end(err)
}

// end returns the error of the process if it has one, which is the cause of
// whatever was seen here, else err.
func (d *Decode) end(err error) error {
	if _, cause := d.Wait(); cause != nil {
		return cause
	}
	return err
}

// Wait returns when ffmpeg has ended: what it took, and a typed error unless
// all outputs are whole. Frames that were not read are discarded; to give up
// a decoding, end its context first.
func (d *Decode) Wait() (Usage, error) {
	_, _ = io.Copy(io.Discard, d.frames) // fails only when the pipe is gone, as it should
	usage, err := d.process.wait()
	all := d.stamps.wait()
	_ = d.frames.Close() // only ever read
	usage.Frames = int64(len(all))
	if err != nil {
		return usage, err
	}
	if err := d.whole(all); err != nil {
		return usage, err
	}
	return usage, written(d.process, d.plan.Video, d.plan.Poster)
}

// whole compares what was decoded with what the container announced: ffmpeg
// exits 0 on a file that breaks off.
func (d *Decode) whole(all []Timestamp) error {
	info := d.plan.Info
	if len(all) == 0 {
		return d.fail(job.Corrupt, "no frame could be decoded", export)
	}
	last := all[len(all)-1].Seconds()
	length := last + 1/math.Max(info.FrameRate, 1)
	missing := info.Duration - length
	short := info.ends && missing > math.Max(1, 0.05*info.Duration)
	few := info.Frames > 0 && float64(len(all)) < 0.95*float64(info.Frames)-1
	if short && (few || info.Frames == 0) || few && missing > 0.05*info.Duration && info.ends {
		finding := fmt.Sprintf("breaks off: %.1f of %.1f s could be read (%d frames)", length, info.Duration, len(all))
		return d.fail(job.Corrupt, finding, again)
	}
	return nil
}

func (d *Decode) fail(kind job.Kind, finding, remedy string) error {
	return d.process.fail(kind, finding, remedy)
}

// written makes sure that outputs are there.
func written(p *process, paths ...string) error {
	for _, path := range paths {
		if path == "" {
			continue
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(p.command.dir, path)
		}
		if stat, err := os.Stat(path); err != nil || stat.Size() == 0 {
			return p.wrap(p.fail(job.Internal, "the program ended well but left no "+filepath.Base(path), ""), err)
		}
	}
	return nil
}
