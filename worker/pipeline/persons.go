package pipeline

import (
	"github.com/motionmill/motionmill/inference"
	"github.com/motionmill/motionmill/media"
)

// A person counts for the poster from minPersonScore on; a matte counts when it
// covers at least leastFigure and at most mostFigure of the picture.
const (
	minPersonScore          = 0.3
	leastFigure, mostFigure = 0.01, 0.8
)

// persons remembers where somebody was in each frame, for the choice of the
// poster. An area without a width is nobody.
type persons struct{ areas [][4]float32 }

// see takes the next frame's result, of a source of width × height pixels with
// mattes of matteWidth.
func (p *persons) see(r inference.Result, width, height, matteWidth int) {
	area := [4]float32{}
	for _, person := range r.People {
		b := person.Box
		if person.Score < minPersonScore {
			continue
		}
		seen := [4]float32{float32(b[0]) / float32(width), float32(b[1]) / float32(height), float32(b[2]) / float32(width), float32(b[3]) / float32(height)}
		if seen[2]*seen[3] > area[2]*area[3] {
			area = seen
		}
	}
	if len(r.People) == 0 && matteWidth > 0 {
		area = figure(r.Matte, matteWidth)
	}
	for len(p.areas) <= r.Index {
		p.areas = append(p.areas, [4]float32{})
	}
	p.areas[r.Index] = area
}

// at tells where somebody is in a frame.
func (p *persons) at(frame int) (media.Area, bool) {
	if frame < 0 || frame >= len(p.areas) || p.areas[frame][2] <= 0 {
		return media.Area{}, false
	}
	a := p.areas[frame]
	return media.Area{float64(a[0]), float64(a[1]), float64(a[2]), float64(a[3])}, true
}

// figure is the part of the picture around what a matte keeps.
func figure(matte []byte, width int) [4]float32 {
	height := len(matte) / width
	left, right, top, bottom, count := width, -1, height, -1, 0
	for i, v := range matte {
		if v < 128 {
			continue
		}
		x, y := i%width, i/width
		left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
		count++
	}
	if cover := float64(count) / float64(max(len(matte), 1)); cover < leastFigure || cover > mostFigure {
		return [4]float32{}
	}
	w, h := float32(width), float32(height)
	return [4]float32{float32(left) / w, float32(top) / h, float32(right+1-left) / w, float32(bottom+1-top) / h}
}
