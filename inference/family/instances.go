package family

import (
	"math"

	"github.com/motionmill/motionmill/inference/fit"
	"github.com/motionmill/motionmill/inference/picture"
)

// share says between which two cells a pixel lies: low and the next, of which the
// latter has the weight.
type share struct {
	low, high int
	weight    float32
}

// canvas is a matte that masks are laid on: grey8 of w by h px, which are the
// pixels of a model's input from (x, y) on.
type canvas struct {
	grey       []byte
	x, y, w, h int
}

func newCanvas(p fit.Placement, grey []byte) canvas {
	c := canvas{grey: grey[:p.W*p.H], x: p.X, y: p.Y, w: p.W, h: p.H}
	clear(c.grey)
	return c
}

// span is a rectangle of whole pixels: from (x0, y0) to before (x1, y1).
type span struct{ x0, y0, x1, y1 int }

func (a span) and(b span) span {
	return span{max(a.x0, b.x0), max(a.y0, b.y0), min(a.x1, b.x1), min(a.y1, b.y1)}
}

func (a span) empty() bool { return a.x0 >= a.x1 || a.y0 >= a.y1 }

// span is what of the model's input the canvas shows.
func (c canvas) span() span { return span{c.x, c.y, c.x + c.w, c.y + c.h} }

// lay puts a mask onto the canvas where it is more person than what lies there:
// its grid, stretched over the rectangle over, as far as that is within. Between
// the middles of cells it is bilinear, beyond the outermost of those that count it
// stays the same, as in PyTorch's interpolate without aligned corners. tones
// gives greys from a row of values.
func (c canvas) lay(mask grid, count, over, within span, w *worktop, tones func(values []float32, grey []byte)) {
	part := within.and(over).and(c.span())
	if part.empty() || count.empty() {
		return
	}
	n := part.x1 - part.x0
	w.across = picture.Grown(w.across, n)
	for i := range w.across {
		w.across[i] = shareOf(part.x0+i-over.x0, over.x1-over.x0, mask.w, count.x0, count.x1)
	}
	first, last := w.across[0].low, w.across[n-1].high
	w.row = picture.Grown(w.row, mask.w+n)
	row, values := w.row[:mask.w], w.row[mask.w:]
	for y := part.y0; y < part.y1; y++ {
		s := shareOf(y-over.y0, over.y1-over.y0, mask.h, count.y0, count.y1)
		upper, lower := mask.data[s.low*mask.w:(s.low+1)*mask.w], mask.data[s.high*mask.w:(s.high+1)*mask.w]
		for x := first; x <= last; x++ {
			row[x] = upper[x] + (lower[x]-upper[x])*s.weight
		}
		for i, s := range w.across {
			values[i] = row[s.low] + (row[s.high]-row[s.low])*s.weight
		}
		at := (y-c.y)*c.w + part.x0 - c.x
		tones(values, c.grey[at:at+n])
	}
}

// shareOf places pixel i of n between two of the cells from first to before end.
func shareOf(i, n, cells, first, end int) share {
	at := (float64(i)+0.5)*float64(cells)/float64(n) - 0.5
	at = min(max(at, float64(first)), float64(end-1))
	low := int(at)
	return share{low, min(low+1, end-1), float32(at - float64(low))}
}

// tone keeps the greater of what lies there and the grey of a probability.
func tone(values []float32, grey8 []byte) {
	for i, v := range values {
		grey8[i] = max(grey8[i], grey(v))
	}
}

// logistic gives the greys of logits, 255 / (1 + exp(−v)): it has a step for
// each 1/128 between -8 and 8, and exactly those of 0 and more are at least 128.
type logistic [2048]byte

func newLogistic() *logistic {
	var l logistic
	for i := range l {
		l[i] = grey(float32(1 / (1 + math.Exp((1024-float64(i)-0.5)/128))))
	}
	return &l
}

func (l *logistic) tone(values []float32, grey8 []byte) {
	for i, v := range values {
		grey8[i] = max(grey8[i], l[int(min(max(v*128+1024, 0), 2047))])
	}
}
