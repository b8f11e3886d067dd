package family

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/job"
)

// bump draws a Gaussian of height 1 into a map.
func bump(w, h int, x, y, sigma float64) grid {
	g := grid{data: make([]float32, w*h), w: w, h: h}
	for i := range g.data {
		dx, dy := float64(i%w)-x, float64(i/w)-y
		g.data[i] = float32(math.Exp(-(dx*dx + dy*dy) / (2 * sigma * sigma)))
	}
	return g
}

// blurByTheBook blurs the whole map by OpenCV's Gaussian of 11 taps, zeros lying
// around it, and rescales it to the old maximum.
func blurByTheBook(g grid) []float64 {
	blurred := make([]float64, len(g.data))
	highest, old, sum := 0.0, 0.0, 0.0
	for k := -5; k <= 5; k++ {
		sum += math.Exp(-float64(k*k) / (2 * 2 * 2))
	}
	for i := range blurred {
		for m := -5; m <= 5; m++ {
			for n := -5; n <= 5; n++ {
				if c, r := i%g.w+n, i/g.w+m; c >= 0 && r >= 0 && c < g.w && r < g.h {
					blurred[i] += float64(g.data[r*g.w+c]) * math.Exp(-float64(m*m+n*n)/8) / (sum * sum)
				}
			}
		}
		highest, old = math.Max(highest, blurred[i]), math.Max(old, float64(g.data[i]))
	}
	for i := range blurred {
		blurred[i] *= old / highest
	}
	return blurred
}

// darkByTheBook differentiates the whole blurred map, as the formulas are written down.
func darkByTheBook(g grid, x, y int) (dx, dy float64) {
	blurred := blurByTheBook(g)
	l := func(i, j int) float64 { return math.Log(math.Max(blurred[(y+j)*g.w+x+i], 1e-10)) }
	d := [2]float64{0.5 * (l(1, 0) - l(-1, 0)), 0.5 * (l(0, 1) - l(0, -1))}
	xx := 0.25 * (l(2, 0) - 2*l(0, 0) + l(-2, 0))
	yy := 0.25 * (l(0, 2) - 2*l(0, 0) + l(0, -2))
	xy := 0.25 * (l(1, 1) - l(-1, 1) - l(1, -1) + l(-1, -1))
	// Cramer's rule for H·o = −D.
	det := xx*yy - xy*xy
	return (-d[0]*yy + d[1]*xy) / det, (-d[1]*xx + d[0]*xy) / det
}

func TestRefinementAgreesWithTheWholeMap(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for i := range 60 {
		// Some are so low or so narrow that UDP's bounds matter.
		height, sigma := []float64{1, 0.02, 0.004}[i/20], []float64{1.5 + random.Float64(), 0.4, 0.8}[i%3]
		g := bump(48, 64, 3+random.Float64()*42, 3+random.Float64()*58, sigma)
		for j := range g.data {
			g.data[j] = float32(height * (float64(g.data[j]) + random.Float64()*0.05))
		}
		best := 0
		for j, v := range g.data {
			if v > g.data[best] {
				best = j
			}
		}
		for _, decode := range []string{decodeDark, decodeUDP} {
			x, y, _ := g.peak(decode)
			wantX, wantY := refineByTheBook(g, best%48, best/48, decode)
			if math.Hypot(wantX-float64(best%48), wantY-float64(best/48)) > 2 {
				continue // That is no top; what the reference makes of it is chance.
			}
			if math.Hypot(x-wantX, y-wantY) > 1e-5 {
				t.Errorf("map %d %s: got %.6f,%.6f, want %.6f,%.6f", i, decode, x, y, wantX, wantY)
			}
		}
	}
}

// TestRefinementFindsPlacesBetweenCells draws Gaussians at known places and
// compares the ways to find them: the error of a quarter of a cell is at least
// ten times that of a fit.
func TestRefinementFindsPlacesBetweenCells(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	ways := []string{decodeQuarter, decodeDark, decodeUDP}
	var off [3]float64
	const maps = 200
	for range maps {
		atX, atY := 8+random.Float64()*32, 8+random.Float64()*48
		g := bump(48, 64, atX, atY, 1.8+random.Float64()*0.6)
		for i, way := range ways {
			x, y, _ := g.peak(way)
			off[i] += math.Hypot(x-atX, y-atY) / maps
		}
	}
	t.Logf("mean error in cells: quarter %.4f, dark %.4f, udp %.4f", off[0], off[1], off[2])
	if off[0] < 0.1 || off[0] > 0.3 || off[1] > off[0]/10 || off[2] > off[0]/10 {
		t.Error("want about a fifth of a cell for quarter, and at most a tenth of that for dark and udp")
	}
}

