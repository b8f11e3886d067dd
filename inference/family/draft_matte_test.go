package family

import (
	"math"
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
)

// A grey of 51 with 102 of red added and 51 of blue: what each family makes of it.
func TestDraftsOfMattes(t *testing.T) {
	const red, green, blue = 153, 51, 102
	shape := func(name string, dims ...int64) onnx.TensorInfo {
		return onnx.TensorInfo{Name: name, Type: "float32", Shape: dims}
	}
	several := make([]onnx.TensorInfo, 7)
	for i := range several {
		several[i] = shape("d"+inferencetest.Itoa(i), 1, 1, 320, 320)
	}
	middle := [3]float64{(red - 127.5) / 127.5, (green - 127.5) / 127.5, (blue - 127.5) / 127.5}
	unit := [3]float64{red / 255., green / 255., blue / 255.}
	for name, c := range map[string]struct {
		input   onnx.TensorInfo
		outputs []onnx.TensorInfo
		want    [3]float64
		w, h    int // of the matte of a frame of 640 by 360
	}{
		"MODNet": {
			shape("input", -1, 3, -1, -1), []onnx.TensorInfo{shape("output", -1, 1, -1, -1)}, middle, 640, 352,
		},
		"MODNet, fixed": {
			shape("input", 1, 3, 512, 512), []onnx.TensorInfo{shape("output", 1, 1, 512, 512)}, middle, 512, 512,
		},
		"U2-Net": {
			shape("in", 1, 3, 320, 320), several,
			[3]float64{(red/255. - 0.485) / 0.229, (green/255. - 0.456) / 0.224, (blue/255. - 0.406) / 0.225}, 320, 320,
		},
		"PP-HumanSeg": {
			shape("x", 1, 3, 192, 192), []onnx.TensorInfo{shape("softmax", 1, 2, 192, 192)}, middle, 192, 192,
		},
		"selfie":           {shape("in", 1, 256, 256, 3), []onnx.TensorInfo{shape("out", 1, 256, 256, 1)}, unit, 256, 256},
		"selfie landscape": {shape("in", 1, 144, 256, 3), []onnx.TensorInfo{shape("out", 1, 144, 256, 1)}, unit, 256, 144},
	} {
		t.Run(name, func(t *testing.T) {
			text, ok := Draft(models.Model{Manifest: models.Manifest{Name: "m", File: "m.onnx", SHA256: inferencetest.AnyHash}}, []onnx.TensorInfo{c.input}, c.outputs)
			if !ok {
				t.Fatal("no draft")
			}
			m := inferencetest.ModelOf(t, text)
			if m.Task != models.TaskMatte || m.Supported() != nil {
				t.Fatalf("task %s, %v", m.Task, m.Supported())
			}
			var seen []float32
			person := 0
			f, err := newMatte(inferencetest.FakeNetwork(t, m, &inferencetest.FakeSession{
				Inputs: []onnx.TensorInfo{c.input}, Outputs: c.outputs,
				Respond: func(in []float32) ([]onnx.Tensor, error) {
					seen = append(seen[:0], in...)
					dims := []int64{1, 1, int64(c.h), int64(c.w)}
					if c.outputs[0].Shape[1] == 2 {
						dims[1], person = 2, c.w*c.h // The second is the person.
					} else if m.Input.Layout == "nhwc" {
						dims = []int64{1, int64(c.h), int64(c.w), 1}
					}
					data := make([]float32, dims[1]*dims[2]*dims[3])
					data[person] = 1
					return []onnx.Tensor{{Name: "out", Shape: dims, Data: data}}, nil
				},
			}))
			if err != nil {
				t.Fatal(err)
			}
			pic := inferencetest.Noise(640, 360)
			for i := range pic.Pix {
				pic.Pix[i] = [3]byte{red, green, blue}[i%3]
			}
			w, h := f.Size(pic)
			if w != c.w || h != c.h {
				t.Fatalf("the matte is %dx%d, want %dx%d", w, h, c.w, c.h)
			}
			cut := make([]byte, w*h)
			if err := f.Cut(pic, cut); err != nil {
				t.Fatal(err)
			}
			for channel, want := range c.want {
				for i := range w * h {
					got := seen[channel*w*h+i]
					if m.Input.Layout == "nhwc" {
						got = seen[i*3+channel]
					}
					if math.Abs(float64(got)-want) > 1e-5 {
						t.Fatalf("channel %d is %v at %d, want %v", channel, got, i, want)
					}
				}
			}
			if cut[0] != 255 || cut[1] != 0 {
				t.Errorf("the matte begins with %v", cut[:2])
			}
		})
	}
}
