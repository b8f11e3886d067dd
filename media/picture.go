package media

import (
	"math"
	"strconv"
	"strings"
)

// turn is what makes the coded picture upright: first transposed (rows become
// columns), then mirrored left to right, then top to bottom.
type turn struct{ transpose, hflip, vflip bool }

// readTurn reads the display matrix as ffprobe dumps it: three lines of an
// offset and three numbers (ISO/IEC 14496-12, 6.2.2: the point (x, y) is shown
// at (ax+cy, bx+dy) for rows (a, b, u), (c, d, v)). ffmpeg exchanges width and
// height only for a turn within a degree of a right angle, so this does too.
func readTurn(dump string) turn {
	rows := [][]float64{}
	for _, line := range strings.Split(strings.TrimSpace(dump), "\n") {
		_, numbers, _ := strings.Cut(line, ":")
		row := []float64{}
		for _, field := range strings.Fields(numbers) {
			value, err := strconv.ParseFloat(field, 64)
			if err != nil {
				return turn{}
			}
			row = append(row, value)
		}
		rows = append(rows, row)
	}
	if len(rows) < 2 || len(rows[0]) < 2 || len(rows[1]) < 2 {
		return turn{}
	}
	a, b, c, d := rows[0][0], rows[0][1], rows[1][0], rows[1][1]
	if degree := math.Pi / 180; math.Abs(a)+math.Abs(d) >= degree*(math.Abs(b)+math.Abs(c)) {
		return turn{hflip: a < 0, vflip: d < 0}
	}
	return turn{transpose: true, hflip: c < 0, vflip: b < 0}
}

// degrees is the clockwise turn, leaving a mirror aside.
func (t turn) degrees() int {
	switch {
	case t.transpose && t.hflip:
		return 90
	case t.transpose:
		return 270
	case t.vflip:
		return 180
	default:
		return 0
	}
}

// colour is what has to be known of a picture to convert its colours.
type colour struct {
	// matrix is the name for the scale filter, "" for a picture in RGB.
	matrix string
	// full tells that luma uses all of 0 to 255.
	full bool
	// space, primaries and transfer are zscale's names of the tags; wide
	// tells that zscale is needed because the gamut is not BT.709's.
	space, primaries, transfer string
	wide                       bool
}

// readColour takes the tags as ffprobe names them. Without a tag of the
// matrix, pictures of 720 lines and more are taken for BT.709 and smaller ones for
// BT.601, as recorders do; ffmpeg alone would take all for BT.601.
func readColour(space, primaries, transfer, rangeTag, pixelFormat string, width, height int) colour {
	c := colour{full: rangeTag == "pc" || strings.HasPrefix(pixelFormat, "yuvj")}
	switch space {
	case "bt709", "fcc", "smpte240m":
		c.matrix = space
	case "smpte170m", "bt470bg":
		c.matrix = "bt601"
	case "bt2020nc", "bt2020c":
		c.matrix = "bt2020"
	case "gbr":
	default:
		c.matrix = "bt601"
		if height >= 720 || width >= 1280 {
			c.matrix = "bt709"
		}
	}
	if rgb(pixelFormat) {
		c.matrix = ""
	}
	c.space = "bt709"
	if c.matrix == "bt2020" || hdr(transfer) != "" {
		c.space = "bt2020nc"
	}
	c.transfer = "bt709"
	if hdr(transfer) != "" {
		c.transfer = transfer
	}
	c.primaries = primaries
	switch primaries {
	case "bt2020", "smpte432":
		c.wide = true
	default:
		c.primaries = "bt709"
		if hdr(transfer) != "" {
			c.primaries = "bt2020"
		}
	}
	c.wide = c.wide || hdr(transfer) != ""
	switch {
	case rgb(pixelFormat):
		c.space = "gbr"
	case c.wide && c.matrix == "bt601":
		c.space = "smpte170m"
	}
	return c
}

func rgb(pixelFormat string) bool {
	for _, prefix := range []string{"rgb", "bgr", "gbr", "argb", "abgr", "pal8"} {
		if strings.HasPrefix(pixelFormat, prefix) {
			return true
		}
	}
	return false
}

// hdr names the high dynamic range of a transfer tag, "" for none.
func hdr(transfer string) string {
	switch transfer {
	case "arib-std-b67":
		return "hlg"
	case "smpte2084":
		return "pq"
	default:
		return ""
	}
}

// squarePixels returns the display size of a coded picture before its turn. As in
// browsers one of the sides grows and none shrinks (HTML, 4.8.9, on the natural
// width of a video). An absurd ratio counts as 1:1.
func squarePixels(width, height int, sar Ratio) (w, h int) {
	switch {
	case sar.Num > 8*sar.Den || sar.Den > 8*sar.Num:
		return width, height
	case sar.Num < sar.Den:
		return width, max(1, int(math.Round(float64(height)/sar.float())))
	default:
		return max(1, int(math.Round(float64(width)*sar.float()))), height
	}
}
