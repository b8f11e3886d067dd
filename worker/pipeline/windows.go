package pipeline

import (
	"errors"

	"github.com/motionmill/motionmill/inference/generic"
)

// longestSound is the most sound that a model gets in one piece, in samples: half an
// hour of 48 kHz.
const longestSound = 30 * 60 * 48_000

var errSoundTooLong = errors.New("its sound is too long to be given to the model in one piece")

// soundWindows cuts sound, which comes in pieces of any length, into the
// windows that a model takes. They may overlap, and there may be gaps between them.
type soundWindows struct {
	need  generic.SoundNeed
	hear  func(samples []float32, at generic.Moment) error
	held  []float32 // interleaved, from the beginning of the next window on
	skip  int       // values until that begins
	index int
}

// add takes the next piece, interleaved.
func (s *soundWindows) add(piece []float32) error {
	gone := min(s.skip, len(piece))
	s.skip -= gone
	s.held = append(s.held, piece[gone:]...)
	full, step := s.need.Window*s.need.Channels, s.need.Step*s.need.Channels
	if full == 0 && len(s.held) > longestSound {
		return errSoundTooLong
	}
	at := 0
	for ; full > 0 && len(s.held)-at >= full; at += step {
		if err := s.window(s.held[at:at+full], 1); err != nil {
			return err
		}
	}
	if at > len(s.held) {
		s.skip, at = at-len(s.held), len(s.held)
	}
	s.held = s.held[:copy(s.held, s.held[at:])]
	return nil
}

// end hears what is left, where a part of it was not heard yet.
func (s *soundWindows) end() error {
	heard := 0 // values of what is held that were in the window before
	if s.index > 0 {
		heard = max(s.need.Window-s.need.Step, 0) * s.need.Channels
	}
	if len(s.held) <= heard {
		return nil
	}
	part := 1.0
	if s.need.Window > 0 {
		part = float64(len(s.held)) / float64(s.need.Window*s.need.Channels)
	}
	return s.window(s.held, part)
}

func (s *soundWindows) window(samples []float32, part float64) error {
	at := generic.Moment{Index: s.index, Time: float64(s.index*s.need.Step) / float64(s.need.Rate), Part: part}
	s.index++
	return s.hear(samples, at)
}
