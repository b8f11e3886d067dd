package matting

import "github.com/motionmill/motionmill/inference/picture"

// Steady holds the edges of a video's mattes still where the picture is still or
// moves as a whole: each matte is blended with the one before, moved as the
// blocks of the picture moved, and by as much as the picture is the same there. What
// appears, deforms or changes is taken as it is, at once.
//
// The zero value begins a video; its memory grows once. Frames come in order.
type Steady struct {
	begun       bool
	flow        flow
	now, last   []byte    // brightness of the cells
	change      []float32 // how much of it motion does not explain
	sums        boxer
	shares      []int32  // of the matte before, in each cell, of 256
	mixed, kept []uint16 // this matte and the one before, 256 times as fine
}

const (
	steadiness   = 0.8 // the share of the matte before where nothing changed
	changeNoise  = 5   // the difference in brightness, on 0 to 255, that halves it
	changeRadius = 1   // of the windows over which differences are averaged, in cells
)

// Next blends the matte of the next frame, which is finished.
func (s *Steady) Next(c *Cutout, pic picture.Picture) {
	s.blend(c.Out, pic.Width, pic.Height, &c.raster)
}

// blend changes the matte of the next frame, which g is the raster of: grey8,
// width by height px as the frame.
func (s *Steady) blend(matte []byte, width, height int, g *raster) {
	cells := g.w * g.h
	s.now, s.last, s.change = picture.Grown(s.now, cells), picture.Grown(s.last, cells), picture.Grown(s.change, cells)
	s.shares, s.mixed, s.kept = picture.Grown(s.shares, cells), picture.Grown(s.mixed, width*height), picture.Grown(s.kept, width*height)
	s.now, s.last = s.last, s.now
	g.brightness(s.now)
	if !s.begun {
		s.begun = true
		for i, v := range matte {
			s.kept[i] = uint16(v) << 8
		}
		return
	}
	s.flow.find(s.now, s.last, g.w, g.h)
	for y := range g.h {
		s.compare(y, g.w, g.h)
	}
	s.sums.mean(s.change, s.change, g.w, g.h, changeRadius)
	for i, c := range s.change {
		c *= 1.0 / changeNoise
		s.shares[i] = int32(256 * steadiness / (1 + c*c*c*c))
	}
	for y := range height {
		s.mix(matte, y, width, height, g)
	}
	s.mixed, s.kept = s.kept, s.mixed
}

// compare says how much a row of cells differs from where it lay before.
func (s *Steady) compare(y, w, h int) {
	for x := range w {
		at := y*w + x
		v := s.flow.of(x, y)
		before := float32(s.last[at])
		if v != (vector{}) {
			before = between(s.last, w, h, float32(x)+v.x, float32(y)+v.y)
		}
		d := float32(s.now[at]) - before
		s.change[at] = max(d, -d)
	}
}

// between is the value of a plane of w by h at x, y; its edges are repeated.
func between(plane []byte, w, h int, x, y float32) float32 {
	x, y = min(max(x, 0), float32(w-1)), min(max(y, 0), float32(h-1))
	left, top := int(x), int(y)
	right, down := min(left+1, w-1), min(top+1, h-1)
	x, y = x-float32(left), y-float32(top)
	a, b := float32(plane[top*w+left]), float32(plane[top*w+right])
	c, d := float32(plane[down*w+left]), float32(plane[down*w+right])
	upper, lower := a+x*(b-a), c+x*(d-c)
	return upper + y*(lower-upper)
}

// mix blends one row of the matte, block by block. Motion is known to about a
// cell: where there is any, the matte before counts half.
func (s *Steady) mix(matte []byte, y, width, height int, g *raster) {
	row, mixed := matte[y*width:(y+1)*width], s.mixed[y*width:(y+1)*width]
	shares := s.shares[y/g.step*g.w : (y/g.step+1)*g.w]
	side := blockSide * g.step
	for start := 0; start < width; start += side {
		v := s.flow.vectors[y/side*s.flow.across+start/side]
		dx, dy := rounded(v.x*float32(g.step)), rounded(v.y*float32(g.step))
		halving := int32(256)
		if v != (vector{}) {
			halving = 512
		}
		from := min(max(y+dy, 0), height-1) * width
		for x := start; x < min(start+side, width); x++ {
			now := int32(row[x]) << 8
			before := int32(s.kept[from+min(max(x+dx, 0), width-1)])
			out := now + (before-now)*shares[x/g.step]/halving
			mixed[x], row[x] = uint16(out), byte((out+127)>>8)
		}
	}
}
