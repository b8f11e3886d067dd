package track

import (
	"slices"

	"github.com/motionmill/motionmill/inference/picture"
)

// lookAgain is after how many frames the detector runs again while a pose is
// in doubt, or some of several people are out of sight. It is odd: the even and
// the odd frames take their boxes from their like, and both get their turn.
const lookAgain = 3

// Sight is what is being found in a frame.
type Sight struct {
	Tried []picture.Rect // where a pose was looked for
	Seen  []Observation  // who was found there
}

// Guess is a box in which somebody may be.
type Guess struct {
	Box    picture.Rect // frame px
	Sought bool         // the box was found in this very frame
}

// Correct gives guesses for those who are expected: what was found there, or
// else where they were.
func (g Following) Correct(expected []Track, found []picture.Detection) []Guess {
	guesses := make([]Guess, len(expected))
	of := g.Pair(len(expected), len(found), samePerson, func(i, j int) float64 {
		return picture.Overlap(expected[i].Box, found[j].Box)
	})
	for i, k := range expected {
		guesses[i] = Guess{Box: k.Box}
		if of[i] >= 0 {
			guesses[i] = Guess{Box: found[of[i]].Box, Sought: true}
		}
	}
	return guesses
}

// Others guesses where more people are at time t, as many as there is room
// for: first those who are known and not yet seen, then whoever was found.
func (g Following) Others(now Scene, found []picture.Detection, s Sight, t float64) []Guess {
	rest := g.unexplained(found, s.Seen)
	unseen := g.unseen(now, s.Seen, t)
	of := g.Pair(len(unseen), len(rest), samePerson, func(i, j int) float64 {
		return picture.Overlap(unseen[i].boxAt(t), rest[j].Box)
	})
	var guesses []Guess
	for i, k := range unseen {
		switch {
		case of[i] >= 0:
			guesses = append(guesses, Guess{rest[of[i]].Box, true})
		case k.visible:
			guesses = append(guesses, Guess{Box: k.Box})
		}
	}
	slices.SortStableFunc(rest, func(a, b picture.Detection) int { return g.order(a.Box, b.Box) })
	for _, d := range rest {
		guesses = append(guesses, Guess{d.Box, true})
	}
	var open []Guess
	for _, o := range guesses {
		known := slices.ContainsFunc(open, func(other Guess) bool { return other.Box == o.Box })
		if len(open) < g.Limit-len(s.Seen) && !known && !slices.Contains(s.Tried, o.Box) {
			open = append(open, o)
		}
	}
	return open
}

// unexplained leaves out what was found of those who were seen already: each
// accounts for one detection.
func (g Following) unexplained(found []picture.Detection, seen []Observation) []picture.Detection {
	of := g.Pair(len(seen), len(found), samePerson, func(i, j int) float64 { return picture.Overlap(seen[i].Box, found[j].Box) })
	var rest []picture.Detection
	for j, d := range found {
		if !slices.Contains(of, j) {
			rest = append(rest, d)
		}
	}
	return rest
}

// unseen returns those of a scene who are none of seen at time t.
func (g Following) unseen(now Scene, seen []Observation, t float64) (tracks []Track) {
	of := g.Pair(len(now.tracks), len(seen), sameMove, func(i, j int) float64 { return g.Likeness(now.tracks[i], seen[j], t) })
	for i, k := range now.tracks {
		if of[i] < 0 {
			tracks = append(tracks, k)
		}
	}
	return tracks
}
