package family

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/job"
)

// book is how a reference brings a picture to the size of an input: which side
// the padding is on, its value, the order of the channels, and (x − mean)/std.
type book struct {
	w, h      int
	centred   bool
	pad       float64 // on 0 to 255
	colour    [3]int
	mean, std [3]float64
}

var (
	ultralytics320 = book{320, 320, true, 114, [3]int{0, 1, 2}, [3]float64{}, [3]float64{255, 255, 255}}
	rtmdet320      = book{320, 320, false, 114, [3]int{2, 1, 0}, [3]float64{103.53, 116.28, 123.675}, [3]float64{57.375, 57.12, 58.395}}
	zoo320         = book{320, 320, true, 0, [3]int{2, 1, 0}, [3]float64{102.9801, 115.9465, 122.7717}, [3]float64{1, 1, 1}}
)

// fill gives the input, channel by channel, the part of it that the picture
// has, and the way from the input to the picture.
func (b book) fill(pic picture.Picture) (input []float32, part span, back func(x, y float64) (float64, float64)) {
	ratio := math.Min(float64(b.w)/float64(pic.Width), float64(b.h)/float64(pic.Height))
	w, h := int(float64(pic.Width)*ratio+1e-9), int(float64(pic.Height)*ratio+1e-9)
	left, top := 0, 0
	if b.centred {
		w, h = int(math.Round(float64(pic.Width)*ratio)), int(math.Round(float64(pic.Height)*ratio))
		left, top = int(math.Round(float64(b.w-w)/2-0.1)), int(math.Round(float64(b.h-h)/2-0.1))
	}
	zoomX, zoomY := float64(w)/float64(pic.Width), float64(h)/float64(pic.Height)
	for channel, from := range b.colour {
		for row := range b.h {
			for col := range b.w {
				v := b.pad
				if x, y := col-left, row-top; x >= 0 && y >= 0 && x < w && y < h {
					v = inferencetest.Sample(pic, (float64(x)+0.5)/zoomX-0.5, (float64(y)+0.5)/zoomY-0.5, from, false)
				}
				input = append(input, float32((v-b.mean[channel])/b.std[channel]))
			}
		}
	}
	return input, span{left, top, left + w, top + h}, func(x, y float64) (float64, float64) {
		return (x - float64(left)) / zoomX, (y - float64(top)) / zoomY
	}
}

// witness is a network like n that keeps what it was asked and what the real
// model answered. Models of eight bits magnify the last digit of an input to a
// tenth of a pixel and more: what is decoded must be what was answered.
type witness struct {
	*onnx.Network
	input []float32
	out   [][]float32
}

func newWitness(tb testing.TB, n *onnx.Network) *witness {
	tb.Helper()
	inputs, outputs := n.Info()
	w := &witness{}
	w.Network = inferencetest.FakeNetwork(tb, n.Model, &inferencetest.FakeSession{Inputs: inputs, Outputs: outputs, Respond: func(input []float32) (out []onnx.Tensor, err error) {
		w.input, w.out = slices.Clone(input), nil
		err = n.Use(func(l *onnx.Lane) { copy(l.Input(), input) }, func(real []onnx.Tensor) error {
			for _, t := range real {
				t.Data = slices.Clone(t.Data)
				out, w.out = append(out, t), append(w.out, t.Data)
			}
			return nil
		})
		return out, err
	}})
	return w
}

// wasAsked wants the model's input to be the reference's, to a hundredth of a grey.
func (w *witness) wasAsked(tb testing.TB, m *measured, b book, want []float32) {
	tb.Helper()
	if len(w.input) != len(want) {
		tb.Fatalf("the input has %d values, want %d", len(w.input), len(want))
	}
	for i, v := range want {
		off := math.Abs(float64(v-w.input[i])) * b.std[i/(b.w*b.h)]
		if m.saw(inInput, off); !(off <= 0.01) {
			tb.Fatalf("value %d of the input is %v, want %v: %.3f greys apart", i, w.input[i], v, off)
		}
	}
}

// corners are left, top, right, bottom, score of someone in the picture.
type corners [5]float64

