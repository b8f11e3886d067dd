package media

import (
	"fmt"
	"image"
	"math"
)

// A card is the picture that the inputs of the matrix show: in one corner a
// white marker on black, beside it a field that is left to mattes and layers and
// one that flashes; below them the number of the picture as eight bars, and six
// patches of colour. All places are in parts of the width and the height, so
// that a card can be drawn in any size and with any shape of pixels.
type card struct {
	// count is the number of frames, rate how many there are in a second.
	count int
	rate  float64
	// at, where given, is when a frame is shown in seconds from the first.
	at func(i int) float64
	// light turns a colour of the card into what the file has to say; nil
	// leaves it as it is.
	light func(rgb [3]float64) [3]float64
}

// area is a rectangle of a card, in parts of its width and height.
type area struct{ left, top, right, bottom float64 }

// The areas of a card.
func markerArea() area { return area{0.08, 0.08, 0.16, 0.24} }
func cornerArea() area { return area{0, 0, 0.30, 0.34} }
func figureArea() area { return area{0.38, 0.04, 0.58, 0.32} }
func flashArea() area  { return area{0.66, 0.04, 0.98, 0.32} }
func barsArea() area   { return area{0, 0.38, 1, 0.58} }
func patchArea(i int) area {
	return area{float64(i) / 6, 0.62, float64(i+1) / 6, 1}
}

// patches are colours that every gamut of the matrix holds, in 0 to 255.
func patches() [6][3]float64 {
	return [6][3]float64{{200, 40, 40}, {40, 160, 60}, {40, 70, 190}, {128, 128, 128}, {224, 172, 140}, {230, 200, 40}}
}

const (
	// flashTime is when the field starts to flash and the sound to beep, in
	// seconds from the first frame; flashLength is how long it does.
	flashTime, flashLength = 0.5, 0.2
	cardGrey               = 96
)

// time is when frame i is shown, in seconds.
func (c card) time(i int) float64 {
	if c.at != nil {
		return c.at(i)
	}
	return float64(i) / c.rate
}

// flashes tells whether frame i shows the flash.
func (c card) flashes(i int) bool {
	t := c.time(i) + 1e-9
	return t >= flashTime && t < flashTime+flashLength
}

// draw renders a card that shows a number, in 16 bits a channel (rgb48le).
func (c card) draw(w, h, number int, flash bool) []byte {
	grey := func(level float64) [3]float64 { return [3]float64{level, level, level} }
	p := painter{w: w, h: h, pix: make([]float64, 3*w*h)}
	p.fill(area{0, 0, 1, 1}, grey(cardGrey))
	p.fill(cornerArea(), grey(0))
	p.fill(markerArea(), grey(255))
	if flash {
		p.fill(flashArea(), grey(255))
	}
	bars := barsArea()
	for bit := range 8 {
		p.fill(area{float64(bit) / 8, bars.top, float64(bit+1) / 8, bars.bottom}, grey(float64(255*(number>>bit&1))))
	}
	for i, colour := range patches() {
		p.fill(patchArea(i), colour)
	}
	out := make([]byte, 6*w*h)
	for i := 0; i < len(p.pix); i += 3 {
		rgb := [3]float64{p.pix[i] / 255, p.pix[i+1] / 255, p.pix[i+2] / 255}
		if c.light != nil {
			rgb = c.light(rgb)
		}
		for j, v := range rgb {
			value := uint16(math.Round(65535 * math.Min(math.Max(v, 0), 1)))
			out[2*(i+j)], out[2*(i+j)+1] = byte(value), byte(value>>8)
		}
	}
	return out
}

// painter fills areas, edges by how much of a pixel they cover.
type painter struct {
	w, h int
	pix  []float64
}

func (p painter) fill(a area, colour [3]float64) {
	cover := func(i int, from, to float64) float64 {
		return math.Max(0, math.Min(float64(i+1), to)-math.Max(float64(i), from))
	}
	w, h := float64(p.w), float64(p.h)
	for y := int(a.top * h); y < min(int(math.Ceil(a.bottom*h)), p.h); y++ {
		for x := int(a.left * w); x < min(int(math.Ceil(a.right*w)), p.w); x++ {
			part := cover(x, a.left*w, a.right*w) * cover(y, a.top*h, a.bottom*h)
			for i, v := range colour {
				at := &p.pix[3*(y*p.w+x)+i]
				*at = *at*(1-part) + v*part
			}
		}
	}
}

