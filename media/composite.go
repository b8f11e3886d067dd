package media

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/motionmill/motionmill/job"
)

// CompositePlan says what is made of a video with mattes and layers.
type CompositePlan struct {
	// Input is the path of the file that was probed, Info the result.
	Input string
	Info  Info
	// Limits are those of the probe.
	Limits Limits
	// Dir is a private working folder. Relative outputs lie in it.
	Dir string
	// Overlay is the path of the video with the layers drawn over it (MP4,
	// at most 1080 lines, no sound). SilhouetteWebM and SilhouetteMP4 are
	// those of the figure cut out by the mattes, at most 720 lines: VP9
	// with alpha, and H.264 with the figure on black above the matte, or on
	// Background alone. "" when not wanted.
	Overlay, SilhouetteWebM, SilhouetteMP4 string
	// Background is the colour behind the figure in SilhouetteMP4: red, green,
	// blue. nil puts the matte below the figure, for players that mix themselves.
	Background *[3]uint8
	// MatteWidth and MatteHeight are the size of the mattes: one byte a
	// pixel, 0 for background, 255 for the figure. They are stretched over
	// the whole picture.
	MatteWidth, MatteHeight int
	// LayerWidth and LayerHeight are the size of the layers: red, green,
	// blue, alpha (straight), transparent where nothing is drawn. They are
	// stretched over the whole picture.
	LayerWidth, LayerHeight int
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

// Composite is a running composition. Call Write for every frame from one
// goroutine, then Close.
type Composite struct {
	plan         CompositePlan
	process      *process
	stamps       *stamps
	inputs       []*os.File
	matte, layer *matroskaWriter
	written      []int64 // when each frame is, in nanoseconds
	broken       error   // why a Write failed; keeps Close from passing it over
}

// Composite starts one ffmpeg that decodes the input again and merges it
// frame by frame with what Write sends. When the context ends, the process is
// killed. The caller must call Close.
func (t *Tools) Composite(ctx context.Context, plan CompositePlan) (*Composite, error) {
	const op = "compose"
	plan.Limits = plan.Limits.orDefault()
	subject, err := plan.check(t, op)
	if err != nil {
		return nil, err
	}
	args, err := plan.args()
	if err != nil {
		return nil, err
	}
	pipes, err := newPipes(3)
	if err != nil {
		return nil, fmt.Errorf("open pipes to %s %s: %w", op, subject, err)
	}
	for _, frames := range pipes[1:] {
		frames.widen()
	}
	p, err := t.start(ctx, command{
		path: t.ffmpeg, args: args, dir: plan.Dir, stdout: &progressReader{report: plan.OnProgress},
		files:    []*os.File{pipes[0].write, pipes[1].read, pipes[2].read},
		deadline: deadlineFor(plan.Deadline, plan.Info),
		op:       op, subject: subject, input: plan.Input, encoder: plan.Encoder.of(args),
	})
	if err != nil {
		pipes.close()
		return nil, err
	}
	c := &Composite{plan: plan, process: p, stamps: newStamps(), inputs: []*os.File{pipes[1].write, pipes[2].write}}
	if plan.mattes() {
		c.matte = newMatroskaWriter(pipes[1].write, greyPixels, plan.MatteWidth, plan.MatteHeight, 1)
	}
	if plan.layers() {
		c.layer = newMatroskaWriter(pipes[2].write, rgbaPixels, plan.LayerWidth, plan.LayerHeight, 4)
	}
	p.read("timestamps", pipes[0].read, func() { c.stamps.read(pipes[0].read, nil) })
	return c, nil
}

func (p *CompositePlan) mattes() bool { return p.SilhouetteWebM != "" || p.SilhouetteMP4 != "" }

func (p *CompositePlan) layers() bool { return p.Overlay != "" }

// check completes a plan and refuses one that cannot be carried out.
func (p *CompositePlan) check(t *Tools, op string) (subject string, err error) {
	subject = filepath.Base(p.Input)
	if p.Input, err = filepath.Abs(p.Input); err != nil {
		return subject, fmt.Errorf("find %s: %w", subject, err)
	}
	if p.Dir, err = filepath.Abs(p.Dir); err != nil {
		return subject, fmt.Errorf("find the folder for %s: %w", subject, err)
	}
	finding := ""
	switch {
	case !p.mattes() && !p.layers():
		finding = "the plan names no output"
	case p.mattes() && (p.MatteWidth < 1 || p.MatteHeight < 1):
		finding = fmt.Sprintf("the plan has mattes of %d x %d", p.MatteWidth, p.MatteHeight)
	case p.layers() && (p.LayerWidth < 1 || p.LayerHeight < 1):
		finding = fmt.Sprintf("the plan has layers of %d x %d", p.LayerWidth, p.LayerHeight)
	}
	if finding != "" {
		return subject, job.Fail(job.Internal, op, subject, finding, "", nil)
	}
	return subject, decodable(p.Info, subject, op, t)
}

// Write sends what belongs to the next frame of the source: its time as
// Decode gave it, its matte and its layer. Either may be nil when no output
// wants it. It returns when both have been taken, after which the slices may
// be used again.
func (c *Composite) Write(at Timestamp, matte, layer []byte) error {
	if c.broken == nil {
		c.broken = c.send(at, matte, layer)
	}
	return c.broken
}

func (c *Composite) send(at Timestamp, matte, layer []byte) error {
	if c.matte != nil && len(matte) != c.matte.size || c.layer != nil && len(layer) != c.layer.size {
		return c.fail(fmt.Sprintf("frame %d came with a matte of %d and a layer of %d bytes", len(c.written), len(matte), len(layer)))
	}
	// Both at once: ffmpeg reads from either as it needs.
	nanoseconds := at.nanoseconds()
	sent := make(chan error, 1)
	go func() {
		if c.matte == nil {
			sent <- nil
			return
		}
		sent <- job.Guarded("write a matte", func() error { return c.matte.write(nanoseconds, matte) })
	}()
	var err error
	if c.layer != nil {
		err = c.layer.write(nanoseconds, layer)
	}
	if err = errors.Join(err, <-sent); err == nil {
		c.written = append(c.written, nanoseconds)
		return nil
	}
	// A broken pipe means that ffmpeg is gone or going: its own end says why.
	c.closeInputs()
	if _, cause := c.process.wait(); cause != nil {
		return cause
	}
	return c.fail(fmt.Sprintf("the program ended before frame %d", len(c.written)))
}

func (c *Composite) closeInputs() {
	for _, file := range c.inputs {
		_ = file.Close() // closed twice on the way out of an error
	}
}

// Close ends the inputs, waits for ffmpeg and checks that the frames that it
// saw are those that were written: as many, at the same times. To give up a
// composition, end its context first.
func (c *Composite) Close() (Usage, error) {
	c.closeInputs()
	usage, err := c.process.wait()
	seen := c.stamps.wait()
	if err == nil {
		err = c.process.misread()
	}
	usage.Frames = int64(len(seen))
	switch {
	case c.broken != nil:
		return usage, c.broken
	case err != nil:
		return usage, err
	case len(seen) != len(c.written):
		return usage, c.fail(fmt.Sprintf("%d frames were decoded but %d written", len(seen), len(c.written)))
	}
	for i, at := range seen {
		if at.nanoseconds() != c.written[i] {
			return usage, c.fail(fmt.Sprintf("frame %d is at %.6f s but was written for %.6f s", i, at.Seconds(), time.Duration(c.written[i]).Seconds()))
		}
	}
	return usage, written(c.process, c.plan.Overlay, c.plan.SilhouetteWebM, c.plan.SilhouetteMP4)
}

// fail is the error of frames that do not fit. Those of a damaged file may come out
// differently each time.
func (c *Composite) fail(finding string) error {
	if c.process.tail.count() > 0 {
		return c.process.fail(job.Corrupt, "its data is damaged: "+finding, export)
	}
	return c.process.fail(job.Internal, finding, "")
}
