package matting

import (
	"math"
	"testing"

	"github.com/motionmill/motionmill/inference/picture"
)

// wall is a picture with something to see everywhere, shifted by dx, dy px.
func wall(w, h, dx, dy int) picture.Picture {
	pic := picture.Picture{Pix: make([]byte, w*h*3), Width: w, Height: h}
	for i := range w * h {
		x, y := float64(i%w-dx), float64(i/w-dy)
		v := 128 + 50*math.Sin(x/9)*math.Cos(y/7) + 40*math.Sin((x+2*y)/15)
		for channel := range 3 {
			pic.Pix[i*3+channel] = byte(v)
		}
	}
	return pic
}

// steadied runs mattes through the filter with pictures; the last is returned.
func steadied(pics []picture.Picture, mattes [][]byte) []byte {
	var s Steady
	var g raster
	var out []byte
	for i, pic := range pics {
		out = append(out[:0], mattes[i]...)
		g.set(pic, guideStep)
		s.blend(out, pic.Width, pic.Height, &g)
	}
	return out
}

func even(value byte, n int) []byte {
	m := make([]byte, n)
	for i := range m {
		m[i] = value
	}
	return m
}

func TestSteadyAveragesWhatStands(t *testing.T) {
	pic := wall(160, 120, 0, 0)
	n := 160 * 120
	// A model that cannot decide: the matte settles at what it says on the whole.
	var pics []picture.Picture
	var mattes [][]byte
	for i := range 40 {
		pics, mattes = append(pics, pic), append(mattes, even(byte(100+40*(i%2)), n))
	}
	for _, v := range steadied(pics, mattes) {
		if v < 115 || v > 126 {
			t.Fatalf("100 and 140 in turn give %d", v)
		}
	}
	// One that has changed its mind is believed.
	for range 30 {
		pics, mattes = append(pics, pic), append(mattes, even(255, n))
	}
	for _, v := range steadied(pics, mattes) {
		if v < 254 {
			t.Fatalf("255 thirty times over gives %d", v)
		}
	}
}

func TestSteadyTakesACutAsItIs(t *testing.T) {
	n := 160 * 120
	dark := picture.Picture{Pix: make([]byte, n*3), Width: 160, Height: 120}
	for _, v := range steadied([]picture.Picture{wall(160, 120, 0, 0), dark}, [][]byte{even(255, n), even(0, n)}) {
		if v > 2 {
			t.Fatalf("the matte of the scene before shines through: %d", v)
		}
	}
}

// What moves with the picture is blended where it went, not where it was.
func TestSteadyFollowsMotion(t *testing.T) {
	const w, h, speed = 320, 160, 8
	var pics []picture.Picture
	var mattes [][]byte
	for i := range 6 {
		pics = append(pics, wall(w, h, i*speed, 0))
		m := make([]byte, w*h)
		if i < 5 { // In the last frame the model misses the person.
			plot(m, w, 255, [4]int{100 + i*speed, 40, 60, 80})
		}
		mattes = append(mattes, m)
	}
	out := steadied(pics, mattes)
	inside, behind := 0, 0
	for y := 50; y < 110; y++ {
		inside += int(out[y*w+100+5*speed+55])
		behind += int(out[y*w+100+2*speed])
	}
	if inside/60 < 80 || behind/60 > 5 {
		t.Errorf("the person is left with %d of 255 at the front, and %d where they were", inside/60, behind/60)
	}
}

func TestFlowFindsShifts(t *testing.T) {
	const w, h = 96, 64
	plane := func(dx, dy float64) []byte {
		out := make([]byte, w*h)
		for i := range out {
			x, y := float64(i%w)-dx, float64(i/w)-dy
			out[i] = byte(128 + 50*math.Sin(x/4)*math.Cos(y/5) + 40*math.Sin((x+2*y)/9))
		}
		return out
	}
	for _, shift := range [][2]float64{{0, 0}, {1, 0}, {0, -1}, {3, 2}, {-2, 4}, {7, -6}} {
		var f flow
		f.find(plane(shift[0], shift[1]), plane(0, 0), w, h)
		// Blocks at the edge may come from beyond it.
		for y := 16; y < 48; y += blockSide {
			for x := 16; x < 80; x += blockSide {
				v := f.of(x, y)
				if math.Abs(float64(v.x)+shift[0]) > 0.1 || math.Abs(float64(v.y)+shift[1]) > 0.1 {
					t.Errorf("a shift by %v is seen as %v at %d, %d", shift, v, x, y)
				}
			}
		}
	}
}

func TestMattesNeedNoNewMemory(t *testing.T) {
	pic := wall(640, 360, 0, 0)
	small := make([]byte, 256*256)
	plot(small, 256, 255, [4]int{60, 30, 120, 200})
	plot(small, 256, 60, [4]int{100, 100, 12, 12})
	c := NewCutout(All(), pic, 256, 256)
	var s Steady
	once := func() {
		copy(c.Raw, small)
		c.Finish(pic)
		s.Next(&c, pic)
	}
	once()
	once()
	if n := testing.AllocsPerRun(5, once); n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkMattes(b *testing.B) {
	small := make([]byte, 256*256)
	plot(small, 256, 255, [4]int{60, 30, 120, 200})
	pics := []picture.Picture{wall(640, 360, 0, 0), wall(640, 360, 4, 2)}
	c := NewCutout(All(), pics[0], 256, 256)
	var s Steady
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		copy(c.Raw, small)
		c.Finish(pics[i%2])
		s.Next(&c, pics[i%2])
	}
}
