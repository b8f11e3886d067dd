package family

import (
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

// work is what a family does for one frame.
type work func() error

// eachFamily opens every pose family and the matte on networks that answer at
// once with a fixed output of full size, so that what is left is the work before and
// after the network, on a frame of 1920 by 1080 px with people.
func eachFamily(tb testing.TB, take func(name string, w work)) {
	tb.Helper()
	pic, box, points := inferencetest.Noise(1920, 1080), picture.Rect{X: 700, Y: 100, W: 500, H: 880}, make([]picture.Keypoint, 17)
	inBox := func(name string, p Poser, err error) {
		if err != nil {
			tb.Fatal(err)
		}
		take(name, func() error { return p.Estimate(pic, box, points) })
	}
	everyone := func(name string, s Spotter, err error) {
		if err != nil {
			tb.Fatal(err)
		}
		var people []picture.Person
		take(name, func() (err error) {
			people, err = s.Spot(pic, people)
			return err
		})
	}
	for _, decode := range []string{decodeQuarter, decodeDark, decodeUDP} {
		n := answering(tb, "heatmap", "width: 192, height: 256, fit: affine", "decode: "+decode, bumps(), []int64{1, 17, 64, 48})
		h, err := newHeatmap(n)
		inBox("heatmap "+decode, h, err)
	}
	rows := make([]float32, 17*512)
	for k := range 17 {
		rows[k*512+9*k], rows[k*384+7*k] = 0.9, 0.9
	}
	s, err := newSimCC(answering(tb, "simcc", "width: 192, height: 256, fit: affine", "", rows[:17*384], []int64{1, 17, 384}, []int64{1, 17, 512}))
	inBox("simcc", s, err)

	const square = "width: 256, height: 256, layout: nhwc, type: int32, fit: letterbox-centre"
	one, _, err := newMoveNet(answering(tb, "movenet", square, "", half(17*3), []int64{1, 1, 17, 3}))
	inBox("movenet", one, err)
	_, six, err := newMoveNet(answering(tb, "movenet", square, "", half(6*56), []int64{1, 6, 56}))
	everyone("movenet multi", six, err)

	const padded = "width: 640, height: 640, std: [255, 255, 255], fit: letterbox-centre, pad: 114"
	raw := make([]float32, 56*8400)
	for i := range 60 { // doubles of five people
		raw[i], raw[8400+i], raw[2*8400+i], raw[3*8400+i], raw[4*8400+i] = float32(60+i%5*120), 300, 80, 200, 0.5
	}
	y, err := newYOLOPose(answering(tb, "yolo-pose", padded, "", raw, []int64{1, 56, 8400}))
	everyone("yolo-pose", y, err)
	five := half(5 * 57)
	for i := range 5 {
		five[i*57+5] = 0 // the class
	}
	y, err = newYOLOPose(answering(tb, "yolo-pose", padded, "", five, []int64{1, 300, 57}))
	everyone("yolo-pose end to end", y, err)

	m := inferencetest.ModelOf(tb, inferencetest.ManifestOf("m", "matte", "matte", "input: {name: in, width: 256, height: 256, layout: nhwc, std: [255, 255, 255], fit: stretch}\n"))
	cut, err := newMatte(answer(tb, m, half(256*256), []int64{1, 256, 256, 1}))
	if err != nil {
		tb.Fatal(err)
	}
	dst := make([]byte, 256*256)
	take("matte", func() error { return cut.Cut(pic, dst) })
}

// answering is a network of a pose family; answer says of what.
func answering(tb testing.TB, family, input, options string, data []float32, shapes ...[]int64) *onnx.Network {
	tb.Helper()
	m := inferencetest.ModelOf(tb, inferencetest.ManifestOf("p", "pose", family, "input: {name: in, "+input+"}\nkeypoints: coco17\noptions: {"+options+"}\n"))
	return answer(tb, m, data, shapes...)
}

// answer is a network whose outputs have the shapes and all begin with data.
func answer(tb testing.TB, m models.Model, data []float32, shapes ...[]int64) *onnx.Network {
	tb.Helper()
	s := &inferencetest.FakeSession{}
	var out []onnx.Tensor
	for _, shape := range shapes {
		size := int64(1)
		for _, n := range shape {
			size *= n
		}
		t := onnx.Tensor{Name: "out", Shape: shape, Data: make([]float32, size)}
		copy(t.Data, data)
		s.Outputs, out = append(s.Outputs, onnx.TensorInfo{Name: "out", Type: "float32", Shape: shape}), append(out, t)
	}
	s.Respond = func([]float32) ([]onnx.Tensor, error) { return out, nil }
	return inferencetest.FakeNetwork(tb, m, s)
}

// bumps are the heat maps of 17 points.
func bumps() (data []float32) {
	for k := range 17 {
		data = append(data, bump(48, 64, 5.3+2*float64(k), 8.7+3*float64(k), 2).data...)
	}
	return data
}

// half is n times 0.5.
func half(n int) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = 0.5
	}
	return values
}

func TestAFrameDoesNotAllocate(t *testing.T) {
	eachFamily(t, func(name string, w work) {
		run := func() {
			if err := w(); err != nil {
				t.Fatal(err)
			}
		}
		run()
		if n := testing.AllocsPerRun(5, run); n != 0 {
			t.Errorf("%s: %v allocations a frame", name, n)
		}
	})
}

// BenchmarkFrame measures what comes before and after the network, for each family.
func BenchmarkFrame(b *testing.B) {
	eachFamily(b, func(name string, w work) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := w(); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}
