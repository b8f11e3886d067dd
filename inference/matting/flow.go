package matting

// flow finds where each block of a frame lay in the frame before, on two
// planes of brightness. Its memory grows once and is then reused.
type flow struct {
	w, h, across, down int
	vectors, before    []vector // of the blocks, of this frame and of the one before
	now, last          []byte
}

// vector is a displacement in cells, to where a block lay in the frame before.
type vector struct{ x, y float32 }

const (
	blockSide  = 8 // cells
	searchSide = 12
	stillBonus = 2 * blockSide // of the sum of differences: what does not move should not seem to
)

// find compares now with last, both w by h.
func (m *flow) find(now, last []byte, w, h int) {
	if m.w != w || m.h != h {
		m.w, m.h = w, h
		m.across, m.down = (w+blockSide-1)/blockSide, (h+blockSide-1)/blockSide
		m.vectors, m.before = make([]vector, m.across*m.down), make([]vector, m.across*m.down)
	}
	m.now, m.last = now, last
	m.vectors, m.before = m.before, m.vectors
	for row := range m.down {
		for column := range m.across {
			m.vectors[row*m.across+column] = m.search(column, row)
		}
	}
}

// of is the vector of the block that a cell lies in.
func (m *flow) of(x, y int) vector { return m.vectors[y/blockSide*m.across+x/blockSide] }

// search follows a block: from the best of what its neighbours and the frame
// before suggest, step by step downhill, then between cells.
func (m *flow) search(column, row int) vector {
	b := block{flow: m, x: column * blockSide, y: row * blockSide}
	b.bw, b.bh = min(blockSide, m.w-b.x), min(blockSide, m.h-b.y)
	b.best = b.cost(0, 0, 1<<30) - stillBonus
	at := row*m.across + column
	if column > 0 {
		b.try(m.vectors[at-1].whole())
	}
	if row > 0 {
		b.try(m.vectors[at-m.across].whole())
	}
	b.try(m.before[at].whole())
	for step := 4; step >= 1; {
		x, y := b.dx, b.dy
		b.try(x+step, y)
		b.try(x-step, y)
		b.try(x, y+step)
		b.try(x, y-step)
		if b.dx == x && b.dy == y {
			step /= 2
		}
	}
	if b.dx == 0 && b.dy == 0 {
		return vector{}
	}
	return vector{
		float32(b.dx) + lowest(b.cost(b.dx-1, b.dy, 1<<30), b.best, b.cost(b.dx+1, b.dy, 1<<30)),
		float32(b.dy) + lowest(b.cost(b.dx, b.dy-1, 1<<30), b.best, b.cost(b.dx, b.dy+1, 1<<30)),
	}
}

// lowest is where two lines of the same steepness through three neighbouring
// costs meet: sums of absolute differences rise like that about their minimum.
func lowest(left, middle, right int) float32 {
	if left <= middle || right <= middle {
		return 0
	}
	return float32(left-right) / float32(2*(max(left, right)-middle))
}

func (v vector) whole() (x, y int) { return rounded(v.x), rounded(v.y) }

func rounded(v float32) int {
	if v < 0 {
		return -int(0.5 - v)
	}
	return int(v + 0.5)
}

// block is a block that is being followed.
type block struct {
	*flow
	x, y, bw, bh int
	dx, dy       int // the best displacement so far
	best         int // its sum of differences
}

// try takes a displacement that is better than the best.
func (b *block) try(dx, dy int) {
	if (dx == b.dx && dy == b.dy) || max(dx, -dx, dy, -dy) > searchSide {
		return
	}
	if c := b.cost(dx, dy, b.best); c < b.best {
		b.dx, b.dy, b.best = dx, dy, c
	}
}

// cost is the sum of absolute differences, or something larger than enough as
// soon as it is. A displacement that leaves the frame costs too much.
func (b *block) cost(dx, dy, enough int) int {
	x, y := b.x+dx, b.y+dy
	if x < 0 || y < 0 || x+b.bw > b.w || y+b.bh > b.h {
		return 1 << 30
	}
	sum := 0
	for row := range b.bh {
		a := b.now[(b.y+row)*b.w+b.x:][:b.bw]
		c := b.last[(y+row)*b.w+x:][:b.bw]
		for i, v := range a {
			d := int(v) - int(c[i])
			sum += max(d, -d)
		}
		if sum >= enough {
			break
		}
	}
	return sum
}
