package inferencetest

import (
	"bytes"
	"math"
	"math/rand/v2"

	"github.com/motionmill/motionmill/inference/picture"
)

// Noise is a picture of random px, always the same.
func Noise(w, h int) picture.Picture {
	random := rand.New(rand.NewPCG(1, 2))
	p := picture.Picture{Pix: make([]byte, w*h*3), Width: w, Height: h}
	for i := range p.Pix {
		p.Pix[i] = byte(random.IntN(256))
	}
	return p
}

// Sample is the plain definition of bilinear interpolation at one position.
func Sample(p picture.Picture, x, y float64, channel int, border bool) float64 {
	at := func(i, j int) float64 {
		if border && (i < 0 || j < 0 || i >= p.Width || j >= p.Height) {
			return 0
		}
		i, j = min(max(i, 0), p.Width-1), min(max(j, 0), p.Height-1)
		return float64(p.Pix[(j*p.Width+i)*3+channel])
	}
	i, j := int(math.Floor(x)), int(math.Floor(y))
	fx, fy := x-float64(i), y-float64(j)
	return at(i, j)*(1-fx)*(1-fy) + at(i+1, j)*fx*(1-fy) + at(i, j+1)*(1-fx)*fy + at(i+1, j+1)*fx*fy
}

// DiscFrame is a grey picture with a red disc, which the model markers finds.
func DiscFrame(w, h int) []byte {
	pix := bytes.Repeat([]byte{96}, w*h*3)
	for y := range h {
		for x := range w {
			if math.Hypot(float64(x-w/2), float64(y-h/2)) < 12 {
				copy(pix[(y*w+x)*3:], []byte{255, 0, 0})
			}
		}
	}
	return pix
}

// SumOf adds up bytes.
func SumOf(b []byte) (sum int) {
	for _, v := range b {
		sum += int(v)
	}
	return sum
}

// OfColour is a still of one colour.
func OfColour(w, h int, colour [3]byte) picture.Picture {
	return picture.Picture{Pix: bytes.Repeat(colour[:], w*h), Width: w, Height: h}
}
