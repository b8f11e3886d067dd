package coco

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// maxSide is the longest side of a picture, px.
const maxSide = 1 << 15

// Mask says of each pixel of a picture whether it is the person's.
type Mask struct {
	Width, Height int
	// Person holds the pixels row by row.
	Person []bool
}

// NewMask returns an empty mask of a size in px.
func NewMask(width, height int) Mask {
	return Mask{Width: width, Height: height, Person: make([]bool, width*height)}
}

// Area is the number of pixels of the person.
func (m Mask) Area() (n int) {
	for _, in := range m.Person {
		if in {
			n++
		}
	}
	return n
}

// Segmentation gives the mask as runs.
func (m Mask) Segmentation() *Segmentation {
	s := &Segmentation{Width: m.Width, Height: m.Height, Runs: []int{0}}
	for at := range m.Person {
		if in := m.Person[at%m.Height*m.Width+at/m.Height]; in != (len(s.Runs)%2 == 0) {
			s.Runs = append(s.Runs, 0)
		}
		s.Runs[len(s.Runs)-1]++
	}
	return s
}

// Overlap is the intersection of two masks of one size over their union, 0 to
// 1; 0 where both are empty.
func Overlap(a, b Mask) float64 {
	both, either := count(a, b)
	return float64(both) / float64(max(either, 1))
}

func count(a, b Mask) (both, either int) {
	for i, in := range a.Person {
		if in && b.Person[i] {
			both++
		}
		if in || b.Person[i] {
			either++
		}
	}
	return both, either
}

// within is the part of found that lies in a crowd, which is the similarity there.
func within(found, crowd Mask) float64 {
	both, _ := count(found, crowd)
	return float64(both) / float64(max(found.Area(), 1))
}

// Segmentation is a mask as annotations hold it: polygons, or lengths of runs.
type Segmentation struct {
	// Polygons are x0, y0, x1, y1, … in px each.
	Polygons [][]float64
	// Runs are lengths of pixels outside and inside by turns, column by column
	// of a picture of Width x Height.
	Runs          []int
	Width, Height int
}

// UnmarshalJSON takes a list of polygons, or an object with size and counts;
// the counts may be numbers or COCO's text.
func (s *Segmentation) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, &s.Polygons)
	}
	var runs struct {
		Size   []int           `json:"size"` // height, width
		Counts json.RawMessage `json:"counts"`
	}
	if err := json.Unmarshal(text, &runs); err != nil {
		return err
	}
	if len(runs.Size) != 2 || len(runs.Counts) == 0 {
		return errors.New("a segmentation is neither polygons nor runs with their size")
	}
	s.Height, s.Width = runs.Size[0], runs.Size[1]
	if runs.Counts[0] == '[' {
		return json.Unmarshal(runs.Counts, &s.Runs)
	}
	var packed string
	if err := json.Unmarshal(runs.Counts, &packed); err != nil {
		return err
	}
	var err error
	s.Runs, err = unpack(packed)
	return err
}

// unpack reads COCO's text of runs: numbers in pieces of five bits, the lowest first, each
// plus 48 as a character, with 32 where more follow; from the fourth on the
// difference to the number two before.
func unpack(text string) (runs []int, err error) {
	for at := 0; at < len(text); {
		value, shift, more := 0, 0, true
		for more {
			if at == len(text) || text[at] < 48 || text[at] > 48+63 || shift > 30 {
				return nil, fmt.Errorf("the runs are broken at character %d", at)
			}
			piece := int(text[at]) - 48
			value |= (piece & 31) << shift
			more = piece&32 != 0
			shift += 5
			if !more && piece&16 != 0 {
				value -= 1 << shift
			}
			at++
		}
		if len(runs) > 2 {
			value += runs[len(runs)-2]
		}
		runs = append(runs, value)
	}
	return runs, nil
}

