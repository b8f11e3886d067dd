package inference

// matte is the family of models that give one probability of "person" for
// each pixel of the whole frame: MODNet, U²-Net, selfie segmentation and their like.
type matte struct {
	network *network
	fill    filler
}

func newMatte(n *network) (*matte, error) {
	m := n.model
	if m.Input.Fit == FitAffine {
		return nil, badManifest(m, wrongField("input.fit", "is %q, the family matte looks at the whole frame", m.Input.Fit))
	}
	if err := m.knownOptions(); err != nil {
		return nil, badManifest(m, err)
	}
	_, outputs := n.session.Info()
	if len(outputs) == 0 || outputs[0].Type != "float32" {
		return nil, mismatch(m, "the graph's outputs are %v, the family matte gives float32 first", outputs)
	}
	if _, ok := mapOf(outputs[0].Shape); !ok && isFixed(outputs[0].Shape) {
		return nil, mismatch(m, "the graph's output is %v, the family matte gives one or two channels", outputs[0])
	}
	return &matte{network: n, fill: newFiller(m.Input)}, nil
}

// matteMap says how a matte lies in an output tensor.
type matteMap struct{ w, h, start, step int }

// mapOf reads [1 c h w], [1 h w c] or [1 h w]; of two channels the second is the person.
func mapOf(shape []int64) (matteMap, bool) {
	dims := make([]int, len(shape))
	for i, n := range shape {
		dims[i] = int(n)
	}
	switch {
	case len(dims) == 3 && dims[0] == 1:
		return matteMap{w: dims[2], h: dims[1], step: 1}, true
	case len(dims) != 4 || dims[0] != 1:
		return matteMap{}, false
	case dims[1] == 1 || dims[1] == 2:
		return matteMap{w: dims[3], h: dims[2], start: (dims[1] - 1) * dims[2] * dims[3], step: 1}, true
	case dims[3] == 1 || dims[3] == 2:
		return matteMap{w: dims[2], h: dims[1], start: dims[3] - 1, step: dims[3]}, true
	default:
		return matteMap{}, false
	}
}

// size is the width and height in px of the mattes of frames like pic: the
// model's own, less what letterboxing leaves empty.
func (m *matte) size(pic picture) (w, h int) {
	p := place(m.fillInput(), pic)
	return p.w, p.h
}

func (m *matte) fillInput() Input { return m.network.model.Input }

// cut writes the matte of a frame into dst, grey8, of the size that size gives;
// 255 is person.
func (m *matte) cut(pic picture, dst []byte) error {
	p := place(m.fillInput(), pic)
	return m.network.use(func(l *lane) {
		m.fill.fill(l.runner.Input(), pic, p, &l.scratch)
	}, func(out []tensor) error {
		from, ok := mapOf(out[0].shape)
		if !ok || from.w != m.fill.width || from.h != m.fill.height {
			return mismatch(m.network.model, "its output has the shape %v, want the input's %d by %d with one or two channels",
				out[0].shape, m.fill.width, m.fill.height)
		}
		for y := range p.h {
			at := from.start + ((p.y+y)*from.w+p.x)*from.step
			row := dst[y*p.w : (y+1)*p.w]
			for x := range row {
				row[x] = grey(out[0].data[at])
				at += from.step
			}
		}
		return nil
	})
}

func grey(v float32) byte { return byte(min(max(v, 0), 1)*255 + 0.5) }

// finder remembers the memory that looking for blobs needs.
type finder struct {
	seen  []bool
	stack []int32
}

// largestBlob returns the bounding box, in matte px, of the largest connected
// (4 neighbours) area that is more person than not. ok is false where none
// covers a five-hundredth of the matte.
func (f *finder) largestBlob(grey []byte, w, h int) (box rect, ok bool) {
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
func (f *finder) flood(grey []byte, w, h, start int) (rect, int) {
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
	return rect{float64(left), float64(top), float64(right - left + 1), float64(bottom - top + 1)}, n
}
