package fit

import (
	"math"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/picture"
)

// axis maps each sample of one output axis to two neighbours of an input axis
// and their weights. The weights add up to 1 inside the picture.
type axis struct {
	low, high   []int
	lowW, highW []float32
	whole       bool // every sample falls on a neighbour: highW is 0 throughout

	made sampling // what it was last set to
}

// sampling says which samples of an axis of size px are wanted: n from start in steps.
type sampling struct {
	n, size     int
	start, step float64
	border      bool
}

// set computes the samples of s. The same sampling again costs nothing.
func (a *axis) set(s sampling) {
	if s == a.made {
		return
	}
	a.made, a.whole = s, true
	a.low, a.high = picture.Grown(a.low, s.n), picture.Grown(a.high, s.n)
	a.lowW, a.highW = picture.Grown(a.lowW, s.n), picture.Grown(a.highW, s.n)
	for i := range s.n {
		at := s.start + float64(i)*s.step
		floor := math.Floor(at)
		part := float32(at - floor)
		// Far outside, the weights are 0 or the edge is repeated: any near value will do.
		low := int(math.Max(math.Min(floor, float64(s.size)), -2))
		lowW, highW := 1-part, part
		if s.border && (low < 0 || low >= s.size) {
			lowW = 0
		}
		if s.border && (low+1 < 0 || low+1 >= s.size) {
			highW = 0
		}
		a.low[i], a.high[i] = min(max(low, 0), s.size-1), min(max(low+1, 0), s.size-1)
		a.lowW[i], a.highW[i] = lowW, highW
		a.whole = a.whole && highW == 0
	}
}

// Scratch is the memory that filling one input needs; it grows once and is then
// reused.
type Scratch struct {
	x, y    axis
	rows    [2][]float32 // rows of the picture at the output's width, channel after channel
	rowOf   [2]int       // which row of the picture each is, or -1
	empty   emptied
	average picture.Resampler
}

// emptied is the part of an input that was padded last: all but a rectangle.
type emptied struct {
	input      *float32
	x, y, w, h int
}

// Filler writes pictures into a model's input.
type Filler struct {
	Width, Height int  // px, of the input
	planar        bool // channel after channel (nchw, chw) or mixed (nhwc)
	from          [3]int
	scale, bias   [3]float32 // of each output channel, on 0 to 255
	Pads          [3]float32 // what each output channel is where there is no picture
}

// NewFiller is for the input that a manifest describes.
func NewFiller(in models.Input) Filler {
	f := Filler{
		Width: in.Width, Height: in.Height, planar: in.Layout != "nhwc", from: [3]int{0, 1, 2},
	}
	if in.Colour == "bgr" {
		f.from = [3]int{2, 1, 0}
	}
	for c := range 3 {
		f.scale[c] = float32(1 / in.Std[c])
		f.bias[c] = float32(-in.Mean[c] / in.Std[c])
		f.Pads[c] = float32(in.Pad)*f.scale[c] + f.bias[c]
	}
	return f
}

// Fill writes the placed picture into dst, bilinearly and normalised. A scratch
// serves one filler; what it padded in dst before is taken to be there still.
func (f Filler) Fill(dst []float32, pic picture.Picture, p Placement, s *Scratch) {
	if empty := (emptied{&dst[0], p.X, p.Y, p.W, p.H}); (p.W < f.Width || p.H < f.Height) && empty != s.empty {
		f.blank(dst)
		s.empty = empty
	}
	s.x.set(sampling{p.W, pic.Width, p.left, p.StepX, p.border})
	s.y.set(sampling{p.H, pic.Height, p.top, p.StepY, p.border})
	for i := range s.rows {
		s.rows[i], s.rowOf[i] = picture.Grown(s.rows[i], 3*p.W), -1
	}
	for y := range p.H {
		low := s.row(pic, s.y.low[y], -1)
		high := low
		if s.y.highW[y] != 0 {
			high = s.row(pic, s.y.high[y], low)
		}
		f.blend(dst, (p.Y+y)*f.Width+p.X, s.rows[low], s.rows[high], s.y.lowW[y], s.y.highW[y])
	}
}

