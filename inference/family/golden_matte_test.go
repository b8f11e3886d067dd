package family

import (
	"math"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

func TestSelfieGolden(t *testing.T) {
	n := networkNamed(t, "selfie-256")
	f, err := newMatte(n)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range goldenPictures(t) {
		t.Run(name, func(t *testing.T) {
			w, h := f.Size(c.pic)
			if w != 256 || h != 256 {
				t.Fatalf("the matte is %dx%d", w, h)
			}
			got := make([]byte, w*h)
			if err := f.Cut(c.pic, got); err != nil {
				t.Fatal(err)
			}
			want := selfieByTheBook(t, n, c.pic)
			iou := inferencetest.MatteOverlap(got, func(i int) bool { return want[i] >= 0.5 })
			mean := 0.0
			for i, v := range want {
				mean += math.Abs(float64(got[i])/255-v) / float64(len(want))
			}
			t.Logf("IoU %.4f, mean difference %.5f", iou, mean)
			// Rounding to 255 steps differs by a quarter of a step in the middle.
			if iou < 0.99 || mean > 0.002 {
				t.Error("want an IoU of at least 0.99 and a mean difference of at most 0.002")
			}
		})
	}
}

// selfieByTheBook resizes the picture to 256 by 256 with samples in the middle of
// px, on 0 to 1, row after row with the channels mixed; out comes the probability.
func selfieByTheBook(tb testing.TB, n *onnx.Network, pic picture.Picture) (person []float64) {
	tb.Helper()
	input := make([]float32, 256*256*3)
	for row := range 256 {
		for col := range 256 {
			x := (float64(col)+0.5)/256*float64(pic.Width) - 0.5
			y := (float64(row)+0.5)/256*float64(pic.Height) - 0.5
			for channel := range 3 {
				input[(row*256+col)*3+channel] = float32(inferencetest.Sample(pic, x, y, channel, false) / 255)
			}
		}
	}
	out := read(tb, n, input)[0]
	for i := range 256 * 256 {
		person = append(person, float64(out[i]))
	}
	return person
}
