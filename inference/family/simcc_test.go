package family

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
)

func TestSimCCTellsRowsByName(t *testing.T) {
	// Two points; along x 128 steps of half a px, along y 64.
	alongX, alongY := make([]float32, 2*128), make([]float32, 2*64)
	alongX[32], alongY[48] = 0.9, 1.3     // a quarter across, three quarters down
	alongX[128+64], alongY[64+10] = 1, -1 // nowhere along y: all others are 0
	s := &inferencetest.FakeSession{
		Outputs: []onnx.TensorInfo{{Name: "simcc_y", Type: "float32", Shape: []int64{-1, 2, 64}}, {Name: "simcc_x", Type: "float32", Shape: []int64{-1, 2, 128}}},
		Respond: func([]float32) ([]onnx.Tensor, error) {
			return []onnx.Tensor{{Name: "simcc_y", Shape: []int64{1, 2, 64}, Data: alongY}, {Name: "simcc_x", Shape: []int64{1, 2, 128}, Data: alongX}}, nil
		},
	}
	for options, score := range map[string]float64{"": 0.9, ", score: mean": 1} {
		m := inferencetest.ModelOf(t, inferencetest.ManifestOf("p", "pose", "simcc",
			"input: {name: in, width: 64, height: 32, fit: affine}\nkeypoints: [a, b]\noptions: {box_scale: 1"+options+"}\n"))
		p, err := newSimCC(inferencetest.FakeNetwork(t, m, s))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]picture.Keypoint, 2)
		if err := p.Estimate(inferencetest.Noise(400, 400), picture.Rect{X: 100, Y: 40, W: 200, H: 100}, got); err != nil {
			t.Fatal(err)
		}
		want := []picture.Keypoint{{X: 150, Y: 115, Score: score}, {}}
		if options != "" { // The mean of 1 and 0 is a score.
			want[1] = picture.Keypoint{X: 200, Y: 40, Score: 0.5}
		}
		if diff := cmp.Diff(want, got, aboutEqualPeople); diff != "" {
			t.Errorf("options %q: %s", options, diff)
		}
	}
}