func TestPeakAtTheEdgeIsNotRefined(t *testing.T) {
	for _, decode := range []string{decodeDark, decodeQuarter} {
		for _, at := range [][2]float64{{0, 0}, {47, 63}, {0, 30}} {
			if x, y, _ := bump(48, 64, at[0], at[1], 1).peak(decode); x != at[0] || y != at[1] {
				t.Errorf("%s: top at %v found at %v,%v", decode, at, x, y)
			}
		}
	}
}

func TestQuarterOffset(t *testing.T) {
	for _, c := range [][4]float64{
		{20.2, 30, 20.25, 30}, {20.2, 29.8, 20.25, 29.75}, {20, 30, 20, 30},
		{0.2, 30.2, 0, 30.25}, {20.2, 63, 20.25, 63}, // an axis whose cell is at the edge stays
	} {
		if x, y, _ := bump(48, 64, c[0], c[1], 2).peak(decodeQuarter); x != c[2] || y != c[3] {
			t.Errorf("top at %v found at %v,%v, want %v,%v", c[:2], x, y, c[2], c[3])
		}
	}
}

func heatmapModel(t *testing.T, options string) models.Model {
	t.Helper()
	return inferencetest.ModelOf(t, inferencetest.ManifestOf("p", "pose", "heatmap",
		"input: {name: in, width: 192, height: 256, fit: affine}\nkeypoints: [a, b]\noptions: {"+options+"}\n"))
}

func TestHeatmapMapsBackToTheFrame(t *testing.T) {
	maps := append(bump(48, 64, 12, 32, 2).data, make([]float32, 48*64)...) // the second point is nowhere
	maps[32*48+12] = 1.3                                                    // scores end at 1
	for decode, want := range map[string]picture.Keypoint{
		// The box has the input's aspect: the area is the box. A quarter of its width, half its height.
		"quarter": {X: 137.5, Y: 140, Score: 1}, "dark": {X: 137.5, Y: 140, Score: 1},
		// Of the 47 and 63 steps between its corners.
		"udp": {X: 100 + 12.0/47*150, Y: 40 + 32.0/63*200, Score: 1},
	} {
		p, err := newHeatmap(inferencetest.NetworkOf(t, heatmapModel(t, "box_scale: 1.0, decode: "+decode), []int64{1, 2, 64, 48}, maps))
		if err != nil {
			t.Fatal(err)
		}
		points := make([]picture.Keypoint, 2)
		if err := p.Estimate(inferencetest.Noise(400, 400), picture.Rect{X: 100, Y: 40, W: 150, H: 200}, points); err != nil {
			t.Fatal(err)
		}
		if math.Hypot(points[0].X-want.X, points[0].Y-want.Y) > 1e-6 || points[0].Score != 1 {
			t.Errorf("%s: got %v, want %v", decode, points[0], want)
		}
		if points[1] != (picture.Keypoint{}) {
			t.Errorf("%s: the point that is nowhere is %v", decode, points[1])
		}
	}
}

func TestHeatmapRefuses(t *testing.T) {
	good := []int64{1, 2, 64, 48}
	for _, c := range []struct {
		name, options string
		shape         []int64
		says          string
	}{
		{"unknown decoding", "decode: softmax", good, `options.decode: is "softmax", want one of quarter, dark, udp`},
		{"decoding that is no word", "decode: 3", good, "options.decode"},
		{"unknown option", "flip: true", good, "options.flip"},
		{"scale of words", "box_scale: big", good, "options.box_scale"},
		{"scale out of range", "box_scale: 0", good, "options.box_scale"},
		{"other number of points", "", []int64{1, 17, 64, 48}, "2 keypoints"},
		{"no map", "", []int64{1, 2, 3}, "outputs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newHeatmap(inferencetest.NetworkOf(t, heatmapModel(t, c.options), c.shape, nil))
			inferencetest.WantKind(t, err, job.ModelMissing)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error %q does not say %q", err, c.says)
			}
		})
	}
}

func TestOutputsThatAreNoNumbersAreRefused(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, at := range []int{0, 2*64*48 - 1, 1001} {
			t.Run(fmt.Sprint(bad, at), func(t *testing.T) {
				maps := make([]float32, 2*64*48)
				maps[at] = float32(bad)
				p, err := newHeatmap(inferencetest.NetworkOf(t, heatmapModel(t, ""), []int64{1, 2, 64, 48}, maps))
				if err != nil {
					t.Fatal(err)
				}
				err = p.Estimate(inferencetest.Noise(10, 10), picture.Rect{X: 0, Y: 0, W: 10, H: 10}, make([]picture.Keypoint, 2))
				if typed := inferencetest.WantKind(t, err, job.Internal); !strings.Contains(typed.Finding, "NaN") {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}
