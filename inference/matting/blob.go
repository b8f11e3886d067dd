package matting

import "github.com/motionmill/motionmill/inference/picture"

// finder remembers the memory that looking for blobs needs.
type finder struct{ areas areas }

// largestBlob returns the bounding box, in matte px, of the largest connected
// (4 neighbours) area that is more person than not. ok is false where none
// covers a five-hundredth of the matte.
func (f *finder) largestBlob(grey []byte, w, h int) (box picture.Rect, ok bool) {
	f.areas.begin(w, h)
	person := func(i int) bool { return grey[i] >= solidPerson }
	largest := w*h/solidSmallest + 1
	for i := range w * h {
		if f.areas.seen[i] || !person(i) {
			continue
		}
		if area := f.areas.about(i, person); len(area) >= largest {
			box, largest, ok = bounds(area, w), len(area)+1, true
		}
	}
	return box, ok
}

// bounds is the box about an area of a matte of w px in a row.
func bounds(area []int32, w int) picture.Rect {
	left, right, top, bottom := w, 0, int(area[0])/w, 0
	for _, i := range area {
		x, y := int(i)%w, int(i)/w
		left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
	}
	return picture.Rect{X: float64(left), Y: float64(top), W: float64(right - left + 1), H: float64(bottom - top + 1)}
}
