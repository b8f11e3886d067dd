package family

import (
	"maps"
	"math"
	"testing"

	"github.com/motionmill/motionmill/inference/picture"
)

// heatmapGolden reads the real TinyPose in each of the three ways.
func heatmapGolden(t *testing.T, s *sheet) {
	n := networkNamed(t, "tinypose-256x192")
	w := newWitness(t, n)
	for _, decode := range []string{decodeQuarter, decodeDark, decodeUDP} {
		m := n.Model
		m.Options = maps.Clone(m.Options)
		m.Options["decode"] = decode
		h, err := newHeatmap(w.As(m))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(decode, func(t *testing.T) {
			goldenPoses(t, s.row("heatmap", m.Name, decode), w, h, 0.87, decode == decodeUDP, func(area bookArea, input []float32) []picture.Keypoint {
				return heatmapByTheBook(area, read(t, n, input)[0], decode)
			})
		})
	}
}

// heatmapByTheBook is MMPose's refinement of whole maps, between its warp and its way back.
func heatmapByTheBook(area bookArea, maps []float32, decode string) (points []picture.Keypoint) {
	for k := range 17 {
		m := grid{maps[k*64*48 : (k+1)*64*48], 48, 64}
		col, row := 0, 0
		for y := range 64 {
			for x := range 48 {
				if m.data[y*48+x] > m.data[row*48+col] {
					col, row = x, y
				}
			}
		}
		score := float64(m.data[row*48+col])
		x, y := refineByTheBook(m, col, row, decode)
		if decode == "udp" {
			x, y = x/47*192, y/63*256
		} else {
			x, y = x*4, y*4
		}
		points = append(points, area.point(x, y, score))
	}
	return points
}

// refineByTheBook is the second half of MSRAHeatmap.decode and UDPHeatmap.decode.
func refineByTheBook(m grid, col, row int, decode string) (x, y float64) {
	x, y = float64(col), float64(row)
	inside := col >= 2 && row >= 2 && col < m.w-2 && row < m.h-2
	switch {
	case decode == "quarter" && inside:
		sign := func(a, b float32) float64 {
			if a == b {
				return 0
			}
			return math.Copysign(0.25, float64(a)-float64(b))
		}
		x += sign(m.data[row*m.w+col+1], m.data[row*m.w+col-1])
		y += sign(m.data[(row+1)*m.w+col], m.data[(row-1)*m.w+col])
	case decode == "dark" && inside:
		dx, dy := darkByTheBook(m, col, row)
		x, y = x+dx, y+dy
	case decode == "udp":
		dx, dy := udpByTheBook(m, col, row)
		x, y = x+dx, y+dy
	}
	return x, y
}

// udpByTheBook pads the blurred, clipped logarithm of the whole map by one cell
// of its edge, and takes the derivatives there.
func udpByTheBook(m grid, col, row int) (dx, dy float64) {
	blurred := blurByTheBook(m)
	at := func(i, j int) float64 {
		i, j = min(max(col+i, 0), m.w-1), min(max(row+j, 0), m.h-1)
		return math.Log(math.Max(1e-3, math.Min(50, blurred[j*m.w+i])))
	}
	gx, gy := 0.5*(at(1, 0)-at(-1, 0)), 0.5*(at(0, 1)-at(0, -1))
	xx, yy := at(1, 0)-2*at(0, 0)+at(-1, 0), at(0, 1)-2*at(0, 0)+at(0, -1)
	xy := 0.5 * (at(1, 1) - at(1, 0) - at(0, 1) + at(0, 0) + at(0, 0) - at(-1, 0) - at(0, -1) + at(-1, -1))
	// The inverse of the Hessian, with the reference's guard against a singular one.
	xx, yy = xx+0x1p-23, yy+0x1p-23
	det := xx*yy - xy*xy
	return -(yy*gx - xy*gy) / det, -(xx*gy - xy*gx) / det
}