// blank writes the padding value everywhere.
func (f Filler) blank(dst []float32) {
	n := f.Width * f.Height
	for c := range 3 {
		v := f.Pads[c]
		start, step := c*n, 1
		if !f.planar {
			start, step = c, 3
		}
		for i := range n {
			dst[start+i*step] = v
		}
	}
}

// row returns which of the two row buffers holds row y of the picture at the
// output's width; it computes it when none does. The buffer keep is spared.
func (s *Scratch) row(pic picture.Picture, y, keep int) int {
	for i, of := range s.rowOf {
		if of == y {
			return i
		}
	}
	slot := 0
	if keep == 0 || keep < 0 && s.rowOf[1] < s.rowOf[0] {
		slot = 1
	}
	s.rowOf[slot] = y
	src := pic.Pix[y*pic.Width*3 : (y+1)*pic.Width*3]
	if s.x.whole {
		s.x.pick(src, s.rows[slot])
	} else {
		s.x.mix(src, s.rows[slot])
	}
	return slot
}

// mix brings a row of rgb24 to the axis's samples, channel after channel.
func (a *axis) mix(src []byte, out []float32) {
	low := a.low
	n := len(low)
	high, lowW, highW := a.high[:n], a.lowW[:n], a.highW[:n]
	red, green, blue := out[:n], out[n:2*n], out[2*n:3*n]
	for i := range low {
		l, h := src[low[i]*3:low[i]*3+3], src[high[i]*3:high[i]*3+3]
		lw, hw := lowW[i], highW[i]
		red[i] = lw*float32(l[0]) + hw*float32(h[0])
		green[i] = lw*float32(l[1]) + hw*float32(h[1])
		blue[i] = lw*float32(l[2]) + hw*float32(h[2])
	}
}

// pick is mix where every sample falls on a pixel, as when a frame becomes a
// third of its size.
func (a *axis) pick(src []byte, out []float32) {
	low := a.low
	n := len(low)
	lowW := a.lowW[:n]
	red, green, blue := out[:n], out[n:2*n], out[2*n:3*n]
	for i := range low {
		l := src[low[i]*3 : low[i]*3+3]
		lw := lowW[i]
		red[i], green[i], blue[i] = lw*float32(l[0]), lw*float32(l[1]), lw*float32(l[2])
	}
}

// blend writes one row of the output, from at on, as the weighted sum of two
// rows, normalised.
func (f Filler) blend(dst []float32, at int, low, high []float32, lowW, highW float32) {
	plane, n := f.Width*f.Height, len(low)/3
	for c := range 3 {
		lw, hw, bias := lowW*f.scale[c], highW*f.scale[c], f.bias[c]
		from := f.from[c] * n
		l, h := low[from:from+n], high[from:from+n]
		if !f.planar {
			mixed := dst[at*3+c : (at+n-1)*3+c+1]
			for i, j := 0, 0; i < len(l) && i < len(h) && j < len(mixed); i, j = i+1, j+3 {
				mixed[j] = lw*l[i] + hw*h[i] + bias
			}
			continue
		}
		to := dst[c*plane+at : c*plane+at+n]
		if highW == 0 {
			for i := 0; i < len(to) && i < len(l); i++ {
				to[i] = lw*l[i] + bias
			}
			continue
		}
		for i := 0; i < len(to) && i < len(l) && i < len(h); i++ {
			to[i] = lw*l[i] + hw*h[i] + bias
		}
	}
}

// Average is Fill with each sample the mean of the px that it covers, as
// OpenCV's INTER_AREA gives it.
func (f Filler) Average(dst []float32, pic picture.Picture, p Placement, s *Scratch) {
	if empty := (emptied{&dst[0], p.X, p.Y, p.W, p.H}); (p.W < f.Width || p.H < f.Height) && empty != s.empty {
		f.blank(dst)
		s.empty = empty
	}
	s.average.Rows(pic, p.W, p.H, func(y int, row []float32) {
		f.blend(dst, (p.Y+y)*f.Width+p.X, row, row, 1, 0)
	})
}
