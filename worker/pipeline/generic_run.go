package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/motionmill/motionmill/inference/generic"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media"
)

// seesFrames tells whether a step of the work looks at frames.
func (w *work) seesFrames() bool {
	for _, s := range w.steps {
		if s.left == "" && s.generic.Needs().Frame {
			return true
		}
	}
	return false
}

// openSteps makes the files of all steps.
func (w *work) openSteps() (err error) {
	for _, s := range w.steps {
		if s.left != "" {
			continue
		}
		if s.file, err = s.generic.Create(filepath.Join(w.dir, s.File)); err != nil {
			return err
		}
	}
	return nil
}

// abortSteps closes what a job that failed has left open.
func (w *work) abortSteps() {
	for _, s := range w.steps {
		if s.file != nil {
			_ = s.file.Abort() // The job has failed, and its folder goes.
			s.file = nil
		}
	}
}

// showSteps gives a frame to the steps that look at frames.
func (w *work) showSteps(pix []byte, frame media.Frame) error {
	for _, s := range w.steps {
		if s.file == nil || !s.generic.Needs().Frame {
			continue
		}
		if err := s.see(w.still(pix), generic.Moment{Index: frame.Index, Time: frame.Time.Seconds(), Part: 1}); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) still(pix []byte) picture.Picture {
	width, height := w.frameSize()
	return picture.Picture{Pix: pix, Width: width, Height: height}
}

// see runs the model on a frame where it is this one's turn.
func (s *stepRun) see(still picture.Picture, at generic.Moment) error {
	if !s.single() {
		if at.Index%s.generic.Every() != 0 {
			return nil
		}
		return s.run(generic.Material{Still: still, Text: s.text}, at)
	}
	if s.took.Frames > 0 {
		return nil
	}
	if at.Time < s.generic.At() { // It may be the last one.
		s.held.pix, s.held.moment = append(s.held.pix[:0], still.Pix...), at
		return nil
	}
	return s.run(generic.Material{Still: still, Text: s.text}, at)
}

// run runs the model once and writes what it gives.
func (s *stepRun) run(from generic.Material, at generic.Moment) error {
	began := time.Now()
	out, err := s.generic.Run(from)
	if err != nil {
		return fmt.Errorf("make %s: %w", s.File, err)
	}
	if err := s.file.Add(at, out); err != nil {
		return err
	}
	s.took.Seconds += time.Since(began).Seconds()
	if s.generic.Needs().Frame {
		s.took.Frames++
	}
	return nil
}

// pull reads all frames for the steps alone.
func (w *work) pull() error {
	width, height := w.frameSize()
	pix, next := make([]byte, width*height*3), w.nextFrame()
	for {
		_, _, err := next(pix)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		w.frames++
		w.report("analyse")
	}
}

// finishSteps runs the steps that look at no frames, once all frames are
// read, and closes the files of all.
func (w *work) finishSteps(ctx context.Context) (steps []Step, err error) {
	for _, s := range w.steps {
		if s.file == nil {
			continue
		}
		w.report(s.File)
		switch needs := s.generic.Needs(); {
		case needs.Sound != nil:
			err = w.listen(ctx, s, *needs.Sound)
		case !needs.Frame:
			err = s.run(generic.Material{Text: s.text}, generic.Moment{Part: 1})
		case s.single() && s.took.Frames == 0 && s.held.pix != nil:
			err = s.run(generic.Material{Still: w.still(s.held.pix), Text: s.text}, s.held.moment)
		}
		if err != nil {
			w.observe(ctx, w.began, s.took, err)
			return nil, err
		}
		file := s.file
		s.file = nil
		if s.made, err = file.Close(); err != nil {
			return nil, err
		}
		s.took.Seconds = seconds(time.Duration(s.took.Seconds * float64(time.Second)))
		steps = append(steps, w.observe(ctx, w.began, s.took, nil))
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("stop work: %w", err)
		}
	}
	return steps, nil
}

// listen runs a step on the sound of the video, a window after the other.
func (w *work) listen(ctx context.Context, s *stepRun, need generic.SoundNeed) error {
	windows := soundWindows{need: need, hear: func(samples []float32, at generic.Moment) error {
		return s.run(generic.Material{Samples: samples, Text: s.text}, at)
	}}
	usage, err := w.Tools.Sound(ctx, media.SoundPlan{
		Input: w.input, Info: w.info, Rate: need.Rate, Channels: need.Channels, Deadline: w.deadline(),
	}, windows.add)
	s.took.CPUSeconds += seconds(usage.CPU)
	if errors.Is(err, errSoundTooLong) {
		return job.Fail(job.OverLimit, "make", s.File, err.Error(), "Set window (s) of the audio in the options of the model's manifest", err)
	}
	if err != nil {
		return err
	}
	return windows.end()
}

// stepOutputs describes the files that steps made.
func (w *work) stepOutputs() (outputs []ManifestOutput, notes []string, err error) {
	for _, s := range w.steps {
		if s.left != "" {
			notes = append(notes, s.File+" was left out: "+s.left)
			continue
		}
		size, sha, err := digest(filepath.Join(w.dir, s.File))
		if err != nil {
			return nil, nil, failed("read output", s.File, err)
		}
		outputs = append(outputs, ManifestOutput{
			Path: s.File, Bytes: size, SHA256: sha, Type: contentType(s.File),
			Width: s.made.Width, Height: s.made.Height, Duration: s.made.Duration, Frames: s.took.Frames,
		})
	}
	return outputs, notes, nil
}
