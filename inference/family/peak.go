package family

import "math"

// grid is one heat map.
type grid struct {
	data []float32
	w, h int
}

// peak returns the position of the maximum, refined below one cell in one of
// the ways of decode, and its value. A value of 0 or less means that there is no point.
func (g grid) peak(decode string) (x, y, score float64) {
	best, score := highest(g.data)
	cx, cy := best%g.w, best/g.w
	x, y = float64(cx), float64(cy)
	if score <= 0 {
		return x, y, score
	}
	var dx, dy float64
	switch decode {
	case decodeDark:
		dx, dy = g.darkOffset(cx, cy)
	case decodeUDP:
		dx, dy = g.udpOffset(cx, cy)
	default:
		dx, dy = g.quarterOffset(cx, cy)
	}
	return x + dx, y + dy, score
}

// quarterOffset moves by a quarter of a cell towards the higher neighbour on
// each axis, but at the edges: the first two cells and the last. After MMPose's
// refine_keypoints.
func (g grid) quarterOffset(x, y int) (dx, dy float64) {
	i := y*g.w + x
	if x >= 2 && x <= g.w-2 {
		dx = quarter(g.data[i+1] - g.data[i-1])
	}
	if y >= 2 && y <= g.h-2 {
		dy = quarter(g.data[i+g.w] - g.data[i-g.w])
	}
	return dx, dy
}

func quarter(difference float32) float64 {
	switch {
	case difference > 0:
		return 0.25
	case difference < 0:
		return -0.25
	default:
		return 0
	}
}

// darkOffset fits the logarithm of the blurred map around the maximum by a
// parabola and returns the way to its top. After Zhang et al., "Distribution-
// Aware Coordinate Representation for Human Pose Estimation" (CVPR 2020), with
// the blur of MMPose's codecs/utils/refinement.py. The rescaling to the old
// maximum is left out, as it only adds a constant to the logarithm.
func (g grid) darkOffset(x, y int) (dx, dy float64) {
	if x < 2 || y < 2 || x > g.w-3 || y > g.h-3 {
		return 0, 0
	}
	m := g.blurred(x, y)
	at := func(i, j int) float64 { return math.Log(math.Max(m[2+j][2+i], 1e-10)) }
	return top(
		(at(1, 0)-at(-1, 0))/2, (at(0, 1)-at(0, -1))/2,
		(at(2, 0)-2*at(0, 0)+at(-2, 0))/4, (at(0, 2)-2*at(0, 0)+at(0, -2))/4,
		(at(1, 1)-at(-1, 1)-at(1, -1)+at(-1, -1))/4,
	)
}

// The bounds of a blurred map before its logarithm is taken, with UDP.
const udpLow, udpHigh = 1e-3, 50

// udpOffset is darkOffset with differences to the next cells only and an own
// rule for the edge, where the last row and column are repeated. After MMPose's
// refine_keypoints_dark_udp.
func (g grid) udpOffset(x, y int) (dx, dy float64) {
	score := float64(g.data[y*g.w+x])
	if score <= udpLow {
		return 0, 0 // All of the map is below the bound: it is flat.
	}
	m := g.blurred(x, y)
	lowest := m[2][2]
	for _, row := range m[1:4] {
		lowest = min(lowest, row[1], row[2], row[3])
	}
	// The rescaling to the old maximum matters only where a bound is met.
	raise := 1.0
	if lowest < udpLow || score > udpHigh {
		raise = score / g.highestBlurred()
	}
	at := func(i, j int) float64 {
		// From the map's edge on, the value of the edge.
		i, j = min(max(x+i, 0), g.w-1)-x, min(max(y+j, 0), g.h-1)-y
		return math.Log(math.Min(math.Max(m[2+j][2+i]*raise, udpLow), udpHigh))
	}
	return top(
		(at(1, 0)-at(-1, 0))/2, (at(0, 1)-at(0, -1))/2,
		at(1, 0)-2*at(0, 0)+at(-1, 0), at(0, 1)-2*at(0, 0)+at(0, -1),
		(at(1, 1)-at(1, 0)-at(0, 1)+2*at(0, 0)-at(-1, 0)-at(0, -1)+at(-1, -1))/2,
	)
}

// top returns the way from a place to the top of the parabola with the first
// derivatives x, y and the second ones xx, yy, xy there: −H⁻¹·D. Where that is
// not near, it is no top, and the way is 0.
func top(x, y, xx, yy, xy float64) (dx, dy float64) {
	det := xx*yy - xy*xy
	if det == 0 {
		return 0, 0
	}
	dx, dy = -(yy*x-xy*y)/det, -(xx*y-xy*x)/det
	if !(math.Abs(dx) <= 2 && math.Abs(dy) <= 2) {
		return 0, 0
	}
	return dx, dy
}

// blurTaps is the width of the blur, and blurReach how far it reaches.
const (
	blurTaps  = 11
	blurReach = blurTaps / 2
)

// blurKernel is OpenCV's Gaussian of 11 taps: sigma 0.3·((11−1)/2 − 1) + 0.8 = 2.
func blurKernel() [blurTaps]float64 {
	var k [blurTaps]float64
	sum := 0.0
	for i := range k {
		k[i] = math.Exp(-float64((i-blurReach)*(i-blurReach)) / 8)
		sum += k[i]
	}
	for i := range k {
		k[i] /= sum
	}
	return k
}

// blurred returns the blurred map in the 5 by 5 cells around a place, which are
// all that the derivatives touch; outside the map is 0.
func (g grid) blurred(x, y int) (out [5][5]float64) {
	kernel := blurKernel()
	var rows [4 + blurTaps][5]float64
	for j := range rows {
		row := y + j - 2 - blurReach
		if row < 0 || row >= g.h {
			continue
		}
		cells := g.data[row*g.w : (row+1)*g.w]
		for i := range 5 {
			left := x + i - 2 - blurReach
			for k := max(0, -left); k < min(blurTaps, g.w-left); k++ {
				rows[j][i] += kernel[k] * float64(cells[left+k])
			}
		}
	}
	for j := range out {
		for i := range out[j] {
			for k, weight := range kernel {
				out[j][i] += weight * rows[j+k][i]
			}
		}
	}
	return out
}

// highestBlurred returns the maximum of the whole blurred map. It is slow, and
// needed only for peaks so low or so narrow that the blur brings them to the bound.
func (g grid) highestBlurred() (highest float64) {
	for y := 2; y < g.h+2; y += 5 {
		for x := 2; x < g.w+2; x += 5 {
			for j, row := range g.blurred(x, y) {
				for i, v := range row {
					if y+j-2 < g.h && x+i-2 < g.w {
						highest = math.Max(highest, v)
					}
				}
			}
		}
	}
	return highest
}
