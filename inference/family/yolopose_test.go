package family

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

func TestYOLOPoseTellsTheLayout(t *testing.T) {
	m := inferencetest.ModelOf(t, inferencetest.ManifestOf("p", "pose", "yolo-pose",
		"input: {name: in, width: 64, height: 64, std: [255, 255, 255], fit: letterbox-centre, pad: 114}\nkeypoints: [a]\n"))
	// A picture of 128 by 96 lies at half its size in rows 8 to 55. Boxes count from its
	// edges, points from the middle of its first pixel.
	want := []picture.Person{
		{Detection: picture.Detection{Box: picture.Rect{X: 80, Y: 24, W: 32, H: 40}, Score: 0.9}, Points: []picture.Keypoint{{X: 95.5, Y: 43.5, Score: 0.75}}},
		{Detection: picture.Detection{Box: picture.Rect{X: 16, Y: 0, W: 16, H: 24}, Score: 0.5}, Points: []picture.Keypoint{{}}}, // cut at the upper edge
	}
	for name, c := range map[string]struct {
		shape []int64
		data  []float32
	}{
		"raw": {[]int64{1, 8, 5}, []float32{
			12, 48, 49, 30, 48, // centre x
			12, 30, 30, 30, 30, // centre y
			8, 16, 16, 10, 16,
			16, 20, 20, 10, 20,
			0.5, 0.9, 0.8, 0.2, 0.7, // two doubles of the second, one too uncertain
			12, 48, 1, 1, 1,
			12, 30, 1, 1, 1,
			0, 0.75, 1, 1, 1,
		}},
		"end to end": {[]int64{1, 4, 9}, []float32{
			8, 4, 16, 20, 0.5, 0, 12, 12, 0,
			40, 20, 56, 40, 0.9, 0, 48, 30, 0.75,
			0, 0, 60, 60, 0.9, 1, 1, 1, 1, // another class
			25, 25, 35, 35, 0.2, 0, 1, 1, 1,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var input []float32
			p, err := newYOLOPose(inferencetest.FakeNetwork(t, m, &inferencetest.FakeSession{
				Outputs: []onnx.TensorInfo{{Name: "out", Type: "float32", Shape: c.shape}},
				Respond: func(in []float32) ([]onnx.Tensor, error) {
					input = in
					return []onnx.Tensor{{Name: "out", Shape: c.shape, Data: c.data}}, nil
				},
			}))
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Spot(plain(128, 96, 51, 102, 153), nil)
			if err != nil {
				t.Fatal(err)
			}
			for y, want := range map[int][3]float32{7: {114, 114, 114}, 8: {51, 102, 153}, 55: {51, 102, 153}, 56: {114, 114, 114}} {
				for c := range 3 {
					if v := 255 * input[(c*64+y)*64+30]; math.Abs(float64(v-want[c])) > 1e-3 {
						t.Errorf("row %d of channel %d of the input is %v, want %v", y, c, v, want[c])
					}
				}
			}
			if diff := cmp.Diff(want, got, aboutEqualPeople); diff != "" {
				t.Error(diff)
			}
		})
	}
}
