package inference

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

// mostPeople is how many are followed at once when all are.
const mostPeople = 20

// following is how people are followed through a video.
type following struct {
	people        string
	limit         int     // how many people
	detectEvery   int     // frames
	width, height float64 // of a frame, px
	likeness      likeness
	pair          func(rows, columns int, least float64, value func(row, column int) float64) []int
}

// newFollowing is for frames of w by h px. The detector looks for people again
// after detectEvery frames although nobody was lost.
func newFollowing(people string, detectEvery, w, h int) following {
	f := following{
		people: people, limit: 1, detectEvery: detectEvery, width: float64(w), height: float64(h),
		likeness: byMotion, pair: pair,
	}
	if people == PeopleAll {
		f.limit = mostPeople
	}
	return f
}

// due tells whether the detector looks at a frame whatever is known. Frames
// take their boxes from the one two before, so that the even and the odd ones
// get their turn one after the other, also where detectEvery is even.
func (g following) due(frame int) bool {
	turn := frame / g.detectEvery
	return frame%g.detectEvery == (turn*g.detectEvery+turn)%2
}

// searches tells whether the detector looks at a frame, at time t in seconds, of
// which before is known.
func (g following) searches(frame int, before scene, t float64) bool {
	return g.due(frame) || frame%lookAgain == 0 && before.uncertain(g, t)
}

// order is negative when the person in box a is to be followed before the one in b.
func (g following) order(a, b picture.Rect) int {
	if g.people == PeopleCentre {
		return cmp.Compare(g.fromCentre(a), g.fromCentre(b))
	}
	return cmp.Compare(b.Area(), a.Area())
}

// fromCentre is the square of the distance of a box from the frame's middle, in px².
func (g following) fromCentre(box picture.Rect) float64 {
	x, y := box.Centre()
	return (x-g.width/2)*(x-g.width/2) + (y-g.height/2)*(y-g.height/2)
}

// scene is what is known of all people after a frame, in the order of their
// ids. It does not change once it is made.
type scene struct {
	tracks []track
	ids    int // how many were given
}

// visible returns those who are in sight.
func (s scene) visible() (tracks []track) {
	for _, k := range s.tracks {
		if k.visible {
			tracks = append(tracks, k)
		}
	}
	return tracks
}

// uncertain tells whether at time t the pose of somebody is in doubt or, of
// several people, somebody is out of sight who is not forgotten.
func (s scene) uncertain(g following, t float64) bool {
	return slices.ContainsFunc(s.tracks, func(k track) bool {
		return k.inDoubt() || g.limit > 1 && !k.visible && t-k.at <= forgetAfter
	})
}

// advance takes in whom the next frame, at time t in seconds, shows. What it
// gives back has ids, in their order; those who cannot be anybody are left out.
func (s scene) advance(g following, seen []observation, t float64) (scene, []observation) {
	seen = withoutDoubles(seen)
	slices.SortStableFunc(seen, func(a, b observation) int { return g.order(a.box, b.box) })
	of := g.pair(len(s.tracks), len(seen), sameMove, func(i, j int) float64 {
		return g.likeness(s.tracks[i], seen[j], t)
	})
	next := scene{ids: s.ids}
	var taken []observation
	for i, k := range s.tracks {
		if of[i] < 0 && g.limit == 1 {
			of[i] = k.stillTheOne(seen, t)
		}
		switch j := of[i]; {
		case j >= 0:
			seen[j].id = k.id
			taken = append(taken, seen[j])
			next.tracks = append(next.tracks, k.seen(seen[j], t))
		case g.limit == 1 || t-k.at <= forgetAfter:
			k.visible = false
			next.tracks = append(next.tracks, k)
		}
	}
	for _, o := range seen {
		// Who is nobody known and was not looked for has strayed to somebody else.
		if o.id > 0 || !o.sought || len(taken) >= g.limit {
			continue
		}
		if g.limit == 1 {
			next.tracks = nil
		}
		next.ids++
		o.id = next.ids
		taken = append(taken, o)
		next.tracks = append(next.tracks, newTrack(o, t))
	}
	slices.SortFunc(taken, func(a, b observation) int { return cmp.Compare(a.id, b.id) })
	return next, taken
}

// stillTheOne decides who of seen, in the order of who is to be followed first,
// is taken for the only person who is followed though no pose is like theirs:
// somebody at the same place, or, soon enough, whoever was found. It returns
// an index or -1.
func (k track) stillTheOne(seen []observation, t float64) int {
	return slices.IndexFunc(seen, func(o observation) bool {
		return picture.Overlap(k.box, o.box) >= elsewhere || o.sought && t-k.at <= sameOneFor
	})
}

// withoutDoubles leaves out, of poses of one person, all but the best.
func withoutDoubles(seen []observation) (kept []observation) {
	sorted := slices.Clone(seen)
	slices.SortStableFunc(sorted, func(a, b observation) int { return cmp.Compare(b.score, a.score) })
	for _, o := range sorted {
		if !slices.ContainsFunc(kept, func(k observation) bool {
			return alike(o.points, k.points, 0, 0, k.box.Area()) >= double
		}) {
			kept = append(kept, o)
		}
	}
	return kept
}
