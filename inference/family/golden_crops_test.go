package family

import (
	"math"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/picture"
)

// crops192 is the input of MMPose's models.
var crops192 = book{192, 256, false, 0, [3]int{0, 1, 2}, [3]float64{123.675, 116.28, 103.53}, [3]float64{58.395, 57.12, 57.375}}

// goldenPoses wants the input and the points that the reference's way gives, and on the
// skier at least a similarity to the truth.
func goldenPoses(t *testing.T, row *measured, w *witness, m Poser, least float64, udp bool,
	byTheBook func(area bookArea, input []float32) []picture.Keypoint) {
	t.Helper()
	for name, c := range row.pictures {
		t.Run(name, func(t *testing.T) {
			got := make([]picture.Keypoint, 17)
			if err := m.Estimate(c.pic, c.box, got); err != nil {
				t.Fatal(err)
			}
			area := areaByTheBook(c.box)
			input := area.input(c.pic, udp)
			w.wasAsked(t, row, crops192, input)
			row.samePoints(t, got, byTheBook(area, input))
			if name == "skier" {
				row.likeTheSkier(t, got, least)
			}
		})
	}
}

// bookArea is what MMPose sees for a box at an input of 192 by 256 px: its
// bounding box to centre and scale, and its warp.
type bookArea struct{ centreX, centreY, scaleW, scaleH float64 }

func areaByTheBook(box picture.Rect) bookArea {
	a := bookArea{box.X + box.W/2, box.Y + box.H/2, box.W * 1.25, box.H * 1.25}
	if a.scaleW > a.scaleH*192/256 {
		a.scaleH = a.scaleW / 192 * 256
	} else {
		a.scaleW = a.scaleH * 192 / 256
	}
	return a
}

// input is the tensor, by get_warp_matrix or get_udp_warp_matrix.
func (a bookArea) input(pic picture.Picture, udp bool) []float32 {
	input := make([]float32, 3*256*192)
	for channel := range 3 {
		for row := range 256 {
			for col := range 192 {
				x := (float64(col)-0.5*192)/192*a.scaleW + a.centreX
				y := (float64(row)-0.5*256)/256*a.scaleH + a.centreY
				if udp { // The inverse of (x − centre + scale/2)·(w − 1)/scale.
					x = float64(col)*a.scaleW/191 + a.centreX - a.scaleW/2
					y = float64(row)*a.scaleH/255 + a.centreY - a.scaleH/2
				}
				v := inferencetest.Sample(pic, x, y, channel, true)
				input[(channel*256+row)*192+col] = float32((v - crops192.mean[channel]) / crops192.std[channel])
			}
		}
	}
	return input
}

// point brings a place in the input back to the picture.
func (a bookArea) point(x, y, score float64) picture.Keypoint {
	return picture.Keypoint{
		X: x/192*a.scaleW + a.centreX - a.scaleW/2, Y: y/256*a.scaleH + a.centreY - a.scaleH/2, Score: math.Min(score, 1),
	}
}
