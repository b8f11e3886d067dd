package inference

// The numbers of following one person. They were chosen on real footage; see
// the package's tests for what they give.
const (
	// lag is how many frames lie between a pose and the frame that takes its box.
	// With 2, two poses can be under way at once. It is a constant, because
	// results must not depend on the number of cores.
	lag = 2
	// correctEvery is after how many frames the detector looks again although
	// the person was never lost. It is odd, so that with a lag of 2 both the even
	// and the odd frames get their turn.
	correctEvery = 31
	// boxPoint is the score from which a point counts for the box.
	boxPoint = 0.2
	// boxMargin is what is added on each side of the points' bounds, as a share
	// of their width and height: heads, hands and feet reach beyond them, and
	// the person moves on by lag frames.
	boxMargin = 0.15
	// boxPoints is the least number of points that make a person.
	boxPoints = 4
	// defaultMinScore is the mean score below which a pose is taken for nobody.
	defaultMinScore = 0.2
	// samePerson is the overlap from which two boxes can be the same person.
	samePerson = 0.2
	// elsewhere is the overlap below which a box is at another place.
	elsewhere = 0.1
	// forgetAfter is how many seconds a person can be out of sight and keep the
	// id when found elsewhere.
	forgetAfter = 1.0
)

// observation is what one frame shows of the followed person.
type observation struct {
	found bool
	// sought tells that the box came from looking for people in this very frame.
	sought bool
	points []keypoint // frame px
	score  float64    // mean of the points' scores
	box    rect       // frame px
}

// track is what is known of the followed person after a frame.
type track struct {
	id      int // 0 before anyone was found
	visible bool
	box     rect    // where the person was last, frame px
	at      float64 // when, s
}

// advance takes in what the next frame, at time t in seconds, shows. It may
// refuse the observation: found is false in what it returns then.
func (k track) advance(o observation, t float64) (track, observation) {
	if o.found && k.visible && !o.sought && overlap(k.box, o.box) < elsewhere {
		o.found = false // It strayed to somebody else: look again.
	}
	if !o.found {
		k.visible = false
		return k, o
	}
	switch {
	case k.id == 0:
		k.id = 1
	case !k.visible && t-k.at > forgetAfter && overlap(k.box, o.box) < elsewhere:
		k.id++
	}
	k.visible, k.box, k.at = true, o.box, t
	return k, o
}

// choose decides where to look for the pose, given the boxes found in this
// frame, if any were sought: the followed person's if it is among them, where
// the person was if still visible, else the largest.
func (k track) choose(found []detection) (box rect, ok bool) {
	best := -1.0
	if k.id > 0 {
		for _, f := range found {
			if o := overlap(k.box, f.box); o >= samePerson && o > best {
				box, ok, best = f.box, true, o
			}
		}
	}
	if ok {
		return box, true
	}
	if k.visible {
		return k.box, true
	}
	for _, f := range found {
		if f.box.area() > best {
			box, ok, best = f.box, true, f.box.area()
		}
	}
	return box, ok
}

// observe judges the points that a pose model gave for a frame of w by h px.
func observe(points []keypoint, minScore float64, w, h int) observation {
	o := observation{points: points}
	for _, p := range points {
		o.score += p.score
	}
	o.score /= float64(max(len(points), 1))
	box, n := bounds(points)
	o.box = box.grow(boxMargin).within(float64(w), float64(h))
	const smallest = 8 // px: less is not a person that points can be told apart on
	o.found = o.score >= minScore && n >= boxPoints && max(o.box.w, o.box.h) >= smallest && min(o.box.w, o.box.h) > 1
	return o
}

// bounds returns the smallest box around the points that count, and their number.
func bounds(points []keypoint) (rect, int) {
	var left, top, right, bottom float64
	n := 0
	for _, p := range points {
		if p.score < boxPoint {
			continue
		}
		if n == 0 {
			left, top, right, bottom = p.x, p.y, p.x, p.y
		}
		left, right = min(left, p.x), max(right, p.x)
		top, bottom = min(top, p.y), max(bottom, p.y)
		n++
	}
	return rect{left, top, right - left, bottom - top}, n
}
