package inference

import (
	"reflect"
	"testing"

	"github.com/motionmill/motionmill/inference/matting"
	"github.com/motionmill/motionmill/inference/starter"
)

// farAway shows the demo at a third of its size, in a corner of a frame of the old size.
func farAway(t *testing.T, v Video, frames [][]byte, truth starter.GroundTruth) (far, masks [][]byte) {
	t.Helper()
	const shrink, left, top = 3, 40, 200
	w, h := v.FrameWidth, v.FrameHeight
	for i, pix := range frames {
		whole, err := truth.Mask(i, w, h)
		if err != nil {
			t.Fatal(err)
		}
		frame, mask := make([]byte, len(pix)), make([]byte, w*h)
		for at := range frame {
			frame[at] = byte(90 + at/3%w*60/w + 20*(at%3)) // a wall
		}
		for y := range h / shrink {
			for x := range w / shrink {
				to := (top+y)*w + left + x
				mask[to] = meanOf(whole, w, 1, 0, x*shrink, y*shrink, shrink)
				for c := range 3 {
					frame[3*to+c] = meanOf(pix, w, 3, c, x*shrink, y*shrink, shrink)
				}
			}
		}
		far, masks = append(far, frame), append(masks, mask)
	}
	return far, masks
}

// meanOf is the mean of a square of one channel.
func meanOf(pix []byte, w, channels, channel, x, y, side int) byte {
	sum := 0
	for row := range side {
		for col := range side {
			sum += int(pix[((y+row)*w+x+col)*channels+channel])
		}
	}
	return byte(sum / (side * side))
}

// TestPeopleFarAwayAreSeenFromNearby compares the mattes of somebody small with the
// truth, with and without looks from nearby, and wants the same bytes whatever runs beside.
func TestPeopleFarAwayAreSeenFromNearby(t *testing.T) {
	v, frames, truth := demo(t)
	if danceFrames < 545 {
		frames = frames[:20] // Under the race detector a part says enough.
	}
	frames, masks := farAway(t, v, frames, truth)
	a := starters(t)
	var scores []float64
	for _, near := range []bool{false, true} {
		v.Matte = matting.All()
		v.Matte.Near = near
		var first []Result
		for _, v.Parallel = range []int{2, 1, 6} {
			results, stats := analyse(t, a, v, frames, 30)
			if first == nil {
				first = results
				t.Logf("near %v: IoU %.3f, %+v", near, meanOverlap(results, masks), stats.Models)
				scores = append(scores, meanOverlap(results, masks))
			} else if !reflect.DeepEqual(first, results) {
				t.Errorf("near %v: with %d at once something else comes out", near, v.Parallel)
			}
			if !near {
				break
			}
		}
	}
	if scores[1] < scores[0]+0.1 {
		t.Errorf("from nearby the IoU is %.3f, from afar %.3f", scores[1], scores[0])
	}
}

func meanOverlap(results []Result, masks [][]byte) (mean float64) {
	for i, r := range results {
		matte := make([]float32, len(r.Matte))
		for k, v := range r.Matte {
			matte[k] = float32(v)
		}
		mean += matteOverlapOf(matte, masks[i]) / float64(len(results))
	}
	return mean
}
