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
	"sync"
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
	// Person, if set, says where a person is in the frame of that number; ok is
	// false where there is none. The poster then is a still with one. It is
	// called in Wait, when all frames have been read.
	Person func(frame int) (area Area, ok bool)
	// Sprite and SpriteIndex are the paths of a JPEG of thumbnails and of the
	// WebVTT file that says where each lies; "" when not wanted, both together.
	Sprite, SpriteIndex string
	// Preview is the path of a short animation, ending in .webp or .gif; ""
	// when not wanted.
	Preview string
	// Ladder, if set, is encoded as well, for Package; Video must be wanted.
	Ladder *Ladder
	// Loudness, if set, brings the rendition's sound to its target.
	Loudness *Loudness
	// Frames asks for raw frames of FrameWidth x FrameHeight pixels.
	Frames                  bool
	FrameWidth, FrameHeight int
	// Deadline bounds the run; 0 gives 15 min and 60 times the video's length.
	Deadline time.Duration
	// Threads bounds those of each decoder, encoder and filter; 0 leaves
	// it to ffmpeg.
	Threads int
	// Encoder makes the H.264.
	Encoder Encoder
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
	thumbs  *thumbs
	stills  *stills
	index   int

	ended func() error // that of the context
	// recount counts the packets of the input again.
	recount func() (count int, sound bool)
	finish  sync.Once
	failed  error
	lost    *Lost
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
	pipes, err := newPipes(4)
	if err != nil {
		return nil, fmt.Errorf("open pipes to %s %s: %w", op, subject, err)
	}
	pipes[framesPipe-stampsPipe].widen()
	p, err := t.start(ctx, command{
		path: t.ffmpeg, args: args, dir: plan.Dir, stdout: &progressReader{report: plan.OnProgress},
		files: pipes.theirs(true), deadline: deadlineFor(plan.Deadline, plan.Info),
		op: op, subject: subject, input: plan.Input, encoder: plan.Encoder.of(args),
	})
	if err != nil {
		pipes.close()
		return nil, err
	}
	d := &Decode{plan: plan, process: p, frames: pipes[1].read, stamps: newStamps(), ended: ctx.Err,
		recount: t.recounter(ctx, plan, subject)}
	p.read("timestamps", pipes[0].read, func() { d.stamps.read(pipes[0].read, d.within) })
	d.thumbs, d.stills = newThumbs(FrameSize(plan.Info, thumbSize)), newStills()
	p.read("thumbnails", pipes[2].read, func() { d.thumbs.read(pipes[2].read) })
	p.read("stills", pipes[3].read, func() { d.stills.read(pipes[3].read) })
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
	if p.Ladder != nil && (p.Video == "" || len(p.Ladder.Rungs) == 0) || (p.Sprite == "") != (p.SpriteIndex == "") {
		return subject, job.Fail(job.Internal, "decode", subject, "a plan has a ladder without its top, or a sprite without its index", "", nil)
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
	thumbsPipe = 5
	stillsPipe = 6
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
	want := func(wish bool, out func(*ffmpeg.Stream) (*ffmpeg.Stream, error)) {
		if wish {
			wanted = append(wanted, out)
		}
	}
	want(p.Frames, p.raw)
	want(p.Video != "", func(s *ffmpeg.Stream) (*ffmpeg.Stream, error) { return p.video(s, in, w, h) })
	for _, rung := range p.Ladder.apart() {
		want(true, func(s *ffmpeg.Stream) (*ffmpeg.Stream, error) { return p.rung(s, rung) })
	}
	want(p.Poster != "", p.stills)
	want(p.Sprite != "", p.thumbnails)
	want(p.Preview != "", p.preview)
	source := picture(in, p.Info, w, h)
	if p.framesAlone() {
		source = colours(in, p.Info, w, h)
	}
	outputs := []*ffmpeg.Stream{}
	for i, branch := range branches(source, len(wanted)) {
		out, err := wanted[i](branch)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, out)
	}
	return arguments(p.Threads, p.Info, outputs), nil
}

func (p *DecodePlan) times(s *ffmpeg.Stream) (*ffmpeg.Stream, error) {
	return stamped(s, p.Info, stampsPipe), nil
}

// framesAlone tells whether nothing but frames for inference is wanted, of colours
// that one conversion brings to rgb24.
func (p *DecodePlan) framesAlone() bool {
	return p.Frames && p.Video == "" && p.Poster == "" && p.Sprite == "" && p.Preview == "" && !p.Info.colour.wide
}

