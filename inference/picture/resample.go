package picture

import "math"

// taps says which inputs of one axis each output is made of, and how much of
// each. Larger inputs are averaged over the area that an output covers, as
// OpenCV's INTER_AREA does; smaller ones are interpolated between the two
// nearest. Either way samples lie in the middle of pixels.
type taps struct {
	from, count []int
	weights     []float32 // of all outputs, one after the other
	to, of      int       // outputs, inputs
	scale       float64   // inputs to an output
}

// set prepares to outputs from of inputs, which cover them; it does nothing when
// that is what it holds.
func (t *taps) set(to, of int) { t.cover(to, of, float64(of)/float64(to)) }

// cover is set for outputs that reach beyond the inputs: each is of scale inputs.
func (t *taps) cover(to, of int, scale float64) {
	if t.to == to && t.of == of && t.scale == scale {
		return
	}
	t.to, t.of, t.scale = to, of, scale
	t.from, t.count, t.weights = make([]int, to), make([]int, to), t.weights[:0]
	for i := range to {
		if scale > 1 {
			t.average(i, float64(i)*scale, float64(i+1)*scale)
		} else {
			t.interpolate(i, (float64(i)+0.5)*scale-0.5)
		}
	}
}

// average covers the inputs from low to high, px; a sliver of a thousandth is none.
func (t *taps) average(i int, low, high float64) {
	high = math.Min(high, float64(t.of))
	first, last := int(low+1e-3), int(math.Ceil(high-1e-3))
	t.from[i], t.count[i] = first, last-first
	for k := first; k < last; k++ {
		part := math.Min(high, float64(k+1)) - math.Max(low, float64(k))
		t.weights = append(t.weights, float32(part/(high-low)))
	}
}

func (t *taps) interpolate(i int, at float64) {
	floor := math.Floor(at)
	low, part := int(floor), at-floor
	switch {
	case low < 0:
		t.from[i], t.count[i], t.weights = 0, 1, append(t.weights, 1)
	case low+1 >= t.of || part == 0:
		t.from[i], t.count[i], t.weights = min(low, t.of-1), 1, append(t.weights, 1)
	default:
		t.from[i], t.count[i], t.weights = low, 2, append(t.weights, float32(1-part), float32(part))
	}
}

// Resampler brings planes of bytes to another size. The zero value is ready;
// its memory grows once and is then reused.
type Resampler struct {
	x, y taps
	row  []float32 // an input row at the output's width
	at   int       // which input row that is, or -1
	sum  []float32 // an output row
}

// Plane writes src, w by h, into dst, toW by toH, on the same scale.
func (r *Resampler) Plane(dst []float32, toW, toH int, src []byte, w, h int) {
	r.x.set(toW, w)
	r.y.set(toH, h)
	r.plane(dst, toW, toH, src, w)
}

// Cells writes src, w by h, which covers a picture of wide by high px, into dst, the
// cells of step by step px of that picture. The last ones reach beyond it where step
// does not divide its sides.
func (r *Resampler) Cells(dst []float32, wide, high, step int, src []byte, w, h int) {
	toW, toH := (wide+step-1)/step, (high+step-1)/step
	r.x.cover(toW, w, float64(w*step)/float64(wide))
	r.y.cover(toH, h, float64(h*step)/float64(high))
	r.plane(dst, toW, toH, src, w)
}

// plane writes what x and y are set to.
func (r *Resampler) plane(dst []float32, toW, toH int, src []byte, w int) {
	r.row, r.at = Grown(r.row, toW), -1
	clear(dst[:toW*toH])
	weights := r.y.weights
	for y := range toH {
		out := dst[y*toW : (y+1)*toW]
		for k := range r.y.count[y] {
			r.across(src, w, r.y.from[y]+k)
			weight := weights[k]
			row := r.row[:len(out)]
			for x := range out {
				out[x] += weight * row[x]
			}
		}
		weights = weights[r.y.count[y]:]
	}
}

// across brings one row of src to the output's width.
func (r *Resampler) across(src []byte, w, y int) {
	if r.at == y {
		return
	}
	r.at = y
	in, weights := src[y*w:(y+1)*w], r.x.weights
	for x := range r.row {
		from, count := r.x.from[x], r.x.count[x]
		sum := float32(0)
		for k, v := range in[from : from+count] {
			sum += weights[k] * float32(v)
		}
		r.row[x] = sum
		weights = weights[count:]
	}
}

// Rows brings an rgb24 picture to toW by toH and hands each row to take, channel
// after channel on 0 to 255; it is valid until take returns.
func (r *Resampler) Rows(pic Picture, toW, toH int, take func(y int, row []float32)) {
	r.x.set(toW, pic.Width)
	r.y.set(toH, pic.Height)
	r.row, r.sum, r.at = Grown(r.row, 3*toW), Grown(r.sum, 3*toW), -1
	weights := r.y.weights
	for y := range toH {
		clear(r.sum)
		for k := range r.y.count[y] {
			r.acrossRGB(pic, r.y.from[y]+k)
			weight, row := weights[k], r.row[:len(r.sum)]
			for x := range r.sum {
				r.sum[x] += weight * row[x]
			}
		}
		weights = weights[r.y.count[y]:]
		take(y, r.sum)
	}
}

func (r *Resampler) acrossRGB(pic Picture, y int) {
	if r.at == y {
		return
	}
	r.at = y
	n, in, weights := r.x.to, pic.Pix[y*pic.Width*3:(y+1)*pic.Width*3], r.x.weights
	reds, greens, blues := r.row[:n], r.row[n:2*n], r.row[2*n:3*n]
	for x := range n {
		from, count := r.x.from[x], r.x.count[x]
		var red, green, blue float32
		part := in[from*3 : (from+count)*3]
		for k := range count {
			weight := weights[k]
			red += weight * float32(part[k*3])
			green += weight * float32(part[k*3+1])
			blue += weight * float32(part[k*3+2])
		}
		reds[x], greens[x], blues[x] = red, green, blue
		weights = weights[count:]
	}
}
