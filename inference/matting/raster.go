package matting

import "github.com/motionmill/motionmill/inference/picture"

// raster is a frame at a smaller size: each cell is the mean colour of step by
// step px, fewer at the right and at the bottom. Its memory grows once.
type raster struct {
	w, h, step int
	colour     [3][]float32 // red, green, blue on 0 to 1
}

// set averages a picture.
func (g *raster) set(pic picture.Picture, step int) {
	g.step, g.w, g.h = step, (pic.Width+step-1)/step, (pic.Height+step-1)/step
	for i := range g.colour {
		g.colour[i] = picture.Grown(g.colour[i], g.w*g.h)
		clear(g.colour[i])
	}
	for y := range pic.Height {
		g.add(pic.Pix[y*pic.Width*3:(y+1)*pic.Width*3], y/step*g.w)
	}
	for y := range g.h {
		rows := min(step, pic.Height-y*step)
		full := 1 / float32(255*rows*step)
		last := 1 / float32(255*rows*(pic.Width-(g.w-1)*step))
		for _, plane := range g.colour {
			row := plane[y*g.w : (y+1)*g.w]
			for x := range row[:g.w-1] {
				row[x] *= full
			}
			row[g.w-1] *= last
		}
	}
}

// add sums one row of the picture into the cells from at on.
func (g *raster) add(row []byte, at int) {
	red, green, blue := g.colour[0][at:at+g.w], g.colour[1][at:at+g.w], g.colour[2][at:at+g.w]
	for x := range red {
		part := row[x*g.step*3 : min((x+1)*g.step*3, len(row))]
		var r, gr, b int32
		for ; len(part) >= 3; part = part[3:] {
			r, gr, b = r+int32(part[0]), gr+int32(part[1]), b+int32(part[2])
		}
		red[x] += float32(r)
		green[x] += float32(gr)
		blue[x] += float32(b)
	}
}

// brightness writes the luma of BT.709 of each cell, 0 to 255.
func (g *raster) brightness(dst []byte) {
	red, green, blue := g.colour[0], g.colour[1], g.colour[2]
	for i := range dst[:g.w*g.h] {
		dst[i] = byte(255*(0.2126*red[i]+0.7152*green[i]+0.0722*blue[i]) + 0.5)
	}
}
