package family

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// The golden tests compare what a family makes of a real picture with a second
// reading of the same model: the input is made pixel by pixel after the
// reference's formulas, and decoded by loops over the output. Nothing of the
// family's own code, and nothing of its manifest's numbers, is used for that.

// goldenPictures are one wide and one tall picture, so that both axes get
// padding, with the box of a person in each.
func goldenPictures(tb testing.TB) map[string]goldenPicture {
	tb.Helper()
	skiing, truth := inferencetest.Skier(tb)
	dancing, _ := inferencetest.Dance(tb, 61)
	return map[string]goldenPicture{
		"skier":  {skiing, picture.Rect{X: truth.Box[0], Y: truth.Box[1], W: truth.Box[2], H: truth.Box[3]}},
		"dancer": {dancing[60], picture.Rect{X: 95.5, Y: 60.25, W: 190, H: 380}},
	}
}

type goldenPicture struct {
	pic picture.Picture
	box picture.Rect
}

// networkNamed opens a model of the test data.
func networkNamed(t *testing.T, name string) *onnx.Network {
	t.Helper()
	m, err := inferencetest.Load(t, inferencetest.Testdata(t, "models")).Find(name)
	if err != nil {
		t.Fatal(err)
	}
	n, err := inferencetest.OpenRuntime(t).Network(m, 0, RunOnce)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// read runs a network on an input and returns copies of its outputs.
func read(tb testing.TB, n *onnx.Network, input []float32) (out [][]float32) {
	tb.Helper()
	err := n.Use(func(l *onnx.Lane) {
		if copy(l.Input(), input) != len(l.Input()) {
			tb.Fatalf("the input has %d values", len(l.Input()))
		}
	}, func(tensors []onnx.Tensor) error {
		for _, t := range tensors {
			out = append(out, slices.Clone(t.Data))
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// samePoints wants positions within a fifth of the half pixel, and scores
// within the thousandth, that are allowed.
func samePoints(tb testing.TB, got, want []picture.Keypoint) {
	tb.Helper()
	if len(got) != len(want) {
		tb.Fatalf("%d points, want %d", len(got), len(want))
	}
	for i := range want {
		if math.Hypot(got[i].X-want[i].X, got[i].Y-want[i].Y) > 0.1 || math.Abs(got[i].Score-want[i].Score) > 1e-3 {
			tb.Errorf("point %d is %.3f, want %.3f", i, got[i], want[i])
		}
	}
}

// agreement is the similarity of points with the skier's truth.
func agreement(tb testing.TB, points []picture.Keypoint) float64 {
	tb.Helper()
	_, truth := inferencetest.Skier(tb)
	list := make([][3]float64, len(points))
	for i, p := range points {
		list[i] = [3]float64{p.X, p.Y, p.Score}
	}
	return inferencetest.Similarity(list, truth)
}

func TestMoveNetGolden(t *testing.T) {
	n := networkNamed(t, "movenet-lightning")
	one, several, err := newMoveNet(n)
	if err != nil || several != nil {
		t.Fatalf("several %v, error %v", several, err)
	}
	for name, c := range goldenPictures(t) {
		t.Run(name, func(t *testing.T) {
			w, h := float64(c.pic.Width), float64(c.pic.Height)
			got := make([]picture.Keypoint, 17)
			if err := one.Estimate(c.pic, picture.Rect{X: 0, Y: 0, W: w, H: h}, got); err != nil {
				t.Fatal(err)
			}
			side := math.Max(w, h)
			samePoints(t, got, movenetByTheBook(t, n, c.pic, (w-side)/2, (h-side)/2, side))

			next := one.(Follower).Next(got, c.pic.Width, c.pic.Height)
			left, top, side := cropByTheBook(got, w, h)
			if next.W > next.H { // The whole frame is the square about it.
				next = picture.Rect{X: next.X, Y: next.Y - (next.W-next.H)/2, W: next.W, H: next.W}
			} else {
				next = picture.Rect{X: next.X - (next.H-next.W)/2, Y: next.Y, W: next.H, H: next.H}
			}
			if math.Abs(next.X-left)+math.Abs(next.Y-top)+math.Abs(next.W-side) > 1e-6 {
				t.Errorf("looks next at %.3f, want %.3f, %.3f, side %.3f", next, left, top, side)
			}
			if side >= math.Max(w, h) {
				t.Errorf("the square of %v px is no smaller than the frame: this picture tries nothing", side)
			}
			if err := one.Estimate(c.pic, next, got); err != nil {
				t.Fatal(err)
			}
			samePoints(t, got, movenetByTheBook(t, n, c.pic, left, top, side))
			if name == "skier" {
				oks := agreement(t, got)
				if t.Logf("keypoint similarity %.3f", oks); oks < 0.8 {
					t.Error("want at least 0.8")
				}
			}
		})
	}
}

// movenetByTheBook resizes a square of the picture, what lies outside being 0,
// drops fractions, and takes y, x, score as shares of the square, which count
// from the picture's edge.
func movenetByTheBook(tb testing.TB, n *onnx.Network, pic picture.Picture, left, top, side float64) (points []picture.Keypoint) {
	tb.Helper()
	input := make([]float32, 192*192*3)
	for row := range 192 {
		for col := range 192 {
			for channel := range 3 {
				x, y := left+(float64(col)+0.5)/192*side-0.5, top+(float64(row)+0.5)/192*side-0.5
				input[(row*192+col)*3+channel] = float32(math.Floor(inferencetest.Sample(pic, x, y, channel, true) + 1e-3))
			}
		}
	}
	out := read(tb, n, input)[0]
	for k := range 17 {
		x, y := left+float64(out[k*3+1])*side, top+float64(out[k*3])*side
		points = append(points, picture.Keypoint{X: x - 0.5, Y: y - 0.5, Score: float64(out[k*3+2])})
	}
	return points
}

// cropByTheBook is determine_crop_region of TensorFlow's movenet.ipynb: corner and side of the square.
func cropByTheBook(p []picture.Keypoint, w, h float64) (left, top, side float64) {
	centreX, centreY := (p[11].X+p[12].X+1)/2, (p[11].Y+p[12].Y+1)/2 // from the edge
	torso, body := 0.0, 0.0
	for i := range p {
		dx, dy := math.Abs(centreX-p[i].X-0.5), math.Abs(centreY-p[i].Y-0.5)
		if i == 5 || i == 6 || i == 11 || i == 12 {
			torso = slices.Max([]float64{torso, dx, dy})
		}
		if p[i].Score >= 0.2 {
			body = slices.Max([]float64{body, dx, dy})
		}
	}
	half := math.Max(torso*1.9, body*1.2)
	half = math.Min(half, slices.Max([]float64{centreX, w - centreX, centreY, h - centreY}))
	visible := (p[11].Score > 0.2 || p[12].Score > 0.2) && (p[5].Score > 0.2 || p[6].Score > 0.2)
	if !visible || half > math.Max(w, h)/2 {
		side = math.Max(w, h)
		return (w - side) / 2, (h - side) / 2, side
	}
	return centreX - half, centreY - half, 2 * half
}

func TestYOLOPoseGolden(t *testing.T) {
	n := networkNamed(t, "yolov8n-pose")
	p, err := newYOLOPose(n)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range goldenPictures(t) {
		t.Run(name, func(t *testing.T) {
			got, err := p.Spot(c.pic, nil)
			if err != nil {
				t.Fatal(err)
			}
			rows, back := yoloPoseByTheBook(t, n, c.pic)
			samePeople(t, got, rows, back)
			// The same people as an end-to-end export gives them.
			again, err := endToEnd(t, n.Model, rows).Spot(c.pic, nil)
			if err != nil {
				t.Fatal(err)
			}
			samePeople(t, again, rows, back)
			if name == "skier" {
				oks := agreement(t, got[0].Points)
				if t.Logf("keypoint similarity %.3f", oks); oks < 0.8 {
					t.Error("want at least 0.8")
				}
			}
		})
	}
}

func samePeople(tb testing.TB, got []picture.Person, rows [][]float64, back func(x, y float64) (float64, float64)) {
	tb.Helper()
	if len(got) != len(rows) || len(got) == 0 {
		tb.Fatalf("%d people, want %d and at least one", len(got), len(rows))
	}
	for i, row := range rows {
		left, top := back(row[0], row[1])
		right, bottom := back(row[2], row[3])
		box := got[i].Box
		if far := math.Abs(box.X-left) + math.Abs(box.Y-top) + math.Abs(box.X+box.W-right) + math.Abs(box.Y+box.H-bottom); far > 0.1 {
			// Boxes are cut at the frame's edges, which these people do not reach.
			tb.Errorf("box %v, want %.2f %.2f to %.2f %.2f", box, left, top, right, bottom)
		}
		if math.Abs(got[i].Score-row[4]) > 1e-3 {
			tb.Errorf("score %v, want %v", got[i].Score, row[4])
		}
		var want []picture.Keypoint
		for k := range 17 {
			x, y := back(row[6+k*3], row[7+k*3])
			want = append(want, picture.Keypoint{X: x - 0.5, Y: y - 0.5, Score: row[8+k*3]}) // The reference counts from the edge.
		}
		samePoints(tb, got[i].Points, want)
	}
}

// yoloPoseByTheBook letterboxes as Ultralytics does, and returns, best first, left,
// top, right, bottom, score, class and points of everyone in input px, and
// the way from there to the picture.
func yoloPoseByTheBook(tb testing.TB, n *onnx.Network, pic picture.Picture) (rows [][]float64, back func(x, y float64) (float64, float64)) {
	tb.Helper()
	ratio := math.Min(640/float64(pic.Width), 640/float64(pic.Height))
	w, h := math.Round(float64(pic.Width)*ratio), math.Round(float64(pic.Height)*ratio)
	left, top := math.Round((640-w)/2-0.1), math.Round((640-h)/2-0.1)
	zoomX, zoomY := w/float64(pic.Width), h/float64(pic.Height)
	input := make([]float32, 3*640*640)
	for channel := range 3 {
		for row := range 640 {
			for col := range 640 {
				x, y := float64(col)-left, float64(row)-top
				v := 114.0
				if x >= 0 && y >= 0 && x < w && y < h {
					v = inferencetest.Sample(pic, (x+0.5)/zoomX-0.5, (y+0.5)/zoomY-0.5, channel, false)
				}
				input[channel*640*640+row*640+col] = float32(v / 255)
			}
		}
	}
	out := read(tb, n, input)[0]
	at := func(channel, i int) float64 { return float64(out[channel*8400+i]) }
	var all [][]float64
	for i := range 8400 {
		if at(4, i) < 0.25 {
			continue
		}
		row := []float64{at(0, i) - at(2, i)/2, at(1, i) - at(3, i)/2, at(0, i) + at(2, i)/2, at(1, i) + at(3, i)/2, at(4, i), 0}
		for k := range 51 {
			row = append(row, at(5+k, i))
		}
		all = append(all, row)
	}
	slices.SortStableFunc(all, func(a, b []float64) int { return cmp.Compare(b[4], a[4]) })
	for _, a := range all {
		double := false
		for _, b := range rows {
			wide := math.Max(0, math.Min(a[2], b[2])-math.Max(a[0], b[0]))
			high := math.Max(0, math.Min(a[3], b[3])-math.Max(a[1], b[1]))
			both := wide * high
			double = double || both/((a[2]-a[0])*(a[3]-a[1])+(b[2]-b[0])*(b[3]-b[1])-both) > 0.7
		}
		if !double {
			rows = append(rows, a)
		}
	}
	return rows, func(x, y float64) (float64, float64) { return (x - left) / zoomX, (y - top) / zoomY }
}

// endToEnd is a model that answers with rows, worst first, as an end-to-end
// export does: 300 rows, the rest of no score, and one of another class.
func endToEnd(t *testing.T, m models.Model, rows [][]float64) *yoloPose {
	t.Helper()
	data := make([]float32, 300*57)
	for i, row := range rows {
		for j, v := range row {
			data[(len(rows)-1-i)*57+j] = float32(v)
		}
	}
	copy(data[len(rows)*57:], []float32{0, 0, 600, 600, 0.99, 1})
	p, err := newYOLOPose(inferencetest.NetworkOf(t, m, []int64{1, 300, 57}, data))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
