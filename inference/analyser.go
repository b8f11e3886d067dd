package inference

import (
	"context"
	"fmt"
	"reflect"
	"runtime"

	"github.com/motionmill/motionmill/inference/family"
	"github.com/motionmill/motionmill/inference/generic"
	"github.com/motionmill/motionmill/inference/matting"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/inference/track"
	"github.com/motionmill/motionmill/job"
)

// Analyser runs the chosen models over videos. It may work on several videos
// at once.
type Analyser struct {
	choice models.Choice
	used   []models.UsedModel
	pose   family.Poser // nil where people finds the points
	people family.Spotter
	detect family.Detector
	matte  family.Matter
	masks  family.Masker // the model of detect and matte, where these are one; else nil
}

// NewAnalyser verifies the chosen models and takes their sessions, which all
// jobs of the process share.
func NewAnalyser(r *onnx.Runtime, choice models.Choice) (*Analyser, error) {
	a := &Analyser{choice: choice}
	device := r.NextDevice("frames")
	for _, role := range choice.Roles() {
		m := role.Model
		if err := m.Supported(); err != nil {
			return nil, err
		}
		if n := len(m.Points.Names); role.Task == models.TaskPose && n < track.FewestPoints {
			return nil, m.BadManifest(models.WrongField("keypoints", "names %d, and people are followed by %d or more: nobody would be found", n, track.FewestPoints))
		}
		n, err := r.Network(*m, device, family.RunOnce)
		if err != nil {
			return nil, err
		}
		s, err := family.New(role.Task, n)
		if err != nil {
			return nil, err
		}
		a.take(s)
		if err := family.Rehearse(role.Task, n); err != nil {
			return nil, err
		}
		a.used = append(a.used, models.UsedModel{Name: m.Name, Task: role.Task, Family: m.Family, SHA256: m.SHA256, Provider: n.Provider, Nodes: n.Nodes})
	}
	if m, ok := a.matte.(family.Masker); ok && choice.Detect != nil && reflect.DeepEqual(choice.Detect.Manifest, choice.Matte.Manifest) {
		a.masks = m
	}
	return a, nil
}

// take adds what a model can do.
func (a *Analyser) take(s family.Skills) {
	switch {
	case s.Pose != nil:
		a.pose = s.Pose
	case s.People != nil:
		a.people = s.People
	case s.Detect != nil:
		a.detect = s.Detect
	case s.Matte != nil:
		a.matte = s.Matte
	}
}

// Try opens a model, checks it against its manifest, and runs it once. What is
// wrong with the file, the manifest or what the model answers is an error of
// kind model_missing that says what to do.
func Try(r *onnx.Runtime, m models.Model) error {
	choice := models.Choice{}
	switch m.Task {
	case models.TaskDetect:
		choice.Detect = &m
	case models.TaskPose:
		choice.Pose = &m
	case models.TaskGeneric:
		_, err := generic.New(r, m)
		return err
	default:
		choice.Matte, choice.WantMatte = &m, true
	}
	_, err := NewAnalyser(r, choice)
	return err
}

// Used returns the models in the order detect, pose, matte, with the provider
// that each really runs on.
func (a *Analyser) Used() []models.UsedModel { return append([]models.UsedModel{}, a.used...) }

// Video describes the frames that Analyse is given.
type Video struct {
	// Width and Height are those of the upright source in display px; results are in them.
	Width, Height int
	// FrameWidth and FrameHeight are those of the rgb24 frames, in px.
	FrameWidth, FrameHeight int
	// Parallel is how many inferences run at once; default GOMAXPROCS.
	Parallel int
	// People says who is followed: PeopleLargest (default), PeopleCentre or PeopleAll.
	People string
	// DetectEvery is after how many frames the detector looks for people again
	// although nobody was lost; default 31, or 11 where all are followed.
	DetectEvery int
	// Matte says what is made of the mattes.
	Matte matting.Options
}

// Person is someone in a frame, in source px.
type Person struct {
	// ID stays the same while the person is followed; from 1.
	ID int
	// Box is left, top, width, height.
	Box [4]float64
	// Score is the mean of the keypoints' scores, 0 to 1.
	Score float64
	// Keypoints are smoothed over time and Raw are not: x, y, score (0 to 1).
	// A point that was not found is 0, 0, 0.
	Keypoints, Raw [][3]float64
}

// Result is what was found in one frame.
type Result struct {
	Index  int
	Time   float64 // s since the first frame
	People []Person
	// Matte is grey8 of MatteSize, 255 is person; nil when none is wanted. It is
	// valid until emit returns.
	Matte []byte
}

