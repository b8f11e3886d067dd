package media

import (
	"math"

	ffmpeg "github.com/u2takey/ffmpeg-go"
)

// figure is the picture with the matte as its alpha, and its colours are the
// figure's alone. At an edge of the matte the picture mixes figure and
// background, and would put a rim of the old background around the figure on a
// new one; behind the figure it would still show the whole room to whoever drops
// the alpha. So, where the matte is not sure of the figure, its colour comes from
// the sure pixels nearby: their mean, each weighted by the matte's cube. It
// fades to black some pixels off the figure, which costs next to no bits.
func figure(s, matte *ffmpeg.Stream, w, h int) *ffmpeg.Stream {
	pictures, mattes := branches(s, 2), branches(matte, 3)
	weighted := merge(pictures[0], mattes[0].Filter("lut", nil, ffmpeg.KwArgs{"y": "val*val*val/65025"}))
	sure := merge(pictures[1], mattes[1].Filter("lut", nil, ffmpeg.KwArgs{"y": "(val-128)*2"}))
	clean := over(spread(weighted, w, h), sure)
	return merge(clean, mattes[2])
}

// spread carries the colours of the opaque pixels to those around them: a mean
// weighted by alpha, on a grid of eight pixels and about as far.
func spread(weighted *ffmpeg.Stream, w, h int) *ffmpeg.Stream {
	const grid = 8
	const least = 8 // pixels; ffmpeg 5.1 crashes on a blur of one
	size := func(step int, flags string) ffmpeg.KwArgs {
		return ffmpeg.KwArgs{"w": max(w/step, least), "h": max(h/step, least), "flags": flags}
	}
	// With premultiplied colours a smaller picture is a weighted mean. Half the
	// size is where the colour planes of yuv420p need no other one.
	mean := weighted.Filter("scale", nil, size(2, "area")).Filter("format", ffmpeg.Args{"yuva444p"}).
		Filter("premultiply", nil, ffmpeg.KwArgs{"inplace": 1}).
		Filter("scale", nil, size(grid, "area")).Filter("format", ffmpeg.Args{"yuva444p16le"}).
		Filter("gblur", nil, ffmpeg.KwArgs{"sigma": 1}).
		Filter("unpremultiply", nil, ffmpeg.KwArgs{"inplace": 1}).
		Filter("lutyuv", nil, ffmpeg.KwArgs{"a": "val*12"}).Filter("format", ffmpeg.Args{"yuva420p"})
	both := branches(mean, 2)
	return over(filled(both[0], 0, 0, 0), both[1]).
		Filter("scale", nil, ffmpeg.KwArgs{"w": w, "h": h, "flags": "bilinear"}).Filter("format", ffmpeg.Args{"yuv420p"})
}

// filled is a picture of one colour (BT.709), as large and as long as the
// stream that it is made from: a source of colour would never end.
func filled(s *ffmpeg.Stream, red, green, blue uint8) *ffmpeg.Stream {
	y, u, v := limitedYUV(red, green, blue)
	return s.Filter("format", ffmpeg.Args{"yuv420p"}).Filter("lutyuv", nil, ffmpeg.KwArgs{"y": y, "u": u, "v": v})
}

// over lays a stream with alpha over another one.
func over(below, above *ffmpeg.Stream) *ffmpeg.Stream {
	return ffmpeg.Filter([]*ffmpeg.Stream{below, above}, "overlay", nil, ffmpeg.KwArgs{"format": "yuv420"})
}

// limitedYUV takes a colour to BT.709 in limited range (ITU-R BT.709-6, 3.2 to
// 3.5): luma 16 to 235, chroma 16 to 240.
func limitedYUV(red, green, blue uint8) (y, u, v int) {
	r, g, b := float64(red)/255, float64(green)/255, float64(blue)/255
	luma := 0.2126*r + 0.7152*g + 0.0722*b
	level := func(at, swing float64) int { return int(math.Round(at + swing)) }
	return level(16, 219*luma), level(128, 224*(b-luma)/1.8556), level(128, 224*(r-luma)/1.5748)
}
