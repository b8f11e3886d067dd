package matting

import "github.com/motionmill/motionmill/inference/picture"

// finder remembers the memory that looking for blobs needs.
type finder struct {
	seen  []bool
	stack []int32
}

// largestBlob returns the bounding box, in matte px, of the largest connected
// (4 neighbours) area that is more person than not. ok is false where none
// covers a five-hundredth of the matte.
func (f *finder) largestBlob(grey []byte, w, h int) (box picture.Rect, ok bool) {
	if cap(f.seen) < w*h {
		f.seen = make([]bool, w*h)
	}
	f.seen = f.seen[:w*h]
	clear(f.seen)
	largest := w*h/500 + 1
	for i, v := range grey[:w*h] {
		if v < 128 || f.seen[i] {
			continue
		}
		if b, n := f.flood(grey, w, h, i); n >= largest {
			box, largest, ok = b, n+1, true
		}
	}
	return box, ok
}

// flood visits the area of pixel start and returns its bounds and size.
func (f *finder) flood(grey []byte, w, h, start int) (picture.Rect, int) {
	left, right, top, bottom, n := start%w, start%w, start/w, start/w, 0
	f.seen[start] = true
	f.stack = append(f.stack[:0], int32(start))
	visit := func(i int) {
		if grey[i] >= 128 && !f.seen[i] {
			f.seen[i] = true
			f.stack = append(f.stack, int32(i))
		}
	}
	for len(f.stack) > 0 {
		i := int(f.stack[len(f.stack)-1])
		f.stack = f.stack[:len(f.stack)-1]
		n++
		x, y := i%w, i/w
		left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
		if x > 0 {
			visit(i - 1)
		}
		if x < w-1 {
			visit(i + 1)
		}
		if y > 0 {
			visit(i - w)
		}
		if y < h-1 {
			visit(i + w)
		}
	}
	return picture.Rect{X: float64(left), Y: float64(top), W: float64(right - left + 1), H: float64(bottom - top + 1)}, n
}
