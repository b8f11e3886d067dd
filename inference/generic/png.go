package generic

import (
	"image"
	"image/color"
	"image/png"
	"io"
	"math"

	"github.com/motionmill/motionmill/inference/onnx"
)

// pngWriter writes the picture that one run gives.
type pngWriter struct {
	oneTensor
	to      io.Writer
	picture image.Image
}

// planes says how a picture lies in a tensor.
type planes struct {
	w, h, channels int
	step, plane    int // from one pixel, and one channel, to the next
}

// pictureOf reads [h w], [c h w] or [h w c] with 1, 3 or 4 channels, and the same
// after a dimension of 1. Where both could be meant, channels come first.
func pictureOf(shape []int64) (planes, bool) {
	if len(shape) == 4 && shape[0] == 1 {
		shape = shape[1:]
	}
	const largest = 16384
	for _, d := range shape {
		if d < 1 || d > largest {
			return planes{}, false
		}
	}
	channels := func(n int64) bool { return n == 1 || n == 3 || n == 4 }
	switch {
	case len(shape) == 2:
		return planes{w: int(shape[1]), h: int(shape[0]), channels: 1, step: 1}, true
	case len(shape) == 3 && channels(shape[0]):
		return planes{w: int(shape[2]), h: int(shape[1]), channels: int(shape[0]), step: 1, plane: int(shape[1] * shape[2])}, true
	case len(shape) == 3 && channels(shape[2]):
		c := int(shape[2])
		return planes{w: int(shape[1]), h: int(shape[0]), channels: c, step: c, plane: 1}, true
	default:
		return planes{}, false
	}
}

func (p *pngWriter) add(_ Moment, outputs []onnx.Array) error {
	out := outputs[p.number]
	at, ok := pictureOf(out.Shape)
	if !ok {
		return p.wrong("its shape is %v, want [h w], [c h w] or [h w c] with 1, 3 or 4 channels", out.Shape)
	}
	if p.picture != nil {
		return p.wrong("the model ran twice, and a png holds one picture")
	}
	values := asDoubles(out.Data)
	if values == nil {
		return p.wrong("it holds no numbers")
	}
	black, white := 0.0, 1.0
	switch out.Data.(type) {
	case []uint8, []int32, []int64:
		white = 255
	}
	if r := p.generic.options.Range; len(r) == 2 {
		black, white = r[0], r[1]
	}
	level := func(x, y, channel int) uint8 {
		v := values[(y*at.w+x)*at.step+channel*at.plane]
		return uint8(math.Round(255 * max(0, min(1, (v-black)/(white-black)))))
	}
	p.picture = at.draw(level)
	return png.Encode(p.to, p.picture)
}

// draw makes a picture of the levels of its channels.
func (at planes) draw(level func(x, y, channel int) uint8) image.Image {
	frame := image.Rect(0, 0, at.w, at.h)
	if at.channels == 1 {
		grey := image.NewGray(frame)
		for y := range at.h {
			for x := range at.w {
				grey.SetGray(x, y, color.Gray{Y: level(x, y, 0)})
			}
		}
		return grey
	}
	full := image.NewNRGBA(frame)
	for y := range at.h {
		for x := range at.w {
			c := color.NRGBA{R: level(x, y, 0), G: level(x, y, 1), B: level(x, y, 2), A: 255}
			if at.channels == 4 {
				c.A = level(x, y, 3)
			}
			full.SetNRGBA(x, y, c)
		}
	}
	return full
}

func (p *pngWriter) end(made *Made) ([]byte, error) {
	if p.picture != nil {
		made.Width, made.Height = p.picture.Bounds().Dx(), p.picture.Bounds().Dy()
	}
	return nil, nil
}
