package matting

// solid clears a matte of what is no person and closes holes in those who are
// there. A matte that holds nobody becomes empty. It looks at one frame by itself.
//
// The zero value is ready; its memory grows once and is then reused.
type solid struct{ areas areas }

const (
	solidHaze   = 32  // from here on a px belongs to what it touches
	solidPerson = 128 // from here on it is more person than not
	solidSure   = 192 // somewhere a person is surer than that
	// A person covers at least one in so many px.
	solidSmallest = 500
	// A hole in which the model is nowhere sure of background is none, nor is one
	// that covers less than one in so many px.
	solidHole     = 3000
	solidDoubtful = 48
)

// clean changes a matte, grey8 of w by h px.
func (s *solid) clean(grey []byte, w, h int) {
	s.areas.begin(w, h)
	hazy := func(i int) bool { return grey[i] >= solidHaze }
	for i, v := range grey[:w*h] {
		if v < solidHaze {
			grey[i] = 0
			continue
		}
		if s.areas.seen[i] {
			continue
		}
		area := s.areas.about(i, hazy)
		if !somebody(grey, area, w*h) {
			for _, at := range area {
				grey[at] = 0
			}
		}
	}
	s.areas.begin(w, h)
	open := func(i int) bool { return grey[i] < solidPerson }
	for i, v := range grey[:w*h] {
		if v >= solidPerson || s.areas.seen[i] {
			continue
		}
		area := s.areas.about(i, open)
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
