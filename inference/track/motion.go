package track

import (
	"math"
	"slices"

	"github.com/motionmill/motionmill/inference/picture"
)

// The numbers of the motion of people, in sizes: the longer side of the
// person's box is 1.
const (
	// motionAcceleration is how much people speed up and slow down, in sizes/s².
	motionAcceleration = 2.0
	// motionNoise is how far a person's place, told by all points together, is from the truth, in sizes.
	motionNoise = 0.02
	// motionSpeed is how unsure the speed of somebody new is, in sizes/s.
	motionSpeed = 1.0
	// motionReach is for how many seconds a person that is out of sight is thought to move on.
	motionReach = 1.0
)

// motion is a Kalman filter of a person's place and speed, which both axes
// share the certainty of. The place is kept as the way from where the person
// was seen last to where the filter takes them to have been.
type motion struct {
	x, y   float64 // px
	vx, vy float64 // px/s
	// The covariance of place (sizes) and speed (sizes/s).
	pp, pv, vv float64
}

func newMotion() motion {
	return motion{pp: motionNoise * motionNoise, vv: motionSpeed * motionSpeed}
}

// shift is how far from where they were last seen a person is expected after dt seconds.
func (m motion) shift(dt float64) (dx, dy float64) {
	dt = math.Min(math.Max(dt, 0), motionReach)
	return m.x + m.vx*dt, m.y + m.vy*dt
}

// next is the motion once a person was seen again after dt seconds, dx and dy
// px from where they were expected.
func (m motion) next(dt, dx, dy float64) motion {
	if dt <= 0 {
		return m
	}
	// White noise of the acceleration: Bar-Shalom, Li and Kirubarajan,
	// "Estimation with Applications to Tracking and Navigation", 6.3.
	q := motionAcceleration * motionAcceleration
	pp := m.pp + 2*dt*m.pv + dt*dt*m.vv + q*dt*dt*dt*dt/4
	pv := m.pv + dt*m.vv + q*dt*dt*dt/2
	vv := m.vv + q*dt*dt
	s := pp + motionNoise*motionNoise
	gain, speedGain := pp/s, pv/s
	return motion{
		x: (gain - 1) * dx, y: (gain - 1) * dy,
		vx: m.vx + speedGain*dx, vy: m.vy + speedGain*dy,
		pp: (1 - gain) * pp, pv: (1 - gain) * pv, vv: vv - speedGain*pv,
	}
}

// displacement is how far a person moved from one pose to the next: the median
// over the points that both show. A limb that swings, or that somebody else
// covers, does not move the person. ok is false where too few are shown.
func displacement(from, to []picture.Keypoint) (dx, dy float64, ok bool) {
	var xs, ys []float64
	for i, a := range from {
		if b := to[i]; a.Score >= boxPoint && b.Score >= boxPoint {
			xs, ys = append(xs, b.X-a.X), append(ys, b.Y-a.Y)
		}
	}
	if len(xs) < boxPoints {
		return 0, 0, false
	}
	return median(xs), median(ys), true
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
