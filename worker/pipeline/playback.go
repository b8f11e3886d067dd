package pipeline

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media"
)

// Choices are what a profile may choose beside its outputs.
type Choices struct {
	// Loudness, where given, is what the sound of video.mp4 and of the
	// streams is brought to, in LUFS: -16 is usual for the web. Without it
	// the sound stays as loud as it is.
	Loudness *float64 `yaml:"loudness"`
	// Preview is "webp" or "gif" for a preview of three seconds of that kind,
	// "" for none.
	Preview string `yaml:"preview"`
	// Partial is "keep" to make what can be made of a file that is cut off or
	// damaged, and to say in the manifest what was lost; "refuse", the default, to
	// give it back as corrupt.
	Partial string `yaml:"partial"`
	// Background is what lies behind the figure of a silhouette: a colour as
	// #rrggbb, which makes silhouette.mp4 a plain video that every player shows and
	// leaves silhouette.webm out. "transparent", the default, makes both.
	Background string `yaml:"background"`
}

// The loudness that may be asked for, in LUFS.
const loudest, quietest = -5, -40

func (c Choices) check() error {
	if c.Loudness != nil && !(quietest <= *c.Loudness && *c.Loudness <= loudest) { // also where it is no number
		return fmt.Errorf("the loudness is %g LUFS, it may be from %d to %d", *c.Loudness, quietest, loudest)
	}
	if previews := []string{"", "webp", "gif"}; !slices.Contains(previews, c.Preview) {
		return fmt.Errorf("unknown preview %q (known: webp, gif)", c.Preview)
	}
	if partial := []string{"", "keep", "refuse"}; !slices.Contains(partial, c.Partial) {
		return fmt.Errorf("unknown partial %q (known: keep, refuse)", c.Partial)
	}
	_, err := c.background()
	return err
}

// limits are those of an input of the profile.
func (c Choices) limits(of media.Limits) media.Limits {
	of.Partial = c.Partial == "keep"
	return of
}

// playback is what players get beside plain files.
type playback struct {
	ladder   *media.Ladder
	loudness *media.Loudness
	persons  persons
	packaged []media.Packaged
	notes    []string
}

// prepare finds out what has to be known before the video is encoded, and
// returns its steps.
func (w *work) prepare(ctx context.Context) ([]Step, error) {
	var steps []Step
	if w.profile.Loudness != nil && w.info.Audio && w.profile.Wants(Video, HLS) {
		w.hooks.Report(job.Progress{Step: "loudness", ETASeconds: -1})
		began := time.Now()
		l, usage, err := w.Tools.Loudness(ctx, w.input, w.info)
		steps = append(steps, w.observe(ctx, began, step("loudness", usage), err))
		if err != nil {
			return nil, err
		}
		l.Target = *w.profile.Loudness
		w.play.loudness = &l
		if l.Silent() {
			w.play.notes = append(w.play.notes, silenceNote(l))
		}
	}
	if w.profile.Wants(HLS) {
		w.hooks.Report(job.Progress{Step: "sample", ETASeconds: -1})
		began := time.Now()
		cost, usage, err := w.Tools.Sample(ctx, media.SamplePlan{Input: w.input, Info: w.info, Limits: w.Limits, Threads: w.threads()})
		steps = append(steps, w.observe(ctx, began, step("sample", usage), err))
		if err != nil {
			return nil, err
		}
		if cost == (media.Complexity{}) {
			w.play.notes = append(w.play.notes, "hls: no sample of the video could be encoded; the ladder is that of an ordinary one")
		}
		ladder := media.NewLadder(w.info, cost)
		w.play.ladder = &ladder
	}
	return steps, nil
}

// silenceNote tells of sound that was not levelled.
func silenceNote(l media.Loudness) string {
	if math.IsInf(l.Integrated, 0) || math.IsNaN(l.Integrated) {
		return "loudness: there is nothing to be heard in the sound, and it was left as it is"
	}
	return fmt.Sprintf("loudness: the sound is all but silent (%.1f LUFS) and was left as it is", l.Integrated)
}

// forPlayers adds to a decoding what players get.
func (w *work) forPlayers(plan media.DecodePlan) media.DecodePlan {
	plan.Ladder, plan.Loudness = w.play.ladder, w.play.loudness
	if plan.Ladder != nil && plan.Video == "" {
		plan.Video = w.hiddenVideo()
	}
	if w.profile.Wants(Sprite) {
		plan.Sprite, plan.SpriteIndex = w.path(Sprite, "sprite.jpg"), w.path(Sprite, "sprite.vtt")
	}
	if w.profile.Preview != "" {
		plan.Preview = filepath.Join(w.dir, "preview."+w.profile.Preview)
	}
	if w.analyser != nil {
		plan.Person = w.play.persons.at
	}
	return plan
}

// hiddenVideo is the rendition of a profile that wants only streams of it.
func (w *work) hiddenVideo() string { return filepath.Join(w.dir, ".video.mp4") }

// packageStreams makes the streams of what has been encoded, and returns its step.
func (w *work) packageStreams(ctx context.Context) ([]Step, error) {
	if w.play.ladder == nil {
		return nil, nil
	}
	w.report("package")
	video := w.path(Video, "video.mp4")
	if video == "" {
		video = w.hiddenVideo()
	}
	began := time.Now()
	var usage media.Usage
	var err error
	w.play.packaged, usage, err = w.Tools.Package(ctx, media.PackagePlan{Video: video, Info: w.info, Ladder: *w.play.ladder, Dir: w.dir})
	packaged := w.observe(ctx, began, step("package", usage), err)
	if err != nil {
		return nil, err
	}
	if video == w.hiddenVideo() {
		if err := os.Remove(video); err != nil {
			return nil, failed("remove", video, err)
		}
	}
	return []Step{packaged}, nil
}

// streamOutputs describes the files of the streams.
func (w *work) streamOutputs() ([]ManifestOutput, error) {
	var outputs []ManifestOutput
	for _, p := range w.play.packaged {
		size, sha, err := digest(filepath.Join(w.dir, filepath.FromSlash(p.Path)))
		if err != nil {
			return nil, failed("read output", p.Path, err)
		}
		outputs = append(outputs, ManifestOutput{
			Path: p.Path, Bytes: size, SHA256: sha, Type: p.Type, Codecs: p.Codecs,
			Width: p.Width, Height: p.Height, Frames: p.Frames, Duration: p.Duration,
			Encoder: w.encoderOf(p.Codecs, p.Width, p.Height, w.play.ladder.Every),
		})
	}
	return outputs, nil
}

// foreignStream returns a file in the streams' folder below dir that is not
// ours, "" when there is none.
func foreignStream(dir string, ours map[string]bool) (string, error) {
	foreign := ""
	err := filepath.WalkDir(filepath.Join(dir, media.HLSFolder), func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err == nil && foreign == "" && !entry.IsDir() && !ours[filepath.ToSlash(name)] {
			foreign = path
		}
		return err
	})
	if os.IsNotExist(err) || err != nil && strings.Contains(err.Error(), "not a directory") {
		return "", nil
	}
	return foreign, err
}
