package track

import "github.com/motionmill/motionmill/inference/picture"

// The numbers of following people. They were chosen by measurement: see
// docs/models.md.
const (
	// Lag is how many frames lie between a pose and the frame that takes its box.
	// With 2, two poses of a person can be under way at once. It is a constant,
	// because results must not depend on the number of cores.
	Lag = 2
	// boxPoint is the score from which a point counts for the box.
	boxPoint = 0.2
	// boxMargin is what is added on each side of the points' bounds, as a share
	// of their width and height: heads, hands and feet reach beyond them, and
	// the person moves on by lag frames.
	boxMargin = 0.15
	// boxPoints is the least number of points that make a person.
	boxPoints = 4
	// samePerson is the overlap from which two boxes can be the same person.
	samePerson = 0.2
	// elsewhere is the overlap below which a box is at another place.
	elsewhere = 0.1
	// sameMove is the likeness from which a pose can be what became of another.
	sameMove = 0.1
	// double is the similarity from which two poses of a frame are of one person.
	double = 0.7
	// forgetAfter is how many seconds a person can be out of sight and keep the id.
	forgetAfter = 2.0
	// sameOneFor is for how many seconds whoever is found is taken for the one who
	// is followed alone. At the same place that is so for ever.
	sameOneFor = 1.0
	// doubtful is the share of its usual score from which a pose is in doubt, and
	// usualFor how many poses make what is usual.
	doubtful = 0.6
	usualFor = 15
)

// FewestPoints is how many points a pose must have for people to be told by it.
const FewestPoints = boxPoints

// Observation is a person whom one frame shows.
type Observation struct {
	ID int // 0 before it is known who it is
	// Sought tells that the box came from looking for people in this very frame.
	Sought bool
	Points []picture.Keypoint // frame px; nobody writes to them any more
	Score  float64            // mean of the points' scores
	Box    picture.Rect       // frame px
}

// Track is what is known of one person after a frame.
type Track struct {
	id      int
	visible bool
	Box     picture.Rect       // where the person was seen last, frame px
	at      float64            // when, s
	Points  []picture.Keypoint // as they were then
	score   float64            // of that pose
	usual   float64            // score of the poses of late
	motion  motion
}

func newTrack(o Observation, t float64) Track {
	return Track{
		id: o.ID, visible: true, Box: o.Box, at: t, Points: o.Points, score: o.Score, usual: o.Score, motion: newMotion(),
	}
}

// Expected is how far from where they were seen last, in px, the person is expected at time t.
func (k Track) Expected(t float64) (dx, dy float64) { return k.motion.shift(t - k.at) }

// boxAt is where the person is expected at time t.
func (k Track) boxAt(t float64) picture.Rect {
	dx, dy := k.Expected(t)
	return picture.Rect{X: k.Box.X + dx, Y: k.Box.Y + dy, W: k.Box.W, H: k.Box.H}
}

// seen is the track once the person was seen at time t as o.
func (k Track) seen(o Observation, t float64) Track {
	if t-k.at > motionReach {
		k.motion = newMotion()
	} else {
		dx, dy, ok := displacement(k.Points, o.Points)
		if !ok {
			x, y := k.Box.Centre()
			dx, dy = o.Box.Centre()
			dx, dy = dx-x, dy-y
		}
		ex, ey := k.Expected(t)
		k.motion = k.motion.next(t-k.at, dx-ex, dy-ey)
	}
	k.visible, k.Box, k.at, k.Points, k.score = true, o.Box, t, o.Points, o.Score
	k.usual += (o.Score - k.usual) / usualFor
	return k
}

// inDoubt tells whether the score of the person's pose has fallen.
func (k Track) inDoubt() bool { return k.visible && k.score < doubtful*k.usual }

// Likeness tells how much a pose seen at time t looks like what became of a
// track, 0 to 1.
type Likeness func(k Track, o Observation, t float64) float64

// byMotion is the likeness that is used: how much the pose is like the last
// one, moved on as the person did.
func byMotion(k Track, o Observation, t float64) float64 {
	dx, dy := k.Expected(t)
	return Alike(k.Points, o.Points, dx, dy, o.Box.Area())
}

// Observe judges the points that a pose model gave for a frame of w by h px.
// ok is false where they are nobody's.
func Observe(points []picture.Keypoint, minScore float64, w, h int) (o Observation, ok bool) {
	o = Observation{Points: points, Score: meanScore(points)}
	box, n := bounds(points)
	o.Box = box.Grow(boxMargin).Within(float64(w), float64(h))
	const smallest = 8 // px: less is not a person that points can be told apart on
	return o, o.Score >= minScore && n >= boxPoints && max(o.Box.W, o.Box.H) >= smallest && min(o.Box.W, o.Box.H) > 1
}

// Spotted is somebody whom a model found by itself, of whatever score.
func Spotted(p picture.Person) Observation {
	return Observation{Sought: true, Points: p.Points, Score: meanScore(p.Points), Box: p.Box}
}

func meanScore(points []picture.Keypoint) float64 {
	sum := 0.0
	for _, p := range points {
		sum += p.Score
	}
	return sum / float64(max(len(points), 1))
}

// bounds returns the smallest box around the points that count, and their number.
func bounds(points []picture.Keypoint) (picture.Rect, int) {
	var left, top, right, bottom float64
	n := 0
	for _, p := range points {
		if p.Score < boxPoint {
			continue
		}
		if n == 0 {
			left, top, right, bottom = p.X, p.Y, p.X, p.Y
		}
		left, right = min(left, p.X), max(right, p.X)
		top, bottom = min(top, p.Y), max(bottom, p.Y)
		n++
	}
	return picture.Rect{X: left, Y: top, W: right - left, H: bottom - top}, n
}
