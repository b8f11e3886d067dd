package inference

import "math"

// picture is one frame: rgb24, rows without padding.
type picture struct {
	pix           []byte
	width, height int
}

// placement says which part of a picture goes where in a model's input.
type placement struct {
	x, y, w, h   int     // the rectangle of the input that gets picture, px
	left, top    float64 // the position in the picture of its first sample, px
	stepX, stepY float64 // picture px from one sample to the next
	// border makes what lies outside the picture 0, as in a warp with a constant
	// border; otherwise the picture's edge is repeated.
	border bool
}

// letterbox keeps the picture's aspect and leaves the rest of a w by h input
// empty, on the right and below or around (centred). Sizes are rounded down
// top-left and to the nearest centred, as the families' references do.
func letterbox(pic picture, w, h int, centred bool) placement {
	scale := math.Min(float64(w)/float64(pic.width), float64(h)/float64(pic.height))
	nw, nh := float64(pic.width)*scale, float64(pic.height)*scale
	if centred {
		nw, nh = math.Round(nw), math.Round(nh)
	}
	// The small addition undoes what multiplying and dividing lost of a whole number.
	pw, ph := min(max(int(nw+1e-6), 1), w), min(max(int(nh+1e-6), 1), h)
	p := stretch(pic, pw, ph)
	if centred {
		p.x = int(math.Round(float64(w-pw)/2 - 0.1))
		p.y = int(math.Round(float64(h-ph)/2 - 0.1))
	}
	return p
}

// stretch fills a w by h input with the whole picture. Samples lie in the
// middle of pixels, as in OpenCV's resize.
func stretch(pic picture, w, h int) placement {
	stepX, stepY := float64(pic.width)/float64(w), float64(pic.height)/float64(h)
	return placement{w: w, h: h, left: stepX/2 - 0.5, top: stepY/2 - 0.5, stepX: stepX, stepY: stepY}
}

// crop fills a w by h input with the area of the picture, which may reach out
// of it. The area's corner falls on the first sample, as in the top-down
// warp of MMPose (datasets/transforms/topdown_transforms.py).
func crop(area rect, w, h int) placement {
	return placement{
		w: w, h: h, left: area.x, top: area.y, stepX: area.w / float64(w), stepY: area.h / float64(h), border: true,
	}
}

// window is crop with samples in the middle of pixels, as in TensorFlow's resize.
func window(area rect, w, h int) placement {
	p := crop(area, w, h)
	p.left, p.top = p.left+p.stepX/2-0.5, p.top+p.stepY/2-0.5
	return p
}

// point brings a point of the input, whose samples lie in the middle of pixels,
// back to the picture. A score of 0 or less means that there is no point.
func (p placement) point(x, y, score float64) keypoint {
	if score <= 0 {
		return keypoint{}
	}
	return keypoint{
		x:     p.left - p.stepX/2 + 0.5 + (x-float64(p.x))*p.stepX,
		y:     p.top - p.stepY/2 + 0.5 + (y-float64(p.y))*p.stepY,
		score: math.Min(score, 1),
	}
}

// back brings a box of the input back to the picture, and cuts it at its edges.
func (p placement) back(box rect, pic picture) rect {
	corner := p.point(box.x, box.y, 1)
	return rect{corner.x, corner.y, box.w * p.stepX, box.h * p.stepY}.within(float64(pic.width), float64(pic.height))
}

// place chooses the placement that a manifest asks for.
func place(in Input, pic picture) placement {
	switch in.Fit {
	case FitLetterboxCentre:
		return letterbox(pic, in.Width, in.Height, true)
	case FitLetterboxTopLeft:
		return letterbox(pic, in.Width, in.Height, false)
	default:
		return stretch(pic, in.Width, in.Height)
	}
}

// axis maps each sample of one output axis to two neighbours of an input axis
// and their weights. The weights add up to 1 inside the picture.
type axis struct {
	low, high   []int
	lowW, highW []float32
}

func (a *axis) resize(n int) {
	if cap(a.low) < n {
		a.low, a.high = make([]int, n), make([]int, n)
		a.lowW, a.highW = make([]float32, n), make([]float32, n)
	}
	a.low, a.high, a.lowW, a.highW = a.low[:n], a.high[:n], a.lowW[:n], a.highW[:n]
}