// raw is the output of frames for inference.
func (p *DecodePlan) raw(s *ffmpeg.Stream) (*ffmpeg.Stream, error) {
	if !p.framesAlone() {
		s = s.Filter("scale", nil, ffmpeg.KwArgs{"w": p.FrameWidth, "h": p.FrameHeight, "flags": "bilinear", "in_color_matrix": "bt709"})
		s = s.Filter("format", ffmpeg.Args{"rgb24"})
	}
	return output([]*ffmpeg.Stream{s}, fmt.Sprintf("pipe:%d", framesPipe), timed(p.Info),
		ffmpeg.KwArgs{"f": "rawvideo", "c:v": "rawvideo", "pix_fmt": "rgb24"}), nil
}

// video is the rendition, with the sound.
func (p *DecodePlan) video(s, in *ffmpeg.Stream, w, h int) (*ffmpeg.Stream, error) {
	path, err := outputPath(p.Video, p.Dir)
	wanted := film{info: p.Info, w: w, h: h, quality: topQuality, threads: p.Threads}
	if p.Ladder != nil && p.Ladder.shared() {
		wanted.rung = &p.Ladder.Rungs[0]
	}
	s, encoded := p.Encoder.encode(s, wanted)
	streams, options := []*ffmpeg.Stream{s}, []ffmpeg.KwArgs{encoded}
	if p.Info.Audio {
		streams = append(streams, in.Get(strconv.Itoa(p.Info.audioStream)))
		options = append(options, p.sound())
	}
	return output(streams, path, options...), err
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
	if _, _, cause := d.over(); cause != nil {
		return cause
	}
	return err
}

// Wait returns when ffmpeg has ended: what it took, and a typed error unless
// all outputs are whole. Frames that were not read are discarded; to give up
// a decoding, end its context first.
func (d *Decode) Wait() (Usage, error) {
	usage, all, err := d.over()
	if err != nil {
		return usage, err
	}
	d.finish.Do(func() {
		d.lost = d.missing(all)
		d.failed = d.complete(all)
	})
	return usage, d.failed
}

// over returns when ffmpeg has ended, with the frames that it saw.
func (d *Decode) over() (Usage, []Timestamp, error) {
	_, _ = io.Copy(io.Discard, d.frames) // fails only when the pipe is gone, as it should
	usage, err := d.process.wait()
	all := d.stamps.wait()
	<-d.thumbs.done
	<-d.stills.done
	_ = d.frames.Close() // only ever read
	usage.Frames = int64(len(all))
	if err == nil {
		err = d.process.misread()
	}
	if err == nil {
		err = d.whole(all)
	}
	return usage, all, err
}

// complete makes what can only be made once all frames are known, and checks
// that everything is there.
func (d *Decode) complete(all []Timestamp) error {
	if err := d.ended(); err != nil {
		return fmt.Errorf("complete what was decoded: %w", err)
	}
	if d.plan.Poster != "" {
		if err := d.plan.choosePoster(d.stills, all); err != nil {
			return err
		}
	}
	if d.plan.Sprite != "" {
		if err := d.plan.writeSprite(d.thumbs, all); err != nil {
			return err
		}
	}
	files := []string{d.plan.Video, d.plan.Poster, d.plan.Sprite, d.plan.SpriteIndex, d.plan.Preview}
	for _, rung := range d.plan.Ladder.apart() {
		files = append(files, rungFile(d.plan.Dir, rung))
	}
	return written(d.process, files...)
}

// whole compares what was decoded with what the container announced: ffmpeg
// exits 0 on a file that breaks off.
func (d *Decode) whole(all []Timestamp) error {
	if len(all) == 0 {
		return d.fail(job.Corrupt, "no frame could be decoded", export)
	}
	if info := d.plan.Info; !info.partial && d.breaksOff(all) {
		finding := fmt.Sprintf("breaks off: %.1f of %.1f s could be read (%d frames)", d.length(all), info.Duration, len(all))
		return d.fail(job.Corrupt, finding, again)
	}
	return nil
}

// length is until when the last frame is shown, in seconds.
func (d *Decode) length(all []Timestamp) float64 {
	return all[len(all)-1].Seconds() + 1/rate(d.plan.Info)
}

// breaksOff tells that much of what the container announced did not come.
func (d *Decode) breaksOff(all []Timestamp) bool {
	info := d.plan.Info
	missing := info.Duration - d.length(all)
	short := info.ends && missing > math.Max(1, 0.05*info.Duration)
	few := info.Frames > 0 && float64(len(all)) < 0.95*float64(info.Frames)-1
	return short && (few || info.Frames == 0 && d.unfinished(len(all))) || few && missing > 0.05*info.Duration && info.ends
}

// missing is what is to be told of a file that is not whole. A few frames fewer than
// announced alone are none: edit lists leave frames out.
func (d *Decode) missing(all []Timestamp) *Lost {
	errors := d.process.tail.count()
	if errors == 0 && d.plan.Info.saidDuration == 0 && !d.breaksOff(all) {
		return nil
	}
	lost := d.plan.Info.lost(int64(len(all)), d.length(all), errors)
	return &lost
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