// sameBoxes wants the same people in the same order: each side within a fifth of
// the half pixel, and scores within the thousandth, that are allowed.
func (m *measured) sameBoxes(tb testing.TB, got []picture.Detection, want []corners, pic picture.Picture) {
	tb.Helper()
	if len(got) != len(want) || len(got) == 0 {
		tb.Fatalf("%d people, want %d and at least one", len(got), len(want))
	}
	for i, c := range want {
		b := got[i].Box
		far := math.Abs(b.X - math.Max(c[0], 0))
		far = math.Max(far, math.Abs(b.Y-math.Max(c[1], 0)))
		far = math.Max(far, math.Abs(b.X+b.W-math.Min(c[2], float64(pic.Width))))
		far = math.Max(far, math.Abs(b.Y+b.H-math.Min(c[3], float64(pic.Height))))
		off := math.Abs(got[i].Score - c[4])
		m.saw(inBoxes, far)
		m.saw(inScores, off)
		if !(far <= m.allowed && off <= 1e-3) {
			tb.Errorf("person %d is %.3f, want %.3f: %.3f px apart", i, got[i], c, far)
		}
	}
}

// nearTruth wants the first box to lie on the skier.
func (m *measured) nearTruth(tb testing.TB, found []picture.Detection) {
	tb.Helper()
	iou := picture.Overlap(found[0].Box, m.skier.box)
	m.hit("box IoU", iou)
	if tb.Logf("box IoU with the truth %.3f, score %.3f", iou, found[0].Score); iou < 0.85 {
		tb.Error("want at least 0.85")
	}
}

func rtmdetGolden(t *testing.T, s *sheet) {
	w := newWitness(t, networkNamed(t, "rtmdet-nano-person"))
	d, err := newRTMDet(w.Network)
	if err != nil {
		t.Fatal(err)
	}
	m := s.row("rtmdet", w.Model.Name, "NMS inside")
	for name, c := range s.pictures {
		t.Run(name, func(t *testing.T) {
			got, err := d.Detect(c.pic)
			if err != nil {
				t.Fatal(err)
			}
			input, _, back := rtmdet320.fill(c.pic)
			w.wasAsked(t, m, rtmdet320, input)
			out := w.out
			var want []corners
			for i, label := range out[1] {
				row := out[0][5*i:]
				if label != 0 || row[4] < 0.3 {
					continue
				}
				left, top := back(float64(row[0]), float64(row[1]))
				right, bottom := back(float64(row[2]), float64(row[3]))
				want = append(want, corners{left, top, right, bottom, float64(row[4])})
			}
			m.sameBoxes(t, got, want, c.pic)
			if name == "skier" {
				m.nearTruth(t, got)
			}
		})
	}
}