// Stats is what an analysis took.
type Stats struct {
	Frames int
	Models []ModelStats // in the order of Analyser.Used
}

// ModelStats is what one model took, preparation and decoding included.
type ModelStats struct {
	Name, Task, Provider string
	Inferences           int64
	// Wall is the sum of the elapsed time of all inferences, in seconds; those that ran
	// beside each other count each.
	Wall float64
	// CPU is the processor time of the calling threads, in seconds. With one
	// thread an inference, on the CPU, that is all of it.
	CPU float64
}

// MatteSize returns the width and height in px of the mattes of a video; 0, 0
// when no matte is wanted. A matte covers the whole frame.
func (a *Analyser) MatteSize(v Video) (w, h int) {
	if !a.wantMatte() || v.FrameWidth < 1 || v.FrameHeight < 1 {
		return 0, 0
	}
	if v.Matte.Enlarges() {
		return v.FrameWidth, v.FrameHeight
	}
	return a.matte.Size(picture.Picture{Width: v.FrameWidth, Height: v.FrameHeight})
}

func (a *Analyser) wantMatte() bool { return a.matte != nil && a.choice.WantMatte }

func (v *Video) check() error {
	const op = "analyse video"
	if v.Width < 1 || v.Height < 1 || v.FrameWidth < 1 || v.FrameHeight < 1 {
		return job.Fail(job.Internal, op, "", fmt.Sprintf("a size is missing: source %dx%d, frames %dx%d",
			v.Width, v.Height, v.FrameWidth, v.FrameHeight), "", nil)
	}
	if v.People == "" {
		v.People = track.PeopleLargest
	}
	if v.DetectEvery == 0 {
		v.DetectEvery = track.DetectEvery(v.People)
	}
	if v.DetectEvery < 1 {
		return job.Fail(job.Unsupported, op, fmt.Sprintf("detect_every: %d", v.DetectEvery), "it is not a number of frames from 1",
			"Write a number of frames into the profile, or leave detect_every out", nil)
	}
	if v.Parallel < 1 {
		v.Parallel = runtime.GOMAXPROCS(0)
	}
	return nil
}

// CanFollow returns nil when the models can follow people as asked: one of the
// People constants, empty being PeopleLargest. The error is of kind
// model_missing where nothing finds everyone, and unsupported for another word.
func (a *Analyser) CanFollow(people string) error {
	const op = "follow people"
	switch people {
	case "", track.PeopleLargest:
		return nil
	case track.PeopleCentre, track.PeopleAll:
	default:
		return job.Fail(job.Unsupported, op, "people: "+people, "there is no such choice",
			"Write people: "+track.PeopleLargest+", "+track.PeopleCentre+" or "+track.PeopleAll+" in the profile", nil)
	}
	if _, alone := a.pose.(family.Follower); alone {
		return job.Fail(job.ModelMissing, op, "people: "+people,
			fmt.Sprintf("the pose model %s looks for one person by itself, and no detector is used with it", a.choice.Pose.Name),
			"Choose another pose model (--model pose=NAME; motionmill models list), or write people: "+track.PeopleLargest+" in the profile", nil)
	}
	if a.choice.Pose != nil && !a.FindsPeople() {
		return job.Fail(job.ModelMissing, op, "people: "+people,
			fmt.Sprintf("the pose model %s finds one person, and there is no detector that tells people apart", a.choice.Pose.Name),
			"Install a detector or a pose model that finds everyone (motionmill models list), or write people: "+track.PeopleLargest+" in the profile", nil)
	}
	return nil
}

// Analyse takes frames from next and gives a result for each to emit, strictly
// in order, one call at a time. next fills pix, which is FrameWidth × FrameHeight
// rgb24, and returns the frame's index, its time in seconds, and io.EOF after the last; it
// is not called again after an error, and it must return when ctx ends. At
// most Parallel and a few more frames are held, so a slow emit slows next down. The
// results are the same whatever Parallel is. Analyse returns when the last
// result was emitted, or, once nothing of it runs any more, with the first
// error.
func (a *Analyser) Analyse(
	ctx context.Context, v Video, next func(pix []byte) (index int, t float64, err error), emit func(Result) error,
) (Stats, error) {
	if err := a.CanFollow(v.People); err != nil {
		return Stats{}, err
	}
	if err := v.check(); err != nil {
		return Stats{}, err
	}
	run := newAnalysis(a, v)
	err := run.run(ctx, next, emit)
	if closed := run.mattes.end(); err == nil {
		err = closed
	}
	return run.stats(), err
}
