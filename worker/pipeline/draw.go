package pipeline

import (
	"math"
	"strings"

	"github.com/motionmill/motionmill/inference"
)

// colour is red, green, blue.
type colour [3]uint8

// The skeleton's colours tell the body's sides apart.
var (
	leftColour   = colour{255, 149, 0}
	rightColour  = colour{0, 199, 255}
	centreColour = colour{255, 255, 255}
)

// The score below which a keypoint is not drawn, that from which it is drawn
// full, and how opaque it is at the lower one, of 255.
const (
	minDrawScore  = 0.2
	fullDrawScore = 0.7
	faintest      = 90
)

// opacity is how clearly something of this score is drawn, of 255.
func opacity(score float64) uint8 {
	sure := (min(score, fullDrawScore) - minDrawScore) / (fullDrawScore - minDrawScore)
	return uint8(math.Round(faintest + (255-faintest)*sure))
}

// Layer draws skeletons on a transparent picture: RGBA with straight alpha,
// row by row. It is used for one frame after another.
type Layer struct {
	// IDs writes the id of each person above them.
	IDs bool

	width, height int
	pix           []byte
	// scaleX and scaleY take source pixels to pixels of the layer.
	scaleX, scaleY float64
	pairs          [][2]int
	limbs          []colour
	joints         []colour
}

// NewLayer returns a layer of width × height pixels for a source of
// sourceWidth × sourceHeight. names are the keypoints', of which "left_" and
// "right_" give the colour; pairs are the limbs as indices into them.
func NewLayer(width, height, sourceWidth, sourceHeight int, names []string, pairs [][2]int) *Layer {
	l := &Layer{
		width: width, height: height, pix: make([]byte, width*height*4), pairs: pairs,
		scaleX: float64(width) / float64(sourceWidth), scaleY: float64(height) / float64(sourceHeight),
	}
	for _, name := range names {
		l.joints = append(l.joints, sideColour(name))
	}
	for _, pair := range pairs {
		a, b := l.joints[pair[0]], l.joints[pair[1]]
		if a != b {
			a = centreColour
		}
		l.limbs = append(l.limbs, a)
	}
	return l
}

func sideColour(keypoint string) colour {
	switch {
	case strings.HasPrefix(keypoint, "left_"):
		return leftColour
	case strings.HasPrefix(keypoint, "right_"):
		return rightColour
	default:
		return centreColour
	}
}

// Draw clears the layer, draws the people on it and returns its pixels, which
// are good until the next call.
func (l *Layer) Draw(people []inference.Person) []byte {
	clear(l.pix)
	for _, person := range people {
		l.skeleton(person)
		if l.IDs {
			l.label(person)
		}
	}
	return l.pix
}

// skeleton draws limbs and joints, with a dark rim by which they stand out from
// a bright ground too.
func (l *Layer) skeleton(person inference.Person) {
	radius := max(float64(min(l.width, l.height))/180, 1.5)
	for _, rim := range []float64{radius * 0.6, 0} {
		for i, pair := range l.pairs {
			a, b := person.Keypoints[pair[0]], person.Keypoints[pair[1]]
			l.stroke(a, b, radius+rim, inked(l.limbs[i], rim))
		}
		for i, p := range person.Keypoints {
			l.stroke(p, p, radius*1.6+rim, inked(l.joints[i], rim))
		}
	}
}

// inked is the colour of a stroke, or of the rim below it.
func inked(c colour, rim float64) colour {
	if rim > 0 {
		return plateColour
	}
	return c
}

// stroke draws from a to b, as clearly as the less sure of them is.
func (l *Layer) stroke(a, b [3]float64, radius float64, c colour) {
	if score := min(a[2], b[2]); score >= minDrawScore {
		l.capsule(a, b, radius, c, opacity(score))
	}
}

// capsule draws all pixels within radius of the segment from a to b, with an
// edge of one pixel that fades out. opaque is the alpha, of 255.
func (l *Layer) capsule(a, b [3]float64, radius float64, c colour, opaque uint8) {
	// A point's 0 is the middle of the source's first pixel, a layer's its edge.
	ax, ay, bx, by := (a[0]+0.5)*l.scaleX, (a[1]+0.5)*l.scaleY, (b[0]+0.5)*l.scaleX, (b[1]+0.5)*l.scaleY
	reach := radius + 1
	x0, x1 := max(int(math.Floor(min(ax, bx)-reach)), 0), min(int(math.Ceil(max(ax, bx)+reach)), l.width-1)
	y0, y1 := max(int(math.Floor(min(ay, by)-reach)), 0), min(int(math.Ceil(max(ay, by)+reach)), l.height-1)
	dx, dy := bx-ax, by-ay
	length := dx*dx + dy*dy
	for y := y0; y <= y1; y++ {
		for x := x0; x <= x1; x++ {
			px, py := float64(x)+0.5-ax, float64(y)+0.5-ay
			along := 0.0
			if length > 0 {
				along = min(max((px*dx+py*dy)/length, 0), 1)
			}
			distance := math.Hypot(px-along*dx, py-along*dy)
			if cover := radius + 0.5 - distance; cover > 0 {
				l.blend((y*l.width+x)*4, c, uint8(min(cover, 1)*float64(opaque)))
			}
		}
	}
}

// blend lays c with the given alpha over the pixel at offset.
func (l *Layer) blend(offset int, c colour, alpha uint8) {
	p := l.pix[offset : offset+4 : offset+4]
	under := int(p[3]) * (255 - int(alpha)) / 255
	total := int(alpha) + under
	if total == 0 {
		return
	}
	for i := range c {
		p[i] = uint8((int(c[i])*int(alpha) + int(p[i])*under) / total)
	}
	p[3] = uint8(total)
}
