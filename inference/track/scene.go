package track

import (
	"cmp"
	"slices"

	"github.com/motionmill/motionmill/inference/picture"
)

// People says who is followed.
const (
	PeopleLargest = "largest" // one person: the largest, when nobody is followed yet
	PeopleCentre  = "centre"  // one person: the one nearest the middle of the frame
	PeopleAll     = "all"     // everybody
)

// After how many frames the detector looks again by default. Somebody new is seen
// at the next look only.
const (
	detectEvery       = 31
	detectEveryForAll = 11
)

// DetectEvery is after how many frames the detector looks for people again where
// nothing else is said.
func DetectEvery(people string) int {
	if people == PeopleAll {
		return detectEveryForAll
	}
	return detectEvery
}

// MostPeople is how many are followed at once when all are.
const MostPeople = 20

// Following is how people are followed through a video.
type Following struct {
	people        string
	Limit         int     // how many people
	detectEvery   int     // frames
	width, height float64 // of a frame, px
	// Likeness tells people again and Pair matches them: byMotion and Pair, unless
	// somebody compares ways.
	Likeness Likeness
	Pair     func(rows, columns int, least float64, value func(row, column int) float64) []int
}

// NewFollowing is for frames of w by h px. The detector looks for people again
// after detectEvery frames although nobody was lost.
func NewFollowing(people string, detectEvery, w, h int) Following {
	f := Following{
		people: people, Limit: 1, detectEvery: detectEvery, width: float64(w), height: float64(h),
		Likeness: byMotion, Pair: Pair,
	}
	if people == PeopleAll {
		f.Limit = MostPeople
	}
	return f
}

// Due tells whether the detector looks at a frame whatever is known. Frames
// take their boxes from the one two before, so that the even and the odd ones
// get their turn one after the other, also where detectEvery is even.
func (g Following) Due(frame int) bool {
	turn := frame / g.detectEvery
	return frame%g.detectEvery == (turn*g.detectEvery+turn)%2
}

// Searches tells whether the detector looks at a frame, at time t in seconds, of
// which before is known.
func (g Following) Searches(frame int, before Scene, t float64) bool {
	return g.Due(frame) || frame%lookAgain == 0 && before.uncertain(g, t)
}

// order is negative when the person in box a is to be followed before the one in b.
func (g Following) order(a, b picture.Rect) int {
	if g.people == PeopleCentre {
		return cmp.Compare(g.fromCentre(a), g.fromCentre(b))
	}
	return cmp.Compare(b.Area(), a.Area())
}

// fromCentre is the square of the distance of a box from the frame's middle, in px².
func (g Following) fromCentre(box picture.Rect) float64 {
	x, y := box.Centre()
	return (x-g.width/2)*(x-g.width/2) + (y-g.height/2)*(y-g.height/2)
}

// Scene is what is known of all people after a frame, in the order of their
// ids. It does not change once it is made.
type Scene struct {
	tracks []Track
	ids    int // how many were given
}

// Visible returns those who are in sight.
func (s Scene) Visible() (tracks []Track) {
	for _, k := range s.tracks {
		if k.visible {
			tracks = append(tracks, k)
		}
	}
	return tracks
}

// uncertain tells whether at time t the pose of somebody is in doubt or, of
// several people, somebody is out of sight who is not forgotten.
func (s Scene) uncertain(g Following, t float64) bool {
	return slices.ContainsFunc(s.tracks, func(k Track) bool {
		return k.inDoubt() || g.Limit > 1 && !k.visible && t-k.at <= forgetAfter
	})
}

// Advance takes in whom the next frame, at time t in seconds, shows. What it
// gives back has ids, in their order; those who cannot be anybody are left out.
func (s Scene) Advance(g Following, seen []Observation, t float64) (Scene, []Observation) {
	seen = withoutDoubles(seen)
	slices.SortStableFunc(seen, func(a, b Observation) int { return g.order(a.Box, b.Box) })
	of := g.Pair(len(s.tracks), len(seen), sameMove, func(i, j int) float64 {
		return g.Likeness(s.tracks[i], seen[j], t)
	})
	next := Scene{ids: s.ids}
	var taken []Observation
	room := g.Limit // for those who come back, beside those who stayed in sight
	for i, k := range s.tracks {
		if k.visible && of[i] >= 0 {
			room--
		}
	}
	for i, k := range s.tracks {
		if of[i] < 0 && g.Limit == 1 {
			of[i] = k.stillTheOne(seen, t)
		}
		switch j := of[i]; {
		case j >= 0 && (k.visible || room > 0):
			if !k.visible {
				room--
			}
			seen[j].ID = k.id
			taken = append(taken, seen[j])
			next.tracks = append(next.tracks, k.seen(seen[j], t))
		case g.Limit == 1 || t-k.at <= forgetAfter:
			k.visible = false
			next.tracks = append(next.tracks, k)
		}
	}
	for _, o := range seen {
		// Who is nobody known and was not looked for has strayed to somebody else.
		if o.ID > 0 || !o.Sought || len(taken) >= g.Limit {
			continue
		}
		if g.Limit == 1 {
			next.tracks = nil
		}
		next.ids++
		o.ID = next.ids
		taken = append(taken, o)
		next.tracks = append(next.tracks, newTrack(o, t))
	}
	slices.SortFunc(taken, func(a, b Observation) int { return cmp.Compare(a.ID, b.ID) })
	return next, taken
}

// stillTheOne decides who of seen, in the order of who is to be followed first,
// is taken for the only person who is followed though no pose is like theirs:
// somebody at the same place, or, soon enough, whoever was found. It returns
// an index or -1.
func (k Track) stillTheOne(seen []Observation, t float64) int {
	return slices.IndexFunc(seen, func(o Observation) bool {
		return picture.Overlap(k.Box, o.Box) >= elsewhere || o.Sought && t-k.at <= sameOneFor
	})
}

// withoutDoubles leaves out, of poses of one person, all but the best.
func withoutDoubles(seen []Observation) (kept []Observation) {
	sorted := slices.Clone(seen)
	slices.SortStableFunc(sorted, func(a, b Observation) int { return cmp.Compare(b.Score, a.Score) })
	for _, o := range sorted {
		if !slices.ContainsFunc(kept, func(k Observation) bool {
			return Alike(o.Points, k.Points, 0, 0, k.Box.Area()) >= double
		}) {
			kept = append(kept, o)
		}
	}
	return kept
}