// set computes n samples from start in the given steps over an axis of size px.
func (a *axis) set(n int, start, step float64, size int, border bool) {
	a.resize(n)
	for i := range n {
		at := start + float64(i)*step
		floor := math.Floor(at)
		part := float32(at - floor)
		// Far outside, the weights are 0 or the edge is repeated: any near value will do.
		low := int(math.Max(math.Min(floor, float64(size)), -2))
		lowW, highW := 1-part, part
		if border && (low < 0 || low >= size) {
			lowW = 0
		}
		if border && (low+1 < 0 || low+1 >= size) {
			highW = 0
		}
		a.low[i], a.high[i] = min(max(low, 0), size-1), min(max(low+1, 0), size-1)
		a.lowW[i], a.highW[i] = lowW, highW
	}
}

// scratch is the memory of fill; it grows once and is then reused.
type scratch struct {
	x, y  axis
	rows  [2][]float32 // rows of the picture, brought to the output's width
	rowOf [2]int       // which row of the picture each is, or -1
}

// filler writes pictures into a model's input.
type filler struct {
	width, height int
	planar        bool // channel after channel (nchw, chw) or mixed (nhwc)
	from          [3]int
	scale, bias   [3]float32 // of each output channel, on 0 to 255
	pad           float32
}

func newFiller(in Input) filler {
	f := filler{
		width: in.Width, height: in.Height, planar: in.Layout != "nhwc", from: [3]int{0, 1, 2}, pad: float32(in.Pad),
	}
	if in.Colour == "bgr" {
		f.from = [3]int{2, 1, 0}
	}
	for c := range 3 {
		f.scale[c] = float32(1 / in.Std[c])
		f.bias[c] = float32(-in.Mean[c] / in.Std[c])
	}
	return f
}

// fill writes the placed picture into dst, bilinearly and normalised.
func (f filler) fill(dst []float32, pic picture, p placement, s *scratch) {
	if p.w < f.width || p.h < f.height {
		f.blank(dst)
	}
	s.x.set(p.w, p.left, p.stepX, pic.width, p.border)
	s.y.set(p.h, p.top, p.stepY, pic.height, p.border)
	for i := range s.rows {
		if cap(s.rows[i]) < 3*p.w {
			s.rows[i] = make([]float32, 3*p.w)
		}
		s.rows[i], s.rowOf[i] = s.rows[i][:3*p.w], -1
	}
	for y := range p.h {
		low := s.row(pic, s.y.low[y], -1)
		high := s.row(pic, s.y.high[y], low)
		f.blend(dst, (p.y+y)*f.width+p.x, s.rows[low], s.rows[high], s.y.lowW[y], s.y.highW[y])
	}
}

// blank writes the padding value everywhere.
func (f filler) blank(dst []float32) {
	n := f.width * f.height
	for c := range 3 {
		v := f.pad*f.scale[c] + f.bias[c]
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
func (s *scratch) row(pic picture, y, keep int) int {
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
	src := pic.pix[y*pic.width*3 : (y+1)*pic.width*3]
	out := s.rows[slot]
	low, high, lowW, highW := s.x.low, s.x.high, s.x.lowW, s.x.highW
	for i := range low {
		a, b := src[low[i]*3:low[i]*3+3], src[high[i]*3:high[i]*3+3]
		to := out[i*3 : i*3+3]
		wa, wb := lowW[i], highW[i]
		to[0] = wa*float32(a[0]) + wb*float32(b[0])
		to[1] = wa*float32(a[1]) + wb*float32(b[1])
		to[2] = wa*float32(a[2]) + wb*float32(b[2])
	}
	return slot
}

// blend writes one row of the output, from at on, as the weighted sum of two
// rows, normalised.
func (f filler) blend(dst []float32, at int, low, high []float32, lowW, highW float32) {
	high = high[:len(low)]
	plane, n := f.width*f.height, len(low)/3
	for c := range 3 {
		wa, wb, bias := lowW*f.scale[c], highW*f.scale[c], f.bias[c]
		from := f.from[c]
		if f.planar {
			to := dst[c*plane+at : c*plane+at+n]
			for i, j := 0, from; i < len(to) && j < len(low); i, j = i+1, j+3 {
				to[i] = wa*low[j] + wb*high[j] + bias
			}
			continue
		}
		to := dst[at*3 : (at+n)*3]
		for i, j := c, from; i < len(to) && j < len(low); i, j = i+3, j+3 {
			to[i] = wa*low[j] + wb*high[j] + bias
		}
	}
}
