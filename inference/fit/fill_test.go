package fit

import (
	"math"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/picture"
)

func TestFillIsBilinear(t *testing.T) {
	pic := inferencetest.Noise(37, 53)
	in := models.Input{Width: 24, Height: 32, Mean: []float64{10, 20, 30}, Std: []float64{2, 4, 8}, Pad: 114}
	for _, c := range []struct {
		name      string
		placement Placement
	}{
		{"stretch", stretch(pic, 24, 32)},
		{"letterbox top left", Letterbox(pic, 24, 32, false)},
		{"letterbox centred", Letterbox(pic, 24, 32, true)},
		{"crop inside", Crop(picture.Rect{X: 5.3, Y: 7.7, W: 18, H: 24}, 24, 32)},
		{"crop beyond every edge", Crop(picture.Rect{X: -20, Y: -15, W: 80, H: 90}, 24, 32)},
		{"crop far outside", Crop(picture.Rect{X: 500, Y: -900, W: 24, H: 32}, 24, 32)},
	} {
		for _, layout := range []string{"nchw", "nhwc", "chw"} {
			for _, colour := range []string{"rgb", "bgr"} {
				t.Run(c.name+" "+layout+" "+colour, func(t *testing.T) {
					in.Layout, in.Colour = layout, colour
					dst := make([]float32, 3*24*32)
					for i := range dst {
						dst[i] = float32(math.NaN()) // Every value has to be written.
					}
					var s Scratch
					NewFiller(in).Fill(dst, pic, c.placement, &s)
					compareFill(t, dst, pic, c.placement, in)
				})
			}
		}
	}
}

// TestFillInTurn fills one input with pictures that lie otherwise each time:
// nothing of one may be left in the next.
func TestFillInTurn(t *testing.T) {
	wide, tall := inferencetest.Noise(37, 23), inferencetest.Noise(23, 37)
	in := models.Input{Width: 24, Height: 32, Layout: "nchw", Mean: []float64{10, 20, 30}, Std: []float64{2, 4, 8}, Pad: 114}
	var s Scratch
	dst := make([]float32, 3*24*32)
	for range 2 {
		for _, c := range []struct {
			pic       picture.Picture
			placement Placement
		}{
			{wide, Letterbox(wide, 24, 32, true)}, {tall, Letterbox(tall, 24, 32, true)}, {tall, Letterbox(tall, 24, 32, true)},
			{wide, Letterbox(wide, 24, 32, false)}, {wide, Crop(picture.Rect{X: -5, Y: 3, W: 24, H: 32}, 24, 32)}, {wide, Crop(picture.Rect{X: -5.5, Y: 3, W: 24, H: 32}, 24, 32)},
			{tall, Crop(picture.Rect{X: -5.5, Y: 3, W: 24, H: 32}, 24, 32)}, {tall, Window(picture.Rect{X: 1, Y: 1, W: 30, H: 40}, 24, 32)}, {tall, CropUDP(picture.Rect{X: 1, Y: 1, W: 23, H: 31}, 24, 32)},
		} {
			NewFiller(in).Fill(dst, c.pic, c.placement, &s)
			compareFill(t, dst, c.pic, c.placement, in)
		}
	}
}

func compareFill(t *testing.T, dst []float32, pic picture.Picture, p Placement, in models.Input) {
	t.Helper()
	for y := range in.Height {
		for x := range in.Width {
			for c := range 3 {
				from, at := c, (c*in.Height+y)*in.Width+x
				if in.Colour == "bgr" {
					from = 2 - c
				}
				if in.Layout == "nhwc" {
					at = (y*in.Width+x)*3 + c
				}
				value := in.Pad
				if i, j := x-p.X, y-p.Y; i >= 0 && j >= 0 && i < p.W && j < p.H {
					value = inferencetest.Sample(pic, p.left+float64(i)*p.StepX, p.top+float64(j)*p.StepY, from, p.border)
				}
				if want := (value - in.Mean[c]) / in.Std[c]; math.Abs(float64(dst[at])-want) > 1e-3 {
					t.Fatalf("at %d,%d channel %d is %v, want %v", x, y, c, dst[at], want)
				}
			}
		}
	}
}

func TestLetterboxSizes(t *testing.T) {
	for _, c := range []struct {
		w, h, inW, inH int
		centred        bool
		want           [4]int
	}{
		{640, 425, 416, 416, false, [4]int{0, 0, 416, 276}}, // 276.25 is rounded down
		{384, 496, 416, 416, false, [4]int{0, 0, 322, 416}}, // 322.06
		{1280, 720, 640, 640, true, [4]int{0, 140, 640, 360}},
		{1280, 719, 640, 640, true, [4]int{0, 140, 640, 360}}, // 359.5 is rounded up
		{641, 640, 640, 640, true, [4]int{0, 0, 640, 639}},    // half a px is left: 0 above, 1 below
		{361, 640, 640, 640, true, [4]int{139, 0, 361, 640}},  // 139.5, less the tenth
		{5, 4000, 64, 64, false, [4]int{0, 0, 1, 64}},
	} {
		p := Letterbox(picture.Picture{Width: c.w, Height: c.h}, c.inW, c.inH, c.centred)
		if got := [4]int{p.X, p.Y, p.W, p.H}; got != c.want {
			t.Errorf("%dx%d into %dx%d: got %v, want %v", c.w, c.h, c.inW, c.inH, got, c.want)
		}
	}
}

func TestTopDownArea(t *testing.T) {
	for _, c := range []struct{ box, want picture.Rect }{
		{picture.Rect{X: 100, Y: 100, W: 30, H: 80}, picture.Rect{X: 77.5, Y: 90, W: 75, H: 100}},   // tall: the width grows
		{picture.Rect{X: 0, Y: 0, W: 90, H: 60}, picture.Rect{X: -11.25, Y: -45, W: 112.5, H: 150}}, // wide: the height grows
	} {
		if got := TopDown(c.box, 1.25, 0.75); got != c.want {
			t.Errorf("box %v gives %v, want %v", c.box, got, c.want)
		}
	}
}

func TestFillDoesNotAllocate(t *testing.T) {
	pic := inferencetest.Noise(384, 496)
	in := models.Input{Width: 192, Height: 256, Layout: "nchw", Colour: "rgb", Mean: []float64{0, 0, 0}, Std: []float64{255, 255, 255}}
	f, dst := NewFiller(in), make([]float32, 3*192*256)
	var s Scratch
	run := func() { f.Fill(dst, pic, Crop(picture.Rect{X: -10, Y: 40, W: 300, H: 400}, 192, 256), &s) }
	run()
	if n := testing.AllocsPerRun(10, run); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkFillCrop(b *testing.B) {
	pic := inferencetest.Noise(384, 496)
	in := models.Input{Width: 192, Height: 256, Layout: "nchw", Colour: "rgb", Mean: []float64{0, 0, 0}, Std: []float64{255, 255, 255}}
	f, dst := NewFiller(in), make([]float32, 3*192*256)
	var s Scratch
	for b.Loop() {
		f.Fill(dst, pic, Crop(picture.Rect{X: -10, Y: 40, W: 300, H: 400}, 192, 256), &s)
	}
}
