package family

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/doctable"
)

const (
	accuracyVariable = "MOTIONMILL_ACCURACY_TABLE"
	goldenFirst      = "<!-- golden: written by make accuracy -->\n"
	goldenLast       = "<!-- end of golden -->\n"
)

// TestGolden compares what a family makes of a real picture with a second
// reading of the same model: the input is made pixel by pixel after the
// reference's formulas, and decoded by loops over the output. Nothing of the
// family's own code, and nothing of its manifest's numbers, is used for that.
// make accuracy puts what it measures into docs/models.md.
func TestGolden(t *testing.T) {
	handMade := withoutWeights(t)
	s := &sheet{}
	s.pictures, s.skier = goldenPictures(t)
	for _, family := range []struct {
		name string
		test func(*testing.T, *sheet)
	}{
		{"heatmap", heatmapGolden}, {"simcc", simccGolden}, {"movenet", movenetGolden}, {"yolo-pose", yoloPoseGolden},
		{"yolox", yoloxGolden}, {"yolo", yoloGolden}, {"rtmdet", rtmdetGolden}, {"rtmdet head", rtmdetHeadGolden},
		{"yolo-seg", yoloSegGolden}, {"maskrcnn", maskRCNNGolden}, {"matte", selfieGolden},
	} {
		t.Run(family.name, func(t *testing.T) { family.test(t, s) })
	}
	text := s.table() + handMade
	path := os.Getenv(accuracyVariable)
	if path == "" || t.Failed() {
		return
	}
	if len(s.rows) == 0 {
		t.Fatal("nothing was measured: what is missing is said above")
	}
	if err := (doctable.Place{Document: path, First: goldenFirst, Last: goldenLast}).Write("\n" + text + "\n"); err != nil {
		t.Fatal(err)
	}
}

// sheet is what the golden tests look at and what they measure, a row for each way of reading a model.
type sheet struct {
	pictures map[string]goldenPicture
	skier    skier
	rows     []*measured
}

// measured is a row: the largest difference from the reference of each kind over all pictures.
type measured struct {
	*sheet
	family, model, way string
	allowed            float64 // px, of points and boxes
	worst              map[string]float64
	truth              []string
}

// What is measured, each with its unit.
const (
	inInput  = "input, greys"
	inPoints = "points, px"
	inBoxes  = "boxes, px"
	inScores = "scores"
	inMatte  = "matte, IoU"
	inGreys  = "mean greys"
)

// row begins one, in which positions may be off by a fifth of the half pixel that is allowed.
func (s *sheet) row(family, model, way string) *measured {
	m := &measured{sheet: s, family: family, model: model, way: way, allowed: 0.1, worst: map[string]float64{}}
	s.rows = append(s.rows, m)
	return m
}

// saw keeps a difference, if it is the largest of its kind.
func (m *measured) saw(kind string, off float64) { m.worst[kind] = math.Max(m.worst[kind], off) }

// overlapped keeps an IoU, if it is the lowest.
func (m *measured) overlapped(iou float64) {
	if low, ok := m.worst[inMatte]; ok {
		iou = math.Min(iou, low)
	}
	m.worst[inMatte] = iou
}

// hit keeps how near the truth the skier was.
func (m *measured) hit(kind string, likeness float64) {
	m.truth = append(m.truth, fmt.Sprintf("%s %.3f", kind, likeness))
}

// line writes cells.
func line(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

func (s *sheet) table() string {
	columns := []string{inInput, inPoints, inBoxes, inScores, inMatte, inGreys}
	head := slices.Concat([]string{"family", "model", "read"}, columns, []string{"truth"})
	text := line(head...) + line(slices.Repeat([]string{"---"}, len(head))...)
	for _, m := range s.rows {
		cells := []string{"`" + m.family + "`", m.model, m.way}
		for _, kind := range columns {
			cells = append(cells, m.cell(kind))
		}
		text += line(append(cells, strings.Join(m.truth, ", "))...)
	}
	return text
}

func (m *measured) cell(kind string) string {
	v, ok := m.worst[kind]
	digits := max(map[string]int{inMatte: 4, inScores: 5}[kind], 3)
	switch text := strconv.FormatFloat(math.Pow10(-digits), 'f', digits, 64); {
	case !ok:
		return ""
	case v == 0:
		return "0"
	case v < math.Pow10(-digits):
		return "< " + text
	default:
		return strconv.FormatFloat(v, 'f', digits, 64)
	}
}

// withoutWeights are the rows of what has no weights in the test data, with the test of
// each, which must be there, by file.
func withoutWeights(t *testing.T) string {
	t.Helper()
	text := ""
	for _, c := range []struct{ family, models, file, test string }{
		{"movenet", "MoveNet MultiPose", "movenet_test.go", "TestMoveNetMultiFindsEveryone"},
		{"matte", "MODNet: its sizes", "matte_size_test.go", "TestSizingIsMODNets"},
		{"matte", "MODNet: its averaging", "matte_size_test.go", "TestAveragingIsAreas"},
		{"matte", "U²-Net, PP-HumanSeg: layouts", "matte_test.go", "TestMatteReadsEveryLayout"},
		{"matte", "the same: logits", "matte_size_test.go", "TestMatteMakesProbabilities"},
		{"rvm", "Robust Video Matting", "../rvm_test.go", "TestRVMRemembersAVideoInOrder"},
		{"rvm", "its letterbox", "matte_test.go", "TestMattesLeaveTheLetterboxOut"},
		{"generic", "any", "../generic/generic_test.go", "TestFramesBecomeAnArray"},
	} {
		code, err := os.ReadFile(filepath.FromSlash(c.file))
		if err != nil || !strings.Contains(string(code), "\nfunc "+c.test+"(t *testing.T) {") {
			t.Errorf("%s has no test %s (%v)", c.file, c.test, err)
		}
		cells := slices.Repeat([]string{""}, 10)
		cells[0], cells[1], cells[2] = "`"+c.family+"`", c.models, "made by hand: `"+c.test+"`"
		text += line(cells...)
	}
	return text
}

func TestASheetKeepsTheWorst(t *testing.T) {
	s := &sheet{}
	m := s.row("f", "m", "w")
	for _, off := range []float64{0.01, 0.04, 0.02} {
		m.saw(inPoints, off)
		m.overlapped(1 - off)
	}
	if want := map[string]float64{inPoints: 0.04, inMatte: 0.96}; !maps.Equal(m.worst, want) {
		t.Errorf("it keeps %v, want %v", m.worst, want)
	}
	m.hit("OKS", 0.9)
	if want := "| `f` | m | w |  | 0.040 |  |  | 0.9600 |  | OKS 0.900 |\n"; !strings.HasSuffix(s.table(), want) {
		t.Errorf("the table is %q, want the row %q", s.table(), want)
	}
}
