package family

import (
	"math"
	"testing"

	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

func TestSimCCGolden(t *testing.T) {
	n := networkNamed(t, "tinypose-simcc-256x192")
	s, err := newSimCC(n)
	if err != nil {
		t.Fatal(err)
	}
	goldenPoses(t, s, 0.8, func(c goldenPicture) []picture.Keypoint { return simccByTheBook(t, n, c) })
}

// simccByTheBook is MMPose's SimCC decoding, between its warp and its way back.
func simccByTheBook(tb testing.TB, n *onnx.Network, c goldenPicture) (points []picture.Keypoint) {
	tb.Helper()
	area := areaByTheBook(c.box)
	out := read(tb, n, area.input(c.pic, false))
	for k := range 17 {
		x, y := 0, 0
		for i := range 384 {
			if out[0][k*384+i] > out[0][k*384+x] {
				x = i
			}
		}
		for i := range 512 {
			if out[1][k*512+i] > out[1][k*512+y] {
				y = i
			}
		}
		score := math.Min(float64(out[0][k*384+x]), float64(out[1][k*512+y]))
		points = append(points, area.point(float64(x)/2, float64(y)/2, score))
	}
	return points
}
