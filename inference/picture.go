package inference

// picture is one frame or still: rgb24, rows without padding.
type picture struct {
	pix           []byte
	width, height int // px
}

// whole is the box that the whole picture is.
func (p picture) whole() rect { return rect{0, 0, float64(p.width), float64(p.height)} }
