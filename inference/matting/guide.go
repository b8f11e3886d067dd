package matting

import "github.com/motionmill/motionmill/inference/picture"

// guide brings a small matte to the size of its frame, along the edges that the
// frame shows: the fast guided filter (He and Sun 2015) with colour as its guide (He,
// Sun and Tang 2013). In every window of the grid the matte is held for a
// linear function of the colour; the functions are found on the grid, averaged,
// interpolated, and applied to the colours of the frame.
//
// The zero value is ready; its memory grows once and is then reused. It is for
// one goroutine at a time.
type guide struct {
	sums          boxer
	work          [moments][]float32 // colours × matte, colours × colours
	means         [3][]float32
	matte         []float32    // mean of the matte
	slopes        [4][]float32 // of red, green and blue, and the constant
	highest       peaks        // of the matte
	doubts        peaks        // of what it lacks of 1
	doubt         []float32    // what it lacks of 1
	flat          []bool       // where the matte is 0 or 1 all around
	rows          [4][]float32 // slopes between two rows of the grid
	flatRow       []bool
	from          []int32 // the grid's column left of each px of the frame
	part          []float32
	width, column int
}

const (
	guideStep   = 4    // px of the frame in a cell, on both axes
	guideRadius = 5    // of the windows, in cells
	guideNoise  = 3e-4 // variance of colour, on 0 to 1 squared, that is no edge
	// guideContrast widens what lies about one half: windows blur the edge.
	guideContrast = 2
	guideReach    = 1    // cells about one within which an edge of the matte can move
	guideSure     = 0.15 // that close to 0 or 1 a matte has no edge
)

// The moments that are averaged in each window.
const (
	redMatte = iota
	greenMatte
	blueMatte
	redRed
	redGreen
	redBlue
	greenGreen
	greenBlue
	blueBlue
	moments
)

// apply writes the matte of pic into dst, grey8 of its size, from matte on the
// grid of g.
func (f *guide) apply(dst []byte, pic picture.Picture, g *raster, matte []float32) {
	f.solve(g, matte)
	f.place(pic.Width, g)
	for y := range pic.Height {
		at := (float32(y) - float32(g.step-1)/2) / float32(g.step)
		at = min(max(at, 0), float32(g.h-1))
		low := min(int(at), max(g.h-2, 0))
		high, part := min(low+1, g.h-1), at-float32(low)
		f.between(low*g.w, high*g.w, g.w, part)
		f.paint(dst[y*pic.Width:(y+1)*pic.Width], pic.Pix[y*pic.Width*3:(y+1)*pic.Width*3])
	}
}

// solve finds the linear functions of all windows.
func (f *guide) solve(g *raster, matte []float32) {
	n := g.w * g.h
	f.resize(n)
	f.products(g, matte, n)
	for i, plane := range g.colour {
		f.sums.mean(f.means[i], plane, g.w, g.h, guideRadius)
	}
	f.sums.mean(f.matte, matte, g.w, g.h, guideRadius)
	for i := range f.work {
		f.sums.mean(f.work[i], f.work[i], g.w, g.h, guideRadius)
	}
	for i := range n {
		f.slope(i)
	}
	for i := range f.slopes {
		f.sums.mean(f.slopes[i], f.slopes[i], g.w, g.h, guideRadius)
	}
	f.settle(g, matte)
}

// settle makes the matte what it is wherever all cells near are as sure as it:
// what is of a person's colour and lies further off is still no person.
func (f *guide) settle(g *raster, matte []float32) {
	f.doubt = picture.Grown(f.doubt, g.w*g.h)
	for i := range f.doubt {
		f.doubt[i] = 1 - matte[i]
	}
	f.highest.find(g, matte)
	f.doubts.find(g, f.doubt)
	for i := range matte[:g.w*g.h] {
		background, person := f.highest.cells[i] < guideSure, f.doubts.cells[i] < guideSure
		f.flat[i] = background || person
		if f.flat[i] {
			f.slopes[0][i], f.slopes[1][i], f.slopes[2][i], f.slopes[3][i] = 0, 0, 0, 0
		}
		if person {
			f.slopes[3][i] = 1
		}
	}
}

// peaks are the highest values near each cell.
type peaks struct{ rows, cells []float32 }

// find looks at each cell and those within guideReach of it.
func (p *peaks) find(g *raster, values []float32) {
	p.rows, p.cells = picture.Grown(p.rows, g.w*g.h), picture.Grown(p.cells, g.w*g.h)
	for y := range g.h {
		row, out := values[y*g.w:(y+1)*g.w], p.rows[y*g.w:(y+1)*g.w]
		copy(out, row)
		for d := 1; d <= min(guideReach, g.w-1); d++ {
			for x, v := range row[d:] {
				out[x], out[x+d] = max(out[x], v), max(out[x+d], row[x])
			}
		}
	}
	for y := range g.h {
		out := p.cells[y*g.w : (y+1)*g.w]
		copy(out, p.rows[y*g.w:])
		for other := max(y-guideReach, 0); other < min(y+guideReach+1, g.h); other++ {
			for x, v := range p.rows[other*g.w : (other+1)*g.w] {
				out[x] = max(out[x], v)
			}
		}
	}
}