// rtmdetHeadGolden shows what is before the suppression of doubles in the real model, and
// wants the same people of it as of what comes out behind.
func rtmdetHeadGolden(t *testing.T, s *sheet) {
	m := networkNamed(t, "rtmdet-nano-person").Model
	data, err := m.Load()
	if err != nil {
		t.Fatal(err)
	}
	// A second piece of the graph adds to the first: six values in between become outputs.
	more, names := new(inferencetest.Message), []string{"y", "y.8", "y.16", "y.4", "y.12", "y.20"}
	for i, name := range names {
		side := int64(320 / strides[i%3])
		more.Nested(12, inferencetest.ValueInfo(name, inferencetest.ONNXFloat, []int64{1, []int64{1, 4}[i/3], side, side}))
	}
	data = append(data, new(inferencetest.Message).Nested(7, more).Bytes()...)
	sum := sha256.Sum256(data)
	m.SHA256 = hex.EncodeToString(sum[:])
	whole, err := inferencetest.OpenRuntime(t).Network(models.New(m.Manifest, fstest.MapFS{m.File: &fstest.MapFile{Data: data}}, m.File), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := newWitness(t, whole)
	rows, err := newRTMDet(w.Network)
	if err != nil || rows.raw {
		t.Fatalf("raw %v, error %v", rows != nil && rows.raw, err)
	}
	_, outputs := whole.Info()
	row := s.row("rtmdet", m.Name, "its head, beside NMS inside")
	for name, c := range s.pictures {
		t.Run(name, func(t *testing.T) {
			want, err := rows.Detect(c.pic)
			if err != nil {
				t.Fatal(err)
			}
			var head []onnx.Tensor
			for i, o := range outputs[2:] {
				if o.Name != names[i] {
					t.Fatalf("output %d is %v", i, o)
				}
				head = append(head, onnx.Tensor{Name: o.Name, Shape: o.Shape, Data: w.out[i+2]})
			}
			d, err := newRTMDet(inferencetest.FakeNetwork(t, m, &inferencetest.FakeSession{
				Outputs: outputs[2:], Respond: func([]float32) ([]onnx.Tensor, error) { return head, nil },
			}))
			if err != nil || !d.raw {
				t.Fatalf("raw %v, error %v", d != nil && d.raw, err)
			}
			got, err := d.Detect(c.pic)
			if err != nil {
				t.Fatal(err)
			}
			var there []corners
			for _, p := range want {
				there = append(there, corners{p.Box.X, p.Box.Y, p.Box.X + p.Box.W, p.Box.Y + p.Box.H, p.Score})
			}
			row.sameBoxes(t, got, there, c.pic)
			head[3].Shape = []int64{1, 4, 40, 39}
			_, err = d.Detect(c.pic)
			inferencetest.WantKind(t, err, job.ModelMissing)
			if n := testing.AllocsPerRun(5, func() { head[3].Shape = outputs[5].Shape; _, _ = d.Detect(c.pic) }); n > 1 {
				t.Errorf("a detection takes %v allocations", n)
			}
		})
	}
}

// yoloGolden reads the boxes of the segmentation model, whose first 84
// channels are those of a detector, with three layouts of the same.
func yoloGolden(t *testing.T, s *sheet) {
	n := newWitness(t, networkNamed(t, "yolov8n-seg-320"))
	m := n.Model
	m.Family, m.Task = "yolo", models.TaskDetect
	rowOf := map[string]*measured{}
	for _, layout := range []string{"raw", "end to end", "bare rows"} {
		rowOf[layout] = s.row("yolo", m.Name, layout)
	}
	for name, c := range s.pictures {
		t.Run(name, func(t *testing.T) {
			seg, err := newYOLOSeg(n.Network)
			if err != nil {
				t.Fatal(err)
			}
			seen, err := seg.Detect(c.pic)
			if err != nil {
				t.Fatal(err)
			}
			input, _, back := ultralytics320.fill(c.pic)
			n.wasAsked(t, rowOf["raw"], ultralytics320, input)
			out := n.out[0]
			var want []corners
			var rows []float32
			for _, p := range yoloByTheBook(out, 2100, 80) {
				left, top := back(p.box[0], p.box[1])
				right, bottom := back(p.box[2], p.box[3])
				want = append(want, corners{left, top, right, bottom, p.box[4]})
				for _, v := range p.box {
					rows = append(rows, float32(v))
				}
			}
			layouts := map[string]struct {
				shape []int64
				data  []float32
			}{
				"raw":        {[]int64{1, 84, 2100}, out[:84*2100]},
				"end to end": {[]int64{1, 300, 6}, endToEndRows(rows)},
				"bare rows":  {[]int64{1, int64(len(rows) / 5), 5}, rows},
			}
			for layout, l := range layouts {
				d, err := newYOLO(inferencetest.NetworkOf(t, m, l.shape, l.data))
				if err != nil {
					t.Fatal(layout, err)
				}
				got, err := d.Detect(c.pic)
				if err != nil {
					t.Fatal(layout, err)
				}
				rowOf[layout].sameBoxes(t, got, want, c.pic)
			}
			rowOf["raw"].sameBoxes(t, seen, want, c.pic)
			if name == "skier" {
				rowOf["raw"].nearTruth(t, seen)
			}
		})
	}
}

// endToEndRows brings rows of five numbers into those of six, of 300, in which one is of
// another class and the rest of no score.
func endToEndRows(rows []float32) []float32 {
	data := make([]float32, 300*6)
	copy(data, []float32{0, 0, 300, 300, 0.99, 16, 0})
	for i := range len(rows) / 5 {
		copy(data[(i+1)*6:], rows[5*i:5*i+5])
	}
	return data
}

// instance is someone in the input: left, top, right, bottom, score, and the place in the output.
type instance struct {
	box corners
	at  int
}

// yoloByTheBook is Ultralytics' non_max_suppression of an output of n places, for the
// class 0: best class from 0.25 on, doubles from an overlap of 0.7 on.
func yoloByTheBook(out []float32, n, classes int) (kept []instance) {
	at := func(channel, i int) float64 { return float64(out[channel*n+i]) }
	var all []instance
	for i := range n {
		class := 0
		for c := range classes {
			if at(4+c, i) > at(4+class, i) {
				class = c
			}
		}
		if class != 0 || at(4, i) < 0.25 {
			continue
		}
		x, y, w, h := at(0, i), at(1, i), at(2, i), at(3, i)
		all = append(all, instance{corners{x - w/2, y - h/2, x + w/2, y + h/2, at(4, i)}, i})
	}
	slices.SortStableFunc(all, func(a, b instance) int { return cmp.Compare(b.box[4], a.box[4]) })
	for _, a := range all {
		if !slices.ContainsFunc(kept, func(k instance) bool { return overlapByTheBook(a.box, k.box, 0) > 0.7 }) {
			kept = append(kept, a)
		}
	}
	return kept
}
