package track

import (
	"math"

	"github.com/motionmill/motionmill/inference/picture"
)

// likenessWidth is how far apart points may lie and still be much alike, as a
// share of the person's size: twice the σ of COCO's object keypoint similarity
// for the hips, which it allows most. Between two frames everything moves.
const likenessWidth = 0.214

// Alike is the object keypoint similarity of a pose to another, 0 to 1:
// the mean over the points that both show of exp(−d²/2s²k²), where s² is the
// area of the person and k the width. It is 0 where fewer than boxPoints are shown.
// After COCO's keypoint evaluation, with one width for all points.
func Alike(a, b []picture.Keypoint, dx, dy, area float64) float64 {
	sum, n := 0.0, 0
	for i, p := range a {
		q := b[i]
		if p.Score < boxPoint || q.Score < boxPoint {
			continue
		}
		x, y := p.X+dx-q.X, p.Y+dy-q.Y
		sum += math.Exp(-(x*x + y*y) / (2 * area * likenessWidth * likenessWidth))
		n++
	}
	if n < boxPoints || area <= 0 {
		return 0
	}
	return sum / float64(n)
}