// Mask draws the segmentation for a picture of a size in px. A pixel is in a polygon
// when its middle is.
func (s Segmentation) Mask(width, height int) (Mask, error) {
	if width < 1 || height < 1 || width > maxSide || height > maxSide {
		return Mask{}, fmt.Errorf("draw mask: a picture of %dx%d", width, height)
	}
	m := NewMask(width, height)
	if s.Runs == nil {
		for _, polygon := range s.Polygons {
			if len(polygon) < 6 || len(polygon)%2 != 0 {
				return Mask{}, fmt.Errorf("draw mask: a polygon has %d numbers", len(polygon))
			}
			m.draw(polygon)
		}
		return m, nil
	}
	if s.Width != width || s.Height != height {
		return Mask{}, fmt.Errorf("draw mask: it is of %dx%d, the picture of %dx%d", s.Width, s.Height, width, height)
	}
	at := 0
	for i, length := range s.Runs {
		if length < 0 || length > width*height-at {
			return Mask{}, fmt.Errorf("draw mask: run %d of %d pixels leaves the picture", i, length)
		}
		for range length {
			m.Person[at%height*width+at/height] = i%2 == 1
			at++
		}
	}
	return m, nil
}

// draw adds a polygon, row by row: the person is between the odd and the even
// crossings of the line through the middles of the pixels.
func (m Mask) draw(polygon []float64) {
	for y := range m.Height {
		middle := float64(y) + 0.5
		var crossings []float64
		for i, j := 0, len(polygon)-2; i < len(polygon); j, i = i, i+2 {
			x0, y0, x1, y1 := polygon[j], polygon[j+1], polygon[i], polygon[i+1]
			if (y0 > middle) != (y1 > middle) {
				crossings = append(crossings, x0+(middle-y0)/(y1-y0)*(x1-x0))
			}
		}
		slices.Sort(crossings)
		for i := 0; i+1 < len(crossings); i += 2 {
			from := math.Max(math.Ceil(crossings[i]-0.5), 0)
			to := math.Min(math.Ceil(crossings[i+1]-0.5), float64(m.Width))
			for x := int(from); x < int(to); x++ {
				m.Person[y*m.Width+x] = true
			}
		}
	}
}

// Cutout is a mask found in a picture.
type Cutout struct {
	Image int64
	Score float64 // only the order counts
	Mask  Mask
}

// mostCutouts is how many masks of a picture count, the best ones.
const mostCutouts = 100

// ScoreCutouts compares masks with the truth, picture by picture. images gives the sizes;
// people without a segmentation are left out.
func ScoreCutouts(images []Image, people []Truth, cutouts []Cutout) (Scores, error) {
	var pictures []picture
	for _, image := range images {
		var p picture
		var masks []Mask
		for _, t := range people {
			if t.Image != image.ID || t.Segmentation == nil {
				continue
			}
			mask, err := t.Segmentation.Mask(image.Width, image.Height)
			if err != nil {
				return Scores{}, fmt.Errorf("score masks: image %d: %w", image.ID, err)
			}
			masks = append(masks, mask)
			p.there = append(p.there, target{area: t.Area, ignore: t.Crowd, crowd: t.Crowd})
		}
		found := slices.DeleteFunc(slices.Clone(cutouts), func(c Cutout) bool { return c.Image != image.ID })
		for _, c := range best(found, mostCutouts, func(c Cutout) float64 { return c.Score }) {
			if c.Mask.Width != image.Width || c.Mask.Height != image.Height {
				return Scores{}, fmt.Errorf("score masks: image %d is of %dx%d, a mask of %dx%d",
					image.ID, image.Width, image.Height, c.Mask.Width, c.Mask.Height)
			}
			p.found = append(p.found, candidate{score: c.Score, area: float64(c.Mask.Area())})
			row := make([]float64, len(masks))
			for j, mask := range masks {
				if row[j] = Overlap(c.Mask, mask); p.there[j].crowd {
					row[j] = within(c.Mask, mask)
				}
			}
			p.similarity = append(p.similarity, row)
		}
		pictures = append(pictures, p)
	}
	return score(pictures, true), nil
}
