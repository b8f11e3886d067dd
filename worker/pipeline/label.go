package pipeline

import (
	"strconv"

	"github.com/motionmill/motionmill/inference"
)

// digits are drawn on a grid of 3 by 5 cells, a row of cells after the other.
var digits = [10][5]string{
	{"###", "# #", "# #", "# #", "###"},
	{" # ", "## ", " # ", " # ", "###"},
	{"###", "  #", "###", "#  ", "###"},
	{"###", "  #", "###", "  #", "###"},
	{"# #", "# #", "###", "  #", "  #"},
	{"###", "#  ", "###", "  #", "###"},
	{"###", "#  ", "###", "# #", "###"},
	{"###", "  #", " # ", " # ", " # "},
	{"###", "# #", "###", "# #", "###"},
	{"###", "# #", "###", "  #", "###"},
}

var plateColour = colour{0, 0, 0}

// label writes the id of a person, white on black, above the middle of their
// box, or inside it where the picture ends.
func (l *Layer) label(person inference.Person) {
	text := strconv.Itoa(person.ID)
	cell := max(min(l.width, l.height)/120, 1)
	w, h := (4*len(text)+1)*cell, 7*cell
	x := int((person.Box[0]+person.Box[2]/2)*l.scaleX) - w/2
	y := int(person.Box[1]*l.scaleY) - h
	x, y = min(max(x, 0), max(l.width-w, 0)), min(max(y, 0), max(l.height-h, 0))
	l.fill(x, y, w, h, plateColour)
	for i, digit := range text {
		for row, cells := range digits[digit-'0'] {
			for column, c := range cells {
				if c == '#' {
					l.fill(x+(1+4*i+column)*cell, y+(1+row)*cell, cell, cell, centreColour)
				}
			}
		}
	}
}

// fill covers w by h pixels from x, y on, as far as they are on the layer.
func (l *Layer) fill(x, y, w, h int, c colour) {
	for row := max(y, 0); row < min(y+h, l.height); row++ {
		for column := max(x, 0); column < min(x+w, l.width); column++ {
			l.blend((row*l.width+column)*4, c, 255)
		}
	}
}
