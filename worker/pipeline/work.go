package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/motionmill/motionmill/inference"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/track"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media"
)

// work is one file on its way through decode, inference and composition. The
// three run at the same time, tied by pipes: a slow one holds the others back.
type work struct {
	Config
	input, dir string
	info       media.Info
	profile    Profile
	choice     models.Choice
	analyser   *inference.Analyser // nil when the profile needs no models
	hooks      job.Hooks
	steps      []*stepRun
	play       playback
	encoder    media.Encoder

	decode    *media.Decode
	composite *media.Composite // nil when nothing is composed
	composing time.Time        // when it began
	frames    int64
	began     time.Time
	times     times
}

// do runs the work and returns its steps. On an error every process has been
// killed before it returns.
func (w *work) do(ctx context.Context) ([]Step, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.began = time.Now()
	defer w.abortSteps()
	err := w.openSteps()
	if err != nil {
		return nil, err
	}
	prepared, err := w.prepare(ctx)
	if err != nil {
		return nil, err
	}
	decoding := time.Now()
	if w.decode, err = w.Tools.Decode(ctx, w.decodePlan()); err != nil {
		return nil, err
	}
	var steps []Step
	var analysed error
	switch {
	case w.analyser != nil:
		steps, analysed = w.analyse(ctx)
	case w.seesFrames():
		analysed = w.pull()
	}
	if analysed != nil {
		cancel() // The decoder would wait for somebody to read its frames.
	}
	// The composition encodes its last frames beside what is made of the decoding.
	composition := w.closeComposite(cancel)
	usage, decoded := w.decode.Wait()
	decode := w.observe(ctx, decoding, step("decode", usage), decoded)
	var packaged []Step
	if err = firstCause(ctx, decoded, analysed); err == nil {
		packaged, err = w.packageStreams(ctx)
	}
	if err != nil {
		cancel()
	}
	var broken error
	if closed, ok := <-composition; ok && analysed == nil { // Else it was cut off; the analysis says why.
		broken = closed.err
		steps = append(steps, w.observe(ctx, w.composing, step("composite", closed.usage), broken))
	}
	if err := firstCause(ctx, decoded, analysed, broken, err); err != nil {
		return nil, err
	}
	more, err := w.finishSteps(ctx)
	return slices.Concat(prepared, []Step{decode}, steps, packaged, more), err
}

// firstCause picks the error that explains the others: when one part fails the
// rest is cancelled, so an error that is no cancellation comes first.
func firstCause(ctx context.Context, errs ...error) error {
	var cancelled error
	for _, err := range errs {
		switch {
		case err == nil:
		case errors.Is(err, context.Canceled) || errors.Is(err, os.ErrClosed):
			cancelled = err
		default:
			return err
		}
	}
	if cancelled != nil && context.Cause(ctx) != nil {
		return fmt.Errorf("stop work: %w", cancelled)
	}
	return cancelled
}

// analyse pulls the frames through the models and writes what they say into
// the pose track and the composition, which is then to be closed.
func (w *work) analyse(ctx context.Context) (steps []Step, err error) {
	track, err := w.openTrack()
	if err != nil {
		return nil, err
	}
	defer func() {
		if closed := track.close(); err == nil {
			err = closed
		}
	}()
	if w.composes() {
		w.composing = time.Now()
		if w.composite, err = w.Tools.Composite(ctx, w.compositePlan()); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	stats, err := w.analyser.Analyse(ctx, w.video(), w.nextFrame(), w.emitter(track))
	analysed := Step{Name: "analyse", Seconds: seconds(time.Since(began)), CPUSeconds: cpuSeconds(stats), Frames: w.frames}
	return append(steps, w.observe(ctx, began, analysed, err)), err
}

// closed is how a composition ended.
type closed struct {
	usage media.Usage
	err   error
}

// closeComposite begins to end the composition. The channel tells how that went, or
// is closed where there is none; one that failed has called cancel before.
func (w *work) closeComposite(cancel func()) <-chan closed {
	ended := make(chan closed, 1)
	if w.composite == nil {
		close(ended)
		return ended
	}
	w.report("encode")
	go func() {
		var c closed
		c.err = job.Guarded("close the composition", func() (err error) {
			c.usage, err = w.composite.Close()
			return err
		})
		if c.err != nil {
			cancel()
		}
		ended <- c
	}()
	return ended
}

// cpuSeconds sums what the models took.
func cpuSeconds(stats inference.Stats) float64 {
	total := 0.0
	for _, m := range stats.Models {
		total += m.CPU
	}
	return math.Round(total*1000) / 1000
}

func (w *work) composes() bool { return w.profile.Wants(Overlay, Silhouette) }

// emitter returns what is done with each frame's result, in order.
func (w *work) emitter(track *trackFile) func(inference.Result) error {
	layer, matteWidth := w.newLayer(), 0
	if w.profile.Wants(Silhouette) {
		matteWidth, _ = w.analyser.MatteSize(w.video())
	}
	return func(r inference.Result) error {
		w.frames++
		w.report("analyse")
		w.play.persons.see(r, w.info.Width, w.info.Height, matteWidth)
		if err := track.write(r); err != nil {
			return err
		}
		if w.composite == nil {
			return nil
		}
		var drawn []byte
		if layer != nil {
			drawn = layer.Draw(r.People)
		}
		return w.composite.Write(w.times.take(r.Index), r.Matte, drawn)
	}
}

func (w *work) newLayer() *Layer {
	if !w.profile.Wants(Overlay) {
		return nil
	}
	names, pairs := w.choice.Pose.Keypoints()
	width, height := w.frameSize()
	layer := NewLayer(width, height, w.info.Width, w.info.Height, names, pairs)
	layer.IDs = w.profile.People == track.PeopleAll
	return layer
}

// report tells the progress. Where the container does not say how many frames
// there are, its length and rate do.
func (w *work) report(step string) {
	total := w.info.Frames
	if total == 0 {
		total = int64(math.Round(w.info.Duration * w.info.FrameRate))
	}
	w.hooks.Report(job.Progress{Step: step, Done: w.frames, Total: total, ETASeconds: -1})
}

func (w *work) threads() int {
	if w.Threads > 0 {
		return w.Threads
	}
	return onnx.CPUs()
}

func (w *work) path(output Output, name string) string {
	if !w.profile.Wants(output) {
		return ""
	}
	return filepath.Join(w.dir, name)
}

// deadline bounds the processes: ten minutes, and a minute for each second.
func (w *work) deadline() time.Duration {
	return 10*time.Minute + time.Duration(w.info.Duration*float64(time.Minute))
}

func step(name string, u media.Usage) Step {
	return Step{Name: name, Seconds: seconds(u.Wall), CPUSeconds: seconds(u.CPU), Frames: u.Frames}
}
