package pipeline

import (
	"fmt"
	"mime"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/motionmill/motionmill/inference/generic"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media"
)

// ModelStep is a step of a profile that runs a generic model and makes one file.
type ModelStep struct {
	// File is the output's name; its extension says what is made: npy, json, wav or png.
	File string `yaml:"file"`
	// Model is the name of a model of the task generic.
	Model string `yaml:"model"`
	// Text is what a model gets that takes one; {name} in it stands for that
	// entry of the upload's metadata.
	Text string `yaml:"text"`
	// Optional leaves the step out, with a note in the manifest, where the
	// video has no sound or the upload not the metadata. Else the job fails.
	Optional bool `yaml:"optional"`
}

var stepFile = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// checkSteps refuses steps that cannot be carried out, whatever the models.
func checkSteps(steps []ModelStep) error {
	seen := map[string]bool{}
	for _, s := range steps {
		switch {
		case !stepFile.MatchString(s.File) || !slices.Contains(generic.Kinds(), filepath.Ext(s.File)):
			return fmt.Errorf("the step's file %q is no plain name that ends in one of %s", s.File, strings.Join(generic.Kinds(), ", "))
		case seen[s.File] || s.File == ManifestName || slices.Contains(outputNames, s.File):
			return fmt.Errorf("the step's file %q is made by something else too", s.File)
		case s.Model == "":
			return fmt.Errorf("the step of %s names no model", s.File)
		}
		seen[s.File] = true
	}
	return nil
}

// stepRun is a step of one job.
type stepRun struct {
	ModelStep
	generic *generic.Model
	text    string
	// left says why the step is left out; empty when it is not.
	left string
	file *generic.File
	held heldFrame
	made generic.Made
	took Step
}

// heldFrame is the latest frame before the one that a picture is made of.
type heldFrame struct {
	pix    []byte
	moment generic.Moment
}

// stepRuns prepares the steps of a profile for a file with its metadata.
func stepRuns(steps []ModelStep, models []*generic.Model, info media.Info, metadata map[string]string) ([]*stepRun, error) {
	var runs []*stepRun
	for i, s := range steps {
		run := &stepRun{ModelStep: s, generic: models[i], took: Step{Name: s.File}}
		needs := run.generic.Needs()
		lacks := ""
		if needs.Sound != nil && !info.Audio {
			lacks = "the video has no sound"
		}
		if needs.Text {
			var missing string
			if run.text, missing = fillIn(s.Text, metadata); missing != "" {
				lacks = fmt.Sprintf("the upload's metadata has no %q", missing)
			}
			if run.text == "" && lacks == "" {
				lacks = "the step has no text"
			}
		}
		if lacks != "" && !s.Optional {
			return nil, job.Fail(job.Unsupported, "make", s.File, lacks+", which the model "+s.Model+" needs",
				"Give it, or write optional: true into the profile's step", nil)
		}
		run.left = lacks
		runs = append(runs, run)
	}
	return runs, nil
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// fillIn replaces each {name} of a text by that entry of the metadata, and names
// the first that is missing.
func fillIn(text string, metadata map[string]string) (filled, missing string) {
	var words mime.WordDecoder // S3 gives back what is not ASCII as in a mail's header (RFC 2047).
	filled = placeholder.ReplaceAllStringFunc(text, func(name string) string {
		name = strings.ToLower(strings.TrimSpace(name[1 : len(name)-1]))
		value, ok := metadata[name]
		if !ok && missing == "" {
			missing = name
		}
		if plain, err := words.DecodeHeader(value); err == nil {
			return plain
		}
		return value // It only looked like such a word.
	})
	return strings.TrimSpace(filled), missing
}

// stepBytes estimates how many bytes the files of steps take at most, as far as
// the graphs tell.
func stepBytes(runs []*stepRun, info media.Info) (bytes int64) {
	const unknown = 4 << 20
	frames := max(info.Frames, int64(info.Duration*30))
	for _, run := range runs {
		if run.left != "" {
			continue
		}
		times, needs := int64(1), run.generic.Needs()
		switch {
		case needs.Frame && !run.single():
			times = frames/int64(run.generic.Every()) + 1
		case needs.Sound != nil && needs.Sound.Step > 0:
			times = int64(info.Duration*float64(needs.Sound.Rate))/int64(needs.Sound.Step) + 1
		}
		bytes += unknown + times*run.generic.BytesPerRun()*2 // JSON takes the most.
	}
	return bytes
}

// single tells whether the step makes one picture of one frame.
func (s *stepRun) single() bool { return filepath.Ext(s.File) == ".png" }
