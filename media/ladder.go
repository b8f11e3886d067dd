package media

import "math"

// Ladder is the set of encodings of one video among which a player chooses
// by its bandwidth. All of them have the same frames and the same keyframes.
type Ladder struct {
	// Every is 1 when the rungs have every frame of the source, n when they
	// have one in n, so as to stay at 60 a second.
	Every int
	// Rungs are from the highest to the lowest; there is at least one. With
	// Every of 1 the first is the rendition itself.
	Rungs []Rung
}

// Rung is one encoding of a ladder.
type Rung struct {
	// Width and Height are in pixels, even.
	Width, Height int
	// Quality is x264's constant rate factor.
	Quality int
	// Expected is the rate that the samples let expect, MaxRate the one that
	// the encoder must not exceed over two seconds; in bits a second.
	Expected, MaxRate int64
}

const (
	// topQuality is that of the rendition, lowerQuality that of the rungs below.
	topQuality, lowerQuality = 21, 23
	// maxLadderRate is the highest frame rate of a ladder, in frames a second.
	maxLadderRate = 60
	// fewestPixels is the smallest picture of a rung: 4:3 in 240 lines is
	// just above it.
	fewestPixels = 75_000
	// leastSaving is by how much a rung must be cheaper than the one above:
	// steps of 1.5 to 2 are what Apple's authoring specification for HLS asks for.
	leastSaving = 1.5
	// enough is a rate, in bits a second, at which nobody needs less.
	enough = 300_000
)

// NewLadder chooses the rungs for a video by what its content costs: the
// rendition's size, and below it those of 720, 480, 360 and 240 lines that are
// smaller, are worth having and save enough. No rung is larger than the source.
func NewLadder(info Info, cost Complexity) Ladder {
	w, h := VideoSize(info)
	l := Ladder{Every: int(math.Max(1, math.Ceil(rate(info)/(maxLadderRate*1.01))))}
	l.Rungs = []Rung{cost.rung(info, w, h, topQuality)}
	for _, lines := range []int{720, 480, 360, 240} {
		above := l.Rungs[len(l.Rungs)-1]
		if lines >= h || above.Expected <= enough {
			continue
		}
		width, height := linesSize(info, lines)
		next := cost.rung(info, width, height, lowerQuality)
		if width*height >= fewestPixels && float64(next.Expected)*leastSaving <= float64(above.Expected) {
			l.Rungs = append(l.Rungs, next)
		}
	}
	return l
}

// Complexity is what a video costs in H.264 at the rendition's quality:
// Scale x pixels^Power bits a second in pictures of that many pixels. A zero
// one stands for an ordinary video.
type Complexity struct {
	Scale, Power float64
	// Peak is the dearest sample beside the mean, at least 1.
	Peak float64
}

// ordinary is a video of 5 Mbit/s in 1920 x 1080 and of 0.9 in 640 x 360.
func ordinary() Complexity { return Complexity{Scale: 58.8, Power: 0.78, Peak: 1.5} }

// rung is the encoding of that size: its cap is twice what it is expected to
// take, as Apple's authoring specification asks for, or more where one sample
// needs more; but no more than any such picture should need.
func (c Complexity) rung(info Info, w, h, quality int) Rung {
	if c.Scale <= 0 {
		c = ordinary()
	}
	pixels := float64(w) * float64(h)
	// Six steps of the rate factor halve the rate (x264's ratecontrol.txt).
	expected := c.Scale * math.Pow(pixels, c.Power) * math.Pow(2, float64(topQuality-quality)/6)
	most := 0.2 * pixels * math.Min(math.Max(rate(info), 24), maxLadderRate)
	limit := math.Max(expected*math.Max(2, 1.3*c.Peak), 200_000)
	limit = math.Min(limit, most)
	return Rung{Width: w, Height: h, Quality: quality, Expected: int64(math.Min(expected, limit)), MaxRate: int64(limit)}
}
