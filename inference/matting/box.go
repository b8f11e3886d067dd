package matting

import "github.com/motionmill/motionmill/inference/picture"

// boxer averages over square windows, by running sums.
type boxer struct{ rows, column []float32 }

// mean writes into dst the mean of src within radius cells of each; fewer
// at the edges. dst may be src.
func (b *boxer) mean(dst, src []float32, w, h, radius int) {
	b.rows, b.column = picture.Grown(b.rows, w*h), picture.Grown(b.column, w)
	for y := range h {
		across(b.rows[y*w:(y+1)*w], src[y*w:(y+1)*w], radius)
	}
	column := b.column[:w]
	clear(column)
	for y := range min(radius, h) {
		for x, v := range b.rows[y*w : (y+1)*w] {
			column[x] += v
		}
	}
	for y := range h {
		if next := y + radius; next < h {
			for x, v := range b.rows[next*w : (next+1)*w] {
				column[x] += v
			}
		}
		if last := y - radius - 1; last >= 0 {
			for x, v := range b.rows[last*w : (last+1)*w] {
				column[x] -= v
			}
		}
		scale := 1 / float32(min(y+radius, h-1)-max(y-radius, 0)+1)
		out := dst[y*w : (y+1)*w]
		for x, v := range column {
			out[x] = v * scale
		}
	}
}

// across is mean of one row.
func across(dst, src []float32, radius int) {
	w, sum := len(src), float32(0)
	for x := range min(radius, w) {
		sum += src[x]
	}
	for x := range src {
		if x+radius < w {
			sum += src[x+radius]
		}
		if x-radius-1 >= 0 {
			sum -= src[x-radius-1]
		}
		dst[x] = sum / float32(min(x+radius, w-1)-max(x-radius, 0)+1)
	}
}
