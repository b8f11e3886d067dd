package matting

import (
	"bytes"
	"math"
	"testing"

	"github.com/motionmill/motionmill/inference/picture"
)

func TestPartsAreWorthALook(t *testing.T) {
	pic := picture.Picture{Width: 640, Height: 360}
	for name, c := range map[string]struct {
		box, want picture.Rect
		ok        bool
	}{
		"grown":                  {picture.Rect{X: 200, Y: 100, W: 100, H: 100}, picture.Rect{X: 185, Y: 85, W: 130, H: 130}, true},
		"cut at the frame":       {picture.Rect{X: -20, Y: 200, W: 100, H: 200}, picture.Rect{X: 0, Y: 170, W: 95, H: 190}, true},
		"whole px":               {picture.Rect{X: 200.25, Y: 100.75, W: 100, H: 100}, picture.Rect{X: 185, Y: 85, W: 131, H: 131}, true},
		"widened to half":        {picture.Rect{X: 300, Y: 100, W: 20, H: 200}, picture.Rect{X: 245, Y: 70, W: 130, H: 260}, true},
		"heightened to half":     {picture.Rect{X: 100, Y: 180, W: 200, H: 20}, picture.Rect{X: 70, Y: 125, W: 260, H: 130}, true},
		"as large as the frame":  {picture.Rect{X: 10, Y: 10, W: 600, H: 340}, picture.Rect{}, false},
		"nothing to be seen":     {picture.Rect{X: 100, Y: 100, W: 8, H: 12}, picture.Rect{}, false},
		"outside of the picture": {picture.Rect{X: 700, Y: 100, W: 100, H: 100}, picture.Rect{}, false},
	} {
		got, ok := PartOf(c.box, pic, 256, 256)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %v, %v; want %v, %v", name, got, ok, c.want, c.ok)
		}
	}
	// Of a model that sees wide pictures, a square part is slim enough already.
	if got, _ := PartOf(picture.Rect{X: 200, Y: 100, W: 100, H: 100}, pic, 320, 160); got.W != 130 || got.H != 130 {
		t.Errorf("a wide model looks at %v", got)
	}
}

// TestNearTakesThePlace lays a part into an empty matte: it is where it belongs, to the px,
// fades into the rest towards its edges, but not at the frame's, and is gone in the next frame.
func TestNearTakesThePlace(t *testing.T) {
	pic := picture.Picture{Pix: make([]byte, 200*100*3), Width: 200, Height: 100}
	c := NewCutout(Options{Steady: true, Near: true}, pic, 16, 16)
	part := picture.Rect{X: 100, Y: 20, W: 100, H: 60} // to the frame's right edge
	matte := make([]byte, 50*60)
	for i := range matte {
		matte[i] = byte(255 * (i % 50 / 25)) // the right half
	}
	c.Begin(pic)
	c.Approach(pic, part, matte, 50, 60)
	c.Merge(pic)
	at := func(x, y int) byte { return c.Out[y*200+x] }
	for _, p := range []struct {
		x, y int
		want byte
	}{{148, 50, 0}, {151, 50, 255}, {199, 50, 255}, {99, 50, 0}, {151, 19, 0}, {151, 80, 0}, {180, 26, 255}, {180, 73, 255}} {
		if got := at(p.x, p.y); got != p.want {
			t.Errorf("px %d, %d is %d, want %d", p.x, p.y, got, p.want)
		}
	}
	if above, below := at(180, 22), at(180, 77); above != below || math.Abs(float64(above)-255*2.5/6) > 1 {
		t.Errorf("it fades to %d above and %d below", above, below)
	}
	copy(c.Raw, make([]byte, len(c.Raw)))
	c.Begin(pic)
	c.Merge(pic)
	if bytes.ContainsFunc(c.Out, func(r rune) bool { return r != 0 }) {
		t.Error("the next frame shows what the last one did")
	}
}

// TestNearTogether keeps what either of two parts that overlap shows.
func TestNearTogether(t *testing.T) {
	pic := picture.Picture{Pix: make([]byte, 100*100*3), Width: 100, Height: 100}
	c := NewCutout(Options{Steady: true, Near: true}, pic, 16, 16)
	c.Begin(pic)
	c.Approach(pic, picture.Rect{X: 0, Y: 0, W: 60, H: 100}, bytes.Repeat([]byte{200}, 64), 8, 8)
	c.Approach(pic, picture.Rect{X: 40, Y: 0, W: 60, H: 100}, make([]byte, 64), 8, 8)
	c.Merge(pic)
	if inBoth, left, right := c.Out[50*100+50], c.Out[50*100+20], c.Out[50*100+80]; inBoth != 200 || left != 200 || right != 0 {
		t.Errorf("in both %d, in the left one %d, in the right one %d", inBoth, left, right)
	}
}
