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

// goldenPictures are one wide and one tall picture, so that both axes get
// padding, and a street with people before each other and across its edges, with the box
// of a person in each, and the truth about the first.
func goldenPictures(tb testing.TB) (map[string]goldenPicture, skier) {
	tb.Helper()
	skiing, truth := inferencetest.Skier(tb)
	dancing, _ := inferencetest.Dance(tb, 61)
	street := inferencetest.Decode(tb, inferencetest.Testdata(tb, "videos", "mmpose_demo.mp4"), 960, 540, 1)[0]
	box := picture.Rect{X: truth.Box[0], Y: truth.Box[1], W: truth.Box[2], H: truth.Box[3]}
	return map[string]goldenPicture{
		"skier":  {skiing, box},
		"dancer": {dancing[60], picture.Rect{X: 95.5, Y: 60.25, W: 190, H: 380}},
		"street": {picture.Picture{Pix: street, Width: 960, Height: 540}, picture.Rect{X: 760, Y: 182, W: 144, H: 358}},
	}, skier{box, truth.Segmentation, func(points [][3]float64) float64 { return inferencetest.Similarity(points, truth) }}
}

// skier is the truth about a person: the box, the polygons of the outline and how like points are.
type skier struct {
	box      picture.Rect
	outline  [][]float64
	likeness func(points [][3]float64) float64
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
func (m *measured) samePoints(tb testing.TB, got, want []picture.Keypoint) {
	tb.Helper()
	if len(got) != len(want) {
		tb.Fatalf("%d points, want %d", len(got), len(want))
	}
	for i := range want {
		far, off := math.Hypot(got[i].X-want[i].X, got[i].Y-want[i].Y), math.Abs(got[i].Score-want[i].Score)
		m.saw(inPoints, far)
		m.saw(inScores, off)
		if !(far <= m.allowed && off <= 1e-3) {
			tb.Errorf("point %d is %.3f, want %.3f", i, got[i], want[i])
		}
	}
}

// likeTheSkier wants points to have at least that similarity to the skier's truth.
func (m *measured) likeTheSkier(tb testing.TB, points []picture.Keypoint, least float64) {
	tb.Helper()
	list := make([][3]float64, len(points))
	for i, p := range points {
		list[i] = [3]float64{p.X, p.Y, p.Score}
	}
	oks := m.skier.likeness(list)
	m.hit("OKS", oks)
	if tb.Logf("keypoint similarity %.3f", oks); !(oks >= least) {
		tb.Errorf("want at least %v", least)
	}
}

func movenetGolden(t *testing.T, s *sheet) {
	n := networkNamed(t, "movenet-lightning")
	eye := newWitness(t, n)
	one, several, err := newMoveNet(eye.Network)
	if err != nil || several != nil {
		t.Fatalf("several %v, error %v", several, err)
	}
	row := s.row("movenet", n.Model.Name, "the frame, then about the hips")
	for name, c := range s.pictures {
		t.Run(name, func(t *testing.T) {
			w, h := float64(c.pic.Width), float64(c.pic.Height)
			got := make([]picture.Keypoint, 17)
			if err := one.Estimate(c.pic, picture.Rect{X: 0, Y: 0, W: w, H: h}, got); err != nil {
				t.Fatal(err)
			}
			side := math.Max(w, h)
			row.samePoints(t, got, movenetByTheBook(t, row, eye, n, c.pic, (w-side)/2, (h-side)/2, side))

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
			row.samePoints(t, got, movenetByTheBook(t, row, eye, n, c.pic, left, top, side))
			if name == "skier" {
				row.likeTheSkier(t, got, 0.8)
			}
		})
	}
}

// lightning is the input of MoveNet Lightning.
var lightning = book{192, 192, true, 0, [3]int{0, 1, 2}, [3]float64{}, [3]float64{1, 1, 1}}

// movenetByTheBook resizes a square of the picture, what lies outside being 0, which
// the eye has to have seen, drops fractions, and takes y, x, score as shares of
// the square, which count from the picture's edge.
func movenetByTheBook(tb testing.TB, m *measured, eye *witness, n *onnx.Network, pic picture.Picture, left, top, side float64) (points []picture.Keypoint) {
	tb.Helper()
	input := make([]float32, 192*192*3)
	for row := range 192 {
		for col := range 192 {
			for channel := range 3 {
				x, y := left+(float64(col)+0.5)/192*side-0.5, top+(float64(row)+0.5)/192*side-0.5
				input[(row*192+col)*3+channel] = float32(inferencetest.Sample(pic, x, y, channel, true))
			}
		}
	}
	eye.wasAsked(tb, m, lightning, input)
	for i, v := range input {
		input[i] = float32(math.Floor(float64(v) + 1e-3))
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

func yoloPoseGolden(t *testing.T, s *sheet) {
	n := networkNamed(t, "yolov8n-pose")
	w := newWitness(t, n)
	p, err := newYOLOPose(w.Network)
	if err != nil {
		t.Fatal(err)
	}
	raw, rowsOnly := s.row("yolo-pose", n.Model.Name, "raw"), s.row("yolo-pose", n.Model.Name, "its people as end to end")
	for name, c := range s.pictures {
		t.Run(name, func(t *testing.T) {
			got, err := p.Spot(c.pic, nil)
			if err != nil {
				t.Fatal(err)
			}
			input, _, back := ultralytics640.fill(c.pic)
			w.wasAsked(t, raw, ultralytics640, input)
			rows := yoloPoseByTheBook(read(t, n, input)[0])
			raw.samePeople(t, got, rows, back, c.pic)
			// The same people as an end-to-end export gives them.
			again, err := endToEnd(t, n.Model, rows).Spot(c.pic, nil)
			if err != nil {
				t.Fatal(err)
			}
			rowsOnly.samePeople(t, again, rows, back, c.pic)
			if name == "skier" {
				raw.likeTheSkier(t, got[0].Points, 0.8)
			}
		})
	}
}

// samePeople wants the boxes and the points of rows of input px.
func (m *measured) samePeople(tb testing.TB, got []picture.Person, rows [][]float64, back func(x, y float64) (float64, float64), pic picture.Picture) {
	tb.Helper()
	var found []picture.Detection
	var boxes []corners
	for _, p := range got {
		found = append(found, p.Detection)
	}
	for _, row := range rows {
		left, top := back(row[0], row[1])
		right, bottom := back(row[2], row[3])
		boxes = append(boxes, corners{left, top, right, bottom, row[4]})
	}
	m.sameBoxes(tb, found, boxes, pic)
	for i, row := range rows {
		var want []picture.Keypoint
		for k := range 17 {
			x, y := back(row[6+k*3], row[7+k*3])
			want = append(want, picture.Keypoint{X: x - 0.5, Y: y - 0.5, Score: row[8+k*3]}) // The reference counts from the edge.
		}
		m.samePoints(tb, got[i].Points, want)
	}
}

var ultralytics640 = book{640, 640, true, 114, [3]int{0, 1, 2}, [3]float64{}, [3]float64{255, 255, 255}}

// yoloPoseByTheBook is Ultralytics' non_max_suppression: best first, left, top, right,
// bottom, score, class and points of everyone in input px.
func yoloPoseByTheBook(out []float32) (rows [][]float64) {
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
		if !slices.ContainsFunc(rows, func(b []float64) bool { return overlapByTheBook(corners(a[:5]), corners(b[:5]), 0) > 0.7 }) {
			rows = append(rows, a)
		}
	}
	return rows
}

// overlapByTheBook is the intersection over union of boxes whose sides are longer by one, which may be 0.
func overlapByTheBook(a, b corners, one float64) float64 {
	area := func(c corners) float64 { return (c[2] - c[0] + one) * (c[3] - c[1] + one) }
	wide := math.Max(0, math.Min(a[2], b[2])-math.Max(a[0], b[0])+one)
	high := math.Max(0, math.Min(a[3], b[3])-math.Max(a[1], b[1])+one)
	return wide * high / (area(a) + area(b) - wide*high)
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
