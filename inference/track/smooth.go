package track

import (
	"maps"
	"math"
)

// The parameters of the one-euro filter, for positions measured in the
// person's size: calm at rest, without lag in fast moves.
const (
	smoothCutoff      = 1.0 // Hz, of a point at rest
	smoothSlope       = 20  // Hz more for a speed of one body size a second
	smoothSpeedCutoff = 1.5 // Hz, of the speed itself
	smoothReset       = 0.5 // s without the point after which the filter starts anew
)

// Smoother holds one filter for each point of one person: the one-euro filter
// of Casiez, Roussel and Vogel, "1€ Filter" (CHI 2012), with the real time
// between frames, and both coordinates under one cutoff, which follows the
// speed of the point in the plane.
type Smoother struct {
	at     float64 // s, of the last pose
	points []pointFilter
}

// Smoothers holds the Smoother of each person, by id.
type Smoothers map[int]*Smoother

// Of returns the Smoother of person id, a new one where there is none.
func (s Smoothers) Of(id int) *Smoother {
	if s[id] == nil {
		s[id] = &Smoother{}
	}
	return s[id]
}

// Forget drops those who were not seen for so long, at time t in seconds, that
// their filters would start anew.
func (s Smoothers) Forget(t float64) {
	maps.DeleteFunc(s, func(_ int, one *Smoother) bool { return t-one.at > smoothReset })
}

type pointFilter struct {
	set    bool
	at     float64 // s
	x, y   float64 // px
	vx, vy float64 // px/s
}

// Smooth returns the filtered points of the person at time t in seconds, in
// out, which has the length of raw. size is the person's, in px.
func (s *Smoother) Smooth(t, size float64, raw, out [][3]float64) {
	if s.at = t; len(s.points) != len(raw) {
		s.points = make([]pointFilter, len(raw))
	}
	for i, p := range raw {
		out[i] = p
		if p[2] <= 0 {
			s.points[i].set = false
			continue
		}
		out[i][0], out[i][1] = s.points[i].next(t, size, p[0], p[1])
	}
}

func (f *pointFilter) next(t, size, x, y float64) (float64, float64) {
	dt := t - f.at
	if !f.set || dt <= 0 || dt > smoothReset || size <= 0 {
		*f = pointFilter{set: true, at: t, x: x, y: y}
		return x, y
	}
	a := weight(smoothSpeedCutoff, dt)
	f.vx += a * ((x-f.x)/dt - f.vx)
	f.vy += a * ((y-f.y)/dt - f.vy)
	b := weight(smoothCutoff+smoothSlope*math.Hypot(f.vx, f.vy)/size, dt)
	f.x += b * (x - f.x)
	f.y += b * (y - f.y)
	f.at = t
	return f.x, f.y
}

// weight is the share that a low-pass filter of a cutoff in Hz gives to a new
// sample dt seconds after the last.
func weight(cutoff, dt float64) float64 {
	return 1 / (1 + 1/(2*math.Pi*cutoff*dt))
}
