package matting

import "github.com/motionmill/motionmill/inference/picture"

// solid clears a matte of what is no person and closes holes in those who are
// there. A matte that holds nobody becomes empty. It looks at one frame by itself.
//
// The zero value is ready; its memory grows once and is then reused.
type solid struct {
	seen []bool
	area []int32 // the px of the area that is being visited
}

const (
	solidHaze   = 32  // from here on a px belongs to what it touches
	solidPerson = 128 // from here on it is more person than not
	solidSure   = 192 // somewhere a person is surer than that
	// A person covers at least one in so many px. largestBlob says the same.
	solidSmallest = 500
	// A hole in which the model is nowhere sure of background is none, nor is one
	// that covers less than one in so many px.
	solidHole     = 3000
	solidDoubtful = 48
)

// clean changes a matte, grey8 of w by h px.
func (s *solid) clean(grey []byte, w, h int) {
	s.seen, s.area = picture.Grown(s.seen, w*h), picture.Grown(s.area, w*h)
	clear(s.seen)
	for i, v := range grey[:w*h] {
		if v < solidHaze {
			grey[i] = 0
			continue
		}
		if s.seen[i] {
			continue
		}
		area := s.visit(grey, w, h, i, false)
		if !somebody(grey, area, w*h) {
			for _, at := range area {
				grey[at] = 0
			}
		}
	}
	clear(s.seen)
	for i, v := range grey[:w*h] {
		if v >= solidPerson || s.seen[i] {
			continue
		}
		area := s.visit(grey, w, h, i, true)
		if hole(grey, area, w, h) {
			for _, at := range area {
				grey[at] = 255
			}
		}
	}
}

// somebody tells whether an area of a matte of n px is a person.
func somebody(grey []byte, area []int32, n int) bool {
	count, sure := 0, false
	for _, at := range area {
		if grey[at] >= solidPerson {
			count++
		}
		sure = sure || grey[at] >= solidSure
	}
	return sure && count*solidSmallest > n
}

// hole tells whether an area of background is a mistake inside of somebody.
func hole(grey []byte, area []int32, w, h int) bool {
	doubtful := true
	for _, at := range area {
		x, y := int(at)%w, int(at)/w
		if x == 0 || y == 0 || x == w-1 || y == h-1 {
			return false
		}
		doubtful = doubtful && grey[at] >= solidDoubtful
	}
	return doubtful || len(area)*solidHole < w*h
}

// visit lists the connected (4 neighbours) area about start: of haze and person,
// or of what is less than a person.
func (s *solid) visit(grey []byte, w, h, start int, background bool) []int32 {
	s.seen[start] = true
	s.area[0] = int32(start)
	count := 1
	add := func(i int) {
		inside := grey[i] >= solidHaze
		if background {
			inside = grey[i] < solidPerson
		}
		if inside && !s.seen[i] {
			s.seen[i] = true
			s.area[count] = int32(i)
			count++
		}
	}
	for next := 0; next < count; next++ {
		i := int(s.area[next])
		x, y := i%w, i/w
		if x > 0 {
			add(i - 1)
		}
		if x < w-1 {
			add(i + 1)
		}
		if y > 0 {
			add(i - w)
		}
		if y < h-1 {
			add(i + w)
		}
	}
	return s.area[:count]
}
