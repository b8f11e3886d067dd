package matting

import (
	"math"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/picture"
)

// disc paints a disc about x, y on a gradient and gives its truth, 0 to 1 a px.
func disc(w, h int, x, y, radius float64) (picture.Picture, []float64) {
	pic := picture.Picture{Pix: make([]byte, w*h*3), Width: w, Height: h}
	truth := make([]float64, w*h)
	for row := range h {
		for col := range w {
			at := row*w + col
			inside := math.Min(math.Max(radius+0.5-math.Hypot(float64(col)-x, float64(row)-y), 0), 1)
			truth[at] = inside
			for channel, back := range [3]float64{60 + 60*float64(col)/float64(w), 80, 150 - 50*float64(row)/float64(h)} {
				front := [3]float64{200, 150, 90}[channel]
				pic.Pix[at*3+channel] = byte(back + inside*(front-back) + 0.5)
			}
		}
	}
	return pic, truth
}

// coarse is what a model of 32 by 32 px sees of a truth: half a px off at worst.
func coarse(truth []float64, w, h int) []byte {
	matte := make([]byte, 32*32)
	for y := range 32 {
		for x := range 32 {
			// Its edge is blurred, and where it is sure it is not quite.
			sum, n := 0.0, 0.0
			for row := max((y-1)*h/32, 0); row < min((y+2)*h/32, h); row++ {
				for col := max((x-1)*w/32, 0); col < min((x+2)*w/32, w); col++ {
					sum, n = sum+truth[row*w+col], n+1
				}
			}
			matte[y*32+x] = byte(sum / n * 250)
		}
	}
	return matte
}

func finished(t *testing.T, pic picture.Picture, matte []byte, way Options) []byte {
	t.Helper()
	c := NewCutout(way, pic, 32, 32)
	copy(c.Raw, matte)
	c.Finish(pic)
	return c.Out
}

func TestRefiningFindsTheEdge(t *testing.T) {
	for _, c := range []struct{ w, h int }{{400, 300}, {301, 401}} {
		x, y, radius := float64(c.w)*0.45, float64(c.h)*0.52, float64(c.h)*0.25
		pic, truth := disc(c.w, c.h, x, y, radius)
		small := coarse(truth, c.w, c.h)
		overlapOf := func(way Options) (float64, float64, float64) {
			out := finished(t, pic, small, way)
			var sumX, sumY, sum float64
			for i, v := range out {
				sumX, sumY, sum = sumX+float64(v)*float64(i%c.w), sumY+float64(v)*float64(i/c.w), sum+float64(v)
			}
			return inferencetest.MatteOverlap(out, func(i int) bool { return truth[i] >= 0.5 }), sumX / sum, sumY / sum
		}
		plain, _, _ := overlapOf(Options{Steady: true})
		got, gotX, gotY := overlapOf(Options{Refine: true})
		t.Logf("%dx%d: IoU %.4f, plain %.4f; centre %.2f, %.2f of %.2f, %.2f", c.w, c.h, got, plain, gotX, gotY, x, y)
		if got < 0.99 || got < plain+0.01 {
			t.Errorf("IoU %.4f, enlarged without the picture %.4f", got, plain)
		}
		if math.Abs(gotX-x) > 0.25 || math.Abs(gotY-y) > 0.25 {
			t.Errorf("the centre is %.2f, %.2f, want %.2f, %.2f", gotX, gotY, x, y)
		}
	}
}

func TestRefiningLeavesSureMattes(t *testing.T) {
	pic := inferencetest.Noise(90, 70)
	for _, sure := range []byte{0, 255} {
		small := make([]byte, 32*32)
		for i := range small {
			small[i] = sure
		}
		for i, v := range finished(t, pic, small, Options{Refine: true}) {
			if v != sure {
				t.Fatalf("px %d became %d of %d", i, v, sure)
			}
		}
	}
}