func (f *guide) resize(n int) {
	for i := range f.work {
		f.work[i] = picture.Grown(f.work[i], n)
	}
	for i := range f.means {
		f.means[i] = picture.Grown(f.means[i], n)
	}
	for i := range f.slopes {
		f.slopes[i] = picture.Grown(f.slopes[i], n)
	}
	f.matte, f.flat = picture.Grown(f.matte, n), picture.Grown(f.flat, n)
}

func (f *guide) products(g *raster, matte []float32, n int) {
	red, green, blue := g.colour[0][:n], g.colour[1][:n], g.colour[2][:n]
	for i, m := range matte[:n] {
		r, g, b := red[i], green[i], blue[i]
		f.work[redMatte][i], f.work[greenMatte][i], f.work[blueMatte][i] = r*m, g*m, b*m
		f.work[redRed][i], f.work[redGreen][i], f.work[redBlue][i] = r*r, r*g, r*b
		f.work[greenGreen][i], f.work[greenBlue][i], f.work[blueBlue][i] = g*g, g*b, b*b
	}
}

// slope solves (covariance of colour + noise) · slope = covariance of colour and
// matte, three equations, for the window of cell i.
func (f *guide) slope(i int) {
	mr, mg, mb, mm := f.means[0][i], f.means[1][i], f.means[2][i], f.matte[i]
	if mm < 1e-4 || mm > 1-1e-4 {
		f.slopes[0][i], f.slopes[1][i], f.slopes[2][i], f.slopes[3][i] = 0, 0, 0, mm
		return
	}
	cr, cg, cb := f.work[redMatte][i]-mr*mm, f.work[greenMatte][i]-mg*mm, f.work[blueMatte][i]-mb*mm
	rr, gg := f.work[redRed][i]-mr*mr+guideNoise, f.work[greenGreen][i]-mg*mg+guideNoise
	bb := f.work[blueBlue][i] - mb*mb + guideNoise
	rg, rb, gb := f.work[redGreen][i]-mr*mg, f.work[redBlue][i]-mr*mb, f.work[greenBlue][i]-mg*mb
	// The inverse of a symmetric matrix by its cofactors.
	i11, i12, i13 := gg*bb-gb*gb, gb*rb-rg*bb, rg*gb-gg*rb
	i22, i23, i33 := rr*bb-rb*rb, rb*rg-rr*gb, rr*gg-rg*rg
	scale := 1 / (rr*i11 + rg*i12 + rb*i13)
	sr := (i11*cr + i12*cg + i13*cb) * scale
	sg := (i12*cr + i22*cg + i23*cb) * scale
	sb := (i13*cr + i23*cg + i33*cb) * scale
	f.slopes[0][i], f.slopes[1][i], f.slopes[2][i] = sr, sg, sb
	f.slopes[3][i] = mm - sr*mr - sg*mg - sb*mb
}

// place finds the cells left of each px of a row.
func (f *guide) place(width int, g *raster) {
	if f.width == width && f.column == g.w {
		return
	}
	f.width, f.column = width, g.w
	f.from, f.part = picture.Grown(f.from, width), picture.Grown(f.part, width)
	for x := range width {
		at := (float32(x) - float32(g.step-1)/2) / float32(g.step)
		at = min(max(at, 0), float32(g.w-1))
		low := min(int32(at), int32(max(g.w-2, 0)))
		f.from[x], f.part[x] = low, at-float32(low)
	}
	for i := range f.rows {
		f.rows[i] = picture.Grown(f.rows[i], g.w+1)
	}
	f.flatRow = picture.Grown(f.flatRow, g.w+1)
}

// between interpolates the functions of two rows of the grid, which start at
// low and high. One cell more than there are repeats the last.
func (f *guide) between(low, high, w int, part float32) {
	for i := range f.rows {
		a, b, to := f.slopes[i][low:low+w], f.slopes[i][high:high+w], f.rows[i][:w+1]
		for x := range a {
			to[x] = a[x] + part*(b[x]-a[x])
		}
		to[w] = to[w-1]
	}
	for x := range w {
		f.flatRow[x] = f.flat[low+x] && f.flat[high+x]
	}
	f.flatRow[w] = f.flatRow[w-1]
}

// paint applies a row's functions to its colours.
func (f *guide) paint(dst, pix []byte) {
	red, green, blue, base := f.rows[0], f.rows[1], f.rows[2], f.rows[3]
	for x := range dst {
		c, t := int(f.from[x]), f.part[x]
		if f.flatRow[c] && f.flatRow[c+1] {
			dst[x] = byte(min(max(base[c], 0), 1)*255 + 0.5)
			continue
		}
		rgb := pix[x*3 : x*3+3]
		v := base[c] + t*(base[c+1]-base[c])
		v += (red[c] + t*(red[c+1]-red[c])) * float32(rgb[0]) * (1.0 / 255)
		v += (green[c] + t*(green[c+1]-green[c])) * float32(rgb[1]) * (1.0 / 255)
		v += (blue[c] + t*(blue[c+1]-blue[c])) * float32(rgb[2]) * (1.0 / 255)
		v = (v-0.5)*guideContrast + 0.5
		dst[x] = byte(min(max(v, 0), 1)*255 + 0.5)
	}
}
