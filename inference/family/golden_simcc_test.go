package family

import (
	"math"
	"testing"

	"github.com/motionmill/motionmill/inference/picture"
)

func simccGolden(t *testing.T, s *sheet) {
	n := networkNamed(t, "tinypose-simcc-256x192")
	w := newWitness(t, n)
	m, err := newSimCC(w.Network)
	if err != nil {
		t.Fatal(err)
	}
	goldenPoses(t, s.row("simcc", n.Model.Name, "the lower maximum"), w, m, 0.8, false, func(area bookArea, input []float32) []picture.Keypoint {
		return simccByTheBook(area, read(t, n, input))
	})
}

// simccByTheBook is MMPose's SimCC decoding, between its warp and its way back.
func simccByTheBook(area bookArea, out [][]float32) (points []picture.Keypoint) {
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