// Frames may be as small as a px: nothing is read from beyond them.
func TestMattesOfTinyFrames(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {2, 1}, {1, 3}, {5, 3}, {4, 4}, {33, 2}, {8, 64}} {
		pic := inferencetest.Noise(size[0], size[1])
		for way := range 8 {
			m := Options{Solid: way&1 > 0, Refine: way&2 > 0, Steady: way&4 > 0}
			one, none := NewCutout(m, pic, 1, 1), NewCutout(m, pic, 3, 4)
			one.Raw[0] = 200
			for _, c := range []*Cutout{&one, &none} {
				var s Steady
				for range 3 {
					c.Finish(pic)
					if m.Steady {
						s.Next(c, pic)
					}
				}
			}
		}
	}
}

func TestRefiningIsForModelsThatSeeLess(t *testing.T) {
	pic, truth := disc(120, 80, 50, 40, 20)
	full := make([]byte, 120*80)
	for i, v := range truth {
		full[i] = byte(v*255 + 0.5)
	}
	c := NewCutout(Options{Refine: true}, pic, 120, 80)
	copy(c.Raw, full)
	c.Finish(pic)
	for i := range full {
		if c.Out[i] != full[i] {
			t.Fatalf("px %d became %d of %d", i, c.Out[i], full[i])
		}
	}
}

// Where the picture shows nothing, a matte that is the same on both sides stays so.
func TestRefiningHasNoSide(t *testing.T) {
	const w, h = 128, 96
	pic := picture.Picture{Pix: even(90, w*h*3), Width: w, Height: h}
	small := make([]byte, 32*32)
	plot(small, 32, 120, [4]int{9, 9, 14, 14})
	plot(small, 32, 255, [4]int{11, 11, 10, 10})
	out := finished(t, pic, small, Options{Refine: true})
	for i, v := range out {
		x, y := i%w, i/w
		across, down := out[y*w+w-1-x], out[(h-1-y)*w+x]
		if max(v, across)-min(v, across) > 1 || max(v, down)-min(v, down) > 1 {
			t.Fatalf("px %d, %d is %d, its likes across and below are %d and %d", x, y, v, across, down)
		}
	}
}

// The matte lies on the grid as the picture does, in frames that its cells do not divide, too.
func TestRefiningCoversOddFrames(t *testing.T) {
	for _, size := range [][2]int{{256, 192}, {257, 193}, {258, 195}, {259, 194}} {
		w, h := size[0], size[1]
		pic := picture.Picture{Pix: even(90, w*h*3), Width: w, Height: h}
		c := NewCutout(Options{Refine: true}, pic, 32, 32)
		plot(c.Raw, 32, 255, [4]int{20, 20, 12, 12}) // to the far corner
		c.Finish(pic)
		right, below := 0.0, 0.0 // px of the frame
		for x := range c.raster.w {
			right += float64(c.cells[len(c.cells)-c.raster.w+x]) * float64(min(guideStep, w-x*guideStep))
		}
		for y := range c.raster.h {
			below += float64(c.cells[(y+1)*c.raster.w-1]) * float64(min(guideStep, h-y*guideStep))
		}
		if math.Abs(right-float64(w)*12/32) > 0.5 || math.Abs(below-float64(h)*12/32) > 0.5 {
			t.Errorf("%dx%d: %.2f by %.2f px of person, want %.2f by %.2f", w, h, right, below, float64(w)*12/32, float64(h)*12/32)
		}
	}
}

// What has the person's colours and lies near is still not the person.
func TestRefiningStaysWithThePerson(t *testing.T) {
	const w, h = 128, 96
	pic, truth := disc(w, h, 50, 48, 24)
	small := coarse(truth, w, h)
	for y := 40; y < 56; y++ {
		for x := 87; x < 92; x++ {
			copy(pic.Pix[(y*w+x)*3:], pic.Pix[(48*w+50)*3:(48*w+50)*3+3])
		}
	}
	out := finished(t, pic, small, Options{Refine: true})
	for y := 40; y < 56; y++ {
		for x := 87; x < 92; x++ {
			if out[y*w+x] > 0 {
				t.Fatalf("px %d, %d, 13 px from the person, is %d", x, y, out[y*w+x])
			}
		}
	}
}
