package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media"
	"github.com/motionmill/motionmill/media/sandbox"
)

// frameLongest is the longer side, in pixels, of the frames that inference
// reads: the models' inputs are smaller still.
const frameLongest = 640

// Config is what every job of a process shares.
type Config struct {
	Tools    *media.Tools
	Limits   media.Limits
	Engine   *Engine
	Profiles Profiles
	// Threads is how many threads each encoder and how many frames of inference
	// may run at once; 0 takes the cores.
	Threads int
	// Version is Motionmill's own.
	Version string
	// Logger learns of what cannot fail a job: folders that stay behind.
	Logger *slog.Logger
	// Observe, where given, is told of every step that has ended. It must not wait.
	Observe func(ctx context.Context, step StepRun)
}

// product is what processing one file gave: the files in its folder and what
// the manifest says of them.
type product struct {
	input   media.Info
	outputs []ManifestOutput
	models  []models.UsedModel
	steps   []Step
	notes   []string
	tools   Tools
	sandbox sandbox.Report
	lost    *media.Lost

	hardware Hardware
}

// upload is a source as it lies on the disk, with the metadata that was sent
// along: names in small letters.
type upload struct {
	path     string
	metadata map[string]string
}

// process makes the outputs of profile from an upload into dir, which
// exists and is empty and lies in the folder of the room.
func (c Config) process(ctx context.Context, from upload, dir string, profile Profile, room *Room, hooks job.Hooks) (product, error) {
	made := product{tools: Tools{FFmpeg: c.Tools.Version(), Motionmill: c.Version}, models: []models.UsedModel{}}
	made.sandbox, _ = c.Tools.Sandbox()
	hooks.Report(job.Progress{Step: "probe", ETASeconds: -1})
	began := time.Now()
	info, err := c.Tools.Probe(ctx, from.path, profile.limits(c.Limits))
	probed := c.timed(ctx, "probe", began, err)
	if err != nil {
		return made, err
	}
	made.input = info
	if info.SoundLeftOut != "" {
		made.notes = append(made.notes, "sound: "+info.SoundLeftOut+", and it was left out")
	}
	made.steps = append(made.steps, probed)
	models, runtimeVersion, err := c.Engine.Steps(profile)
	if err != nil {
		return made, err
	}
	steps, err := stepRuns(profile.Steps, models, info, from.metadata)
	if err != nil {
		return made, err
	}
	if err := room.Extend(estimateOutputs(info, profile) + stepBytes(steps, info)); err != nil {
		return made, err
	}
	if err := hooks.Weigh(Weight(info, profile)); err != nil {
		return made, err
	}
	analyser, choice, analyserVersion, err := c.Engine.Analyser(profile)
	if err != nil {
		return made, err
	}
	if analyser != nil {
		made.models, runtimeVersion = analyser.Used(), analyserVersion
		made.notes = append(made.notes, starterNotes(choice)...)
	}
	made.tools.ONNXRuntime = runtimeVersion
	err = c.makeAnyhow(ctx, func(encoder media.Encoder) (*work, error) {
		steps, err := stepRuns(profile.Steps, models, info, from.metadata)
		return &work{
			Config: c, input: from.path, dir: dir, info: info, profile: profile, choice: choice, analyser: analyser, hooks: hooks,
			steps: steps, encoder: encoder,
		}, err
	}, &made)
	return made, err
}

// make does the work and adds what came of it to what is known of the product.
func (w *work) make(ctx context.Context, made *product) error {
	steps, err := w.do(ctx)
	if err != nil {
		return err
	}
	made.steps, made.lost = append(made.steps, steps...), w.decode.Lost()
	if made.outputs, err = w.inspect(ctx, w.dir); err != nil {
		return err
	}
	for i, o := range made.outputs {
		made.outputs[i].Encoder = w.encoderOf(o.Codecs, o.Width, o.Height, 1)
	}
	streams, err := w.streamOutputs()
	if err != nil {
		return err
	}
	outputs, notes, err := w.stepOutputs()
	made.outputs, made.notes = append(append(made.outputs, streams...), outputs...), append(append(made.notes, w.play.notes...), notes...)
	for _, s := range w.steps {
		used := s.generic.Used()
		if s.left == "" && !slices.ContainsFunc(made.models, func(m models.UsedModel) bool { return m.Name == used.Name && m.Task == used.Task }) {
			made.models = append(made.models, used)
		}
	}
	return err
}

// leave gives room back. What stays behind of its folder fails no job: the
// worker's next start removes it.
func (c Config) leave(room *Room) {
	if err := room.Leave(); err != nil {
		c.Logger.Warn("remove the folder of a job", "error", err)
	}
}

// Weight is how many units a job needs: one for each ten million pixels that
// it has to move a second (a 640×480 picture at 30 frames is nine million),
// and half as many when it is only transcoded.
func Weight(info media.Info, profile Profile) int {
	const pixelsPerUnit = 10e6
	rate := info.FrameRate
	if rate <= 0 {
		rate = 30
	}
	load := float64(info.Width) * float64(info.Height) * rate / pixelsPerUnit
	if len(profile.Tasks()) == 0 && len(profile.Steps) == 0 {
		load /= 2
	}
	return max(int(math.Ceil(load)), 1)
}

func starterNotes(choice models.Choice) []string {
	var notes []string
	for _, m := range Chosen(choice) {
		if m.Note != "" {
			notes = append(notes, m.Name+": "+m.Note)
		}
	}
	return notes
}

// outputNames is the order of outputs in a manifest.
var outputNames = []string{"video.mp4", "poster.jpg", "sprite.jpg", "sprite.vtt", "preview.webp", "preview.gif", "pose.json.gz", "overlay.mp4", "silhouette.webm", "silhouette.mp4"}

// inspect describes the outputs in dir, several at once: each waits for a program.
func (c Config) inspect(ctx context.Context, dir string) ([]ManifestOutput, error) {
	seen := make([]ManifestOutput, len(outputNames)) // Without a path where there is no such file.
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inspectedAtOnce)
	for i, name := range outputNames {
		group.Go(func() error {
			return job.Guarded("inspect an output", func() (err error) {
				seen[i], err = c.inspectOne(ctx, dir, name)
				return err
			})
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(seen, func(o ManifestOutput) bool { return o.Path == "" }), nil
}

// inspectedAtOnce is how many outputs are inspected side by side.
const inspectedAtOnce = 4

func (c Config) inspectOne(ctx context.Context, dir, name string) (ManifestOutput, error) {
	path := filepath.Join(dir, name)
	size, sha, err := digest(path)
	if errors.Is(err, os.ErrNotExist) {
		return ManifestOutput{}, nil
	}
	if err != nil {
		return ManifestOutput{}, failed("read output", name, err)
	}
	o := ManifestOutput{Path: name, Bytes: size, SHA256: sha, Type: contentType(name)}
	if name != "pose.json.gz" && name != "sprite.vtt" {
		seen, err := c.Tools.Inspect(ctx, path)
		if err != nil {
			return ManifestOutput{}, err
		}
		o.Codecs, o.Width, o.Height, o.Frames, o.Duration = seen.Codecs, seen.Width, seen.Height, seen.Frames, seen.Duration
	}
	return o, nil
}

func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }
