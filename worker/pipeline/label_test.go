package pipeline

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference"
	"github.com/motionmill/motionmill/inference/track"
)

// drawnAs gives a rectangle of a layer as text, a line a row: # is white, . is
// the plate, and a space is empty.
func (l *Layer) drawnAs(x, y, w, h int) string {
	var text strings.Builder
	for row := y; row < y+h; row++ {
		for column := x; column < x+w; column++ {
			switch pixel := [4]byte(l.pix[(row*l.width+column)*4:]); {
			case pixel == [4]byte{255, 255, 255, 255}:
				text.WriteByte('#')
			case pixel == [4]byte{0, 0, 0, 255}:
				text.WriteByte('.')
			default:
				text.WriteByte(' ')
			}
		}
		text.WriteByte('\n')
	}
	return text.String()
}

func TestLayerWritesIDs(t *testing.T) {
	l := NewLayer(100, 50, 200, 100, nil, nil)
	people := []inference.Person{
		{ID: 12, Box: [4]float64{40, 40, 40, 40}}, // source px: the middle is 30 px of the layer from the left, the top 20
		{ID: 7, Box: [4]float64{150, 0, 100, 90}}, // reaches out of the picture above and on the right
	}
	l.Draw(people)
	if bytes.Count(l.pix, []byte{0}) != len(l.pix) {
		t.Error("ids are written although nobody asked for them")
	}
	l.IDs = true
	l.Draw(people)
	want := `
.........
..#..###.
.##....#.
..#..###.
..#..#...
.###.###.
.........
`
	if got := "\n" + l.drawnAs(26, 13, 9, 7); got != want {
		t.Errorf("above the first stands%s, want%s", got, want)
	}
	want = `
.....
.###.
...#.
..#..
..#..
..#..
.....
`
	if got := "\n" + l.drawnAs(95, 0, 5, 7); got != want {
		t.Errorf("in the corner stands%s, want%s", got, want)
	}
}

func TestProfileSaysWhoIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.yaml")
	for _, c := range []struct {
		rest, says string
		people     string
		every      int
	}{
		{"", "", "", 0},
		{"people: all\n", "", track.PeopleAll, 0},
		{"people: centre\ndetect_every: 5\n", "", track.PeopleCentre, 5},
		{"people: everybody\n", `unknown people "everybody"`, "", 0},
		{"detect_every: -1\n", "detect_every is -1", "", 0},
	} {
		if err := os.WriteFile(path, []byte("outputs: [pose]\n"+c.rest), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := Profiles{}.Find(path)
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) {
				t.Errorf("%q gives %v, want one that names the file and says %q", c.rest, err, c.says)
			}
		} else if err != nil || p.People != c.people || p.DetectEvery != c.every {
			t.Errorf("%q gives %s", c.rest, fmt.Sprintf("%q, %d, %v", p.People, p.DetectEvery, err))
		}
	}
}
