package family

import (
	"maps"
	"math"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// TestHeatmapGolden reads the real TinyPose in each of the three ways.
func TestHeatmapGolden(t *testing.T) {
	n := networkNamed(t, "tinypose-256x192")
	for _, decode := range []string{decodeQuarter, decodeDark, decodeUDP} {
		m := n.Model
		m.Options = maps.Clone(m.Options)
		m.Options["decode"] = decode
		h, err := newHeatmap(n.As(m))
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range goldenPictures(t) {
			t.Run(decode+" "+name, func(t *testing.T) {
				got := make([]picture.Keypoint, 17)
				if err := h.Estimate(c.pic, c.box, got); err != nil {
					t.Fatal(err)
				}
				samePoints(t, got, heatmapByTheBook(t, n, c, decode))
				if name == "skier" {
					oks := agreement(t, got)
					if t.Logf("keypoint similarity %.3f", oks); oks < 0.87 {
						t.Error("want at least 0.87")
					}
				}
			})
		}
	}
}

// heatmapByTheBook is MMPose's bounding box to centre and scale, its warp
// (get_warp_matrix or get_udp_warp_matrix), its refinement of whole maps and its way back.
func heatmapByTheBook(tb testing.TB, n *onnx.Network, c goldenPicture, decode string) (points []picture.Keypoint) {
	tb.Helper()
	mean, std := [3]float64{123.675, 116.28, 103.53}, [3]float64{58.395, 57.12, 57.375}
	centreX, centreY := c.box.X+c.box.W/2, c.box.Y+c.box.H/2
	scaleW, scaleH := c.box.W*1.25, c.box.H*1.25
	if scaleW > scaleH*192/256 {
		scaleH = scaleW / 192 * 256
	} else {
		scaleW = scaleH * 192 / 256
	}
	input := make([]float32, 3*256*192)
	for channel := range 3 {
		for row := range 256 {
			for col := range 192 {
				x := (float64(col)-0.5*192)/192*scaleW + centreX
				y := (float64(row)-0.5*256)/256*scaleH + centreY
				if decode == "udp" { // The inverse of (x − centre + scale/2)·(w − 1)/scale.
					x = float64(col)*scaleW/191 + centreX - scaleW/2
					y = float64(row)*scaleH/255 + centreY - scaleH/2
				}
				v := inferencetest.Sample(c.pic, x, y, channel, true)
				input[(channel*256+row)*192+col] = float32((v - mean[channel]) / std[channel])
			}
		}
	}
	maps := read(tb, n, input)[0]
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
		points = append(points, picture.Keypoint{
			X: x/192*scaleW + centreX - scaleW/2, Y: y/256*scaleH + centreY - scaleH/2, Score: math.Min(score, 1),
		})
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