// view is a picture that came out: R'G'B' in 0 to 255 at each pixel.
type view struct {
	w, h int
	at   func(x, y int) [3]float64
}

// ofRGB views packed pixels of red, green and blue.
func ofRGB(pix []byte, w, h int) view {
	return view{w, h, func(x, y int) [3]float64 {
		o := 3 * (y*w + x)
		return [3]float64{float64(pix[o]), float64(pix[o+1]), float64(pix[o+2])}
	}}
}

// ofYUV views planes of 4:2:0 in limited range by the equations of ITU-R BT.709.
func ofYUV(pix []byte, w, h int) view {
	u := pix[w*h:]
	v := u[w/2*(h/2):]
	return view{w, h, func(x, y int) [3]float64 {
		c := y/2*(w/2) + x/2
		luma := (float64(pix[y*w+x]) - 16) / 219
		cb, cr := (float64(u[c])-128)/224, (float64(v[c])-128)/224
		return [3]float64{255 * (luma + 1.5748*cr), 255 * (luma - 0.1873*cb - 0.4681*cr), 255 * (luma + 1.8556*cb)}
	}}
}

// ofImage views a part of a picture that the standard library decoded.
func ofImage(m image.Image, part image.Rectangle) view {
	return view{part.Dx(), part.Dy(), func(x, y int) [3]float64 {
		r, g, b, _ := m.At(part.Min.X+x, part.Min.Y+y).RGBA()
		return [3]float64{float64(r) / 257, float64(g) / 257, float64(b) / 257}
	}}
}

// crop views a part of rows.
func (v view) rows(from, to int) view {
	return view{v.w, to - from, func(x, y int) [3]float64 { return v.at(x, y+from) }}
}

// mean is the mean colour of the middle of an area.
func (v view) mean(a area) (sum [3]float64) {
	n := 0.0
	x0, x1 := a.left+(a.right-a.left)*0.3, a.right-(a.right-a.left)*0.3
	y0, y1 := a.top+(a.bottom-a.top)*0.3, a.bottom-(a.bottom-a.top)*0.3
	for y := int(y0 * float64(v.h)); y <= int(y1*float64(v.h)); y++ {
		for x := int(x0 * float64(v.w)); x <= int(x1*float64(v.w)); x++ {
			for i, c := range v.at(x, y) {
				sum[i] += c
			}
			n++
		}
	}
	for i := range sum {
		sum[i] /= n
	}
	return sum
}

// number reads the bars. In each of four rows next to each other they must be the
// same, which they are not where two fields are mixed.
func (v view) number() (int, error) {
	found := -1
	middle := int((barsArea().top + barsArea().bottom) / 2 * float64(v.h))
	for y := middle - 2; y < middle+2; y++ {
		n := 0
		for bit := range 8 {
			if v.at((2*bit+1)*v.w/16, y)[1] > 110 {
				n |= 1 << bit
			}
		}
		if found >= 0 && n != found {
			return 0, fmt.Errorf("its rows show %d and %d", found, n)
		}
		found = n
	}
	return found, nil
}

// markerOff is how far the marker is from where it belongs, in pixels of the
// view; an infinite length where there is no marker of its size.
func (v view) markerOff() float64 {
	corner, marker := cornerArea(), markerArea()
	var x0, y0, mass float64
	for y := range int(corner.bottom * float64(v.h) * 0.9) {
		for x := range int(corner.right * float64(v.w) * 0.9) {
			if level := v.at(x, y)[1]; level > 60 {
				x0, y0, mass = x0+level*(float64(x)+0.5), y0+level*(float64(y)+0.5), mass+level
			}
		}
	}
	w, h := float64(v.w), float64(v.h)
	full := v.at(int((marker.left+marker.right)/2*w), int((marker.top+marker.bottom)/2*h))[1]
	size := full * (marker.right - marker.left) * w * (marker.bottom - marker.top) * h
	if full < 110 || mass < 0.7*size || mass > 1.4*size {
		return math.Inf(1)
	}
	return math.Hypot(x0/mass-(marker.left+marker.right)/2*w, y0/mass-(marker.top+marker.bottom)/2*h)
}

// flashed tells whether the field is lit.
func (v view) flashed() bool { return v.mean(flashArea())[1] > 140 }
