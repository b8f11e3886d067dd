package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/motionmill/motionmill/inference"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media"
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
}

// product is what processing one file gave: the files in its folder and what
// the manifest says of them.
type product struct {
	input   media.Info
	outputs []ManifestOutput
	models  []inference.UsedModel
	steps   []Step
	notes   []string
	tools   Tools
}

// process makes the outputs of profile from the file input into dir, which
// exists and is empty and lies in the folder of the room.
func (c Config) process(ctx context.Context, input, dir string, profile Profile, room *Room, hooks job.Hooks) (product, error) {
	made := product{tools: Tools{FFmpeg: c.Tools.Version(), Motionmill: c.Version}, models: []inference.UsedModel{}}
	hooks.Report(job.Progress{Step: "probe", ETASeconds: -1})
	began := time.Now()
	info, err := c.Tools.Probe(ctx, input, c.Limits)
	if err != nil {
		return made, err
	}
	made.input = info
	made.steps = append(made.steps, Step{Name: "probe", Seconds: seconds(time.Since(began))})
	if err := room.Extend(estimateOutputs(info, profile)); err != nil {
		return made, err
	}
	if err := hooks.Weigh(weight(info, profile)); err != nil {
		return made, err
	}
	analyser, choice, runtimeVersion, err := c.Engine.Analyser(profile)
	if err != nil {
		return made, err
	}
	if analyser != nil {
		made.models, made.tools.ONNXRuntime = analyser.Used(), runtimeVersion
		made.notes = starterNotes(choice)
	}
	run := &work{Config: c, input: input, dir: dir, info: info, profile: profile, choice: choice, analyser: analyser, hooks: hooks}
	steps, err := run.do(ctx)
	if err != nil {
		return made, err
	}
	made.steps = append(made.steps, steps...)
	made.outputs, err = c.inspect(ctx, dir)
	return made, err
}

// leave gives room back. What stays behind of its folder fails no job: the
// worker's next start removes it.
func (c Config) leave(room *Room) {
	if err := room.Leave(); err != nil {
		c.Logger.Warn("remove the folder of a job", "error", err)
	}
}

// weight is how many units a job needs: one for each ten million pixels that
// it has to move a second (a 640×480 picture at 30 frames is nine million),
// and half as many when it is only transcoded.
func weight(info media.Info, profile Profile) int {
	const pixelsPerUnit = 10e6
	rate := info.FrameRate
	if rate <= 0 {
		rate = 30
	}
	load := float64(info.Width) * float64(info.Height) * rate / pixelsPerUnit
	if len(profile.Tasks()) == 0 {
		load /= 2
	}
	return max(int(math.Ceil(load)), 1)
}

func starterNotes(choice inference.Choice) []string {
	var notes []string
	for _, m := range Chosen(choice) {
		if m.Note != "" {
			notes = append(notes, m.Name+": "+m.Note)
		}
	}
	return notes
}

// outputNames is the order of outputs in a manifest.
var outputNames = []string{"video.mp4", "poster.jpg", "pose.json.gz", "overlay.mp4", "silhouette.webm", "silhouette.mp4"}

// inspect describes the outputs in dir.
func (c Config) inspect(ctx context.Context, dir string) ([]ManifestOutput, error) {
	var outputs []ManifestOutput
	for _, name := range outputNames {
		path := filepath.Join(dir, name)
		size, sha, err := digest(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, failed("read output", name, err)
		}
		o := ManifestOutput{Path: name, Bytes: size, SHA256: sha, Type: contentType(name)}
		if name != "pose.json.gz" {
			seen, err := c.Tools.Inspect(ctx, path)
			if err != nil {
				return nil, err
			}
			o.Width, o.Height, o.Frames, o.Duration = seen.Width, seen.Height, seen.Frames, seen.Duration
		}
		outputs = append(outputs, o)
	}
	return outputs, nil
}

func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1000) / 1000 }
