package inference

import (
	"slices"

	"github.com/motionmill/motionmill/inference/picture"
)

// lookAgain is after how many frames the detector runs again while a pose is
// in doubt, or some of several people are out of sight. It is odd: the even and
// the odd frames take their boxes from their like, and both get their turn.
const lookAgain = 3

// sight is what is being found in a frame.
type sight struct {
	tried []picture.Rect // where a pose was looked for
	seen  []observation  // who was found there
}

// guess is a box in which somebody may be.
type guess struct {
	box    picture.Rect
	sought bool // the box was found in this very frame
}

// correct gives guesses for those who are expected: what was found there, or
// else where they were.
func (g following) correct(expected []track, found []picture.Detection) []guess {
	guesses := make([]guess, len(expected))
	of := g.pair(len(expected), len(found), samePerson, func(i, j int) float64 {
		return picture.Overlap(expected[i].box, found[j].Box)
	})
	for i, k := range expected {
		guesses[i] = guess{box: k.box}
		if of[i] >= 0 {
			guesses[i] = guess{box: found[of[i]].Box, sought: true}
		}
	}
	return guesses
}

// others guesses where more people are at time t, as many as there is room
// for: first those who are known and not yet seen, then whoever was found.
func (g following) others(now scene, found []picture.Detection, s sight, t float64) []guess {
	rest := g.unexplained(found, s.seen)
	unseen := g.unseen(now, s.seen, t)
	of := g.pair(len(unseen), len(rest), samePerson, func(i, j int) float64 {
		return picture.Overlap(unseen[i].boxAt(t), rest[j].Box)
	})
	var guesses []guess
	for i, k := range unseen {
		switch {
		case of[i] >= 0:
			guesses = append(guesses, guess{rest[of[i]].Box, true})
		case k.visible:
			guesses = append(guesses, guess{box: k.box})
		}
	}
	slices.SortStableFunc(rest, func(a, b picture.Detection) int { return g.order(a.Box, b.Box) })
	for _, d := range rest {
		guesses = append(guesses, guess{d.Box, true})
	}
	var open []guess
	for _, o := range guesses {
		known := slices.ContainsFunc(open, func(other guess) bool { return other.box == o.box })
		if len(open) < g.limit-len(s.seen) && !known && !slices.Contains(s.tried, o.box) {
			open = append(open, o)
		}
	}
	return open
}

// unexplained leaves out what was found of those who were seen already: each
// accounts for one detection.
func (g following) unexplained(found []picture.Detection, seen []observation) []picture.Detection {
	of := g.pair(len(seen), len(found), samePerson, func(i, j int) float64 { return picture.Overlap(seen[i].box, found[j].Box) })
	var rest []picture.Detection
	for j, d := range found {
		if !slices.Contains(of, j) {
			rest = append(rest, d)
		}
	}
	return rest
}

// unseen returns those of a scene who are none of seen at time t.
func (g following) unseen(now scene, seen []observation, t float64) (tracks []track) {
	of := g.pair(len(now.tracks), len(seen), sameMove, func(i, j int) float64 { return g.likeness(now.tracks[i], seen[j], t) })
	for i, k := range now.tracks {
		if of[i] < 0 {
			tracks = append(tracks, k)
		}
	}
	return tracks
}
