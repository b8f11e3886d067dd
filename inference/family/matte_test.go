package family

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/job"
)

func matteOf(t *testing.T, fit string, shape []int64, data []float32) (*matte, error) {
	t.Helper()
	m := inferencetest.ModelOf(t, inferencetest.ManifestOf("m", "matte", "matte", "input: {name: in, width: 4, height: 4, fit: "+fit+"}\n"))
	return newMatte(inferencetest.NetworkOf(t, m, shape, data))
}

func TestMatteReadsEveryLayout(t *testing.T) {
	person := []float32{
		0, 0.5, 1, 1.5,
		-1, 0.25, 0.75, 1,
		0, 0, 0, 0,
		1, 1, 1, 1,
	}
	want := []byte{0, 128, 255, 255, 0, 64, 191, 255, 0, 0, 0, 0, 255, 255, 255, 255}
	other := make([]float32, 16)
	mixed := make([]float32, 32)
	for i, v := range person {
		mixed[2*i+1] = v
	}
	for name, c := range map[string]struct {
		shape []int64
		data  []float32
	}{
		"1 1 h w": {[]int64{1, 1, 4, 4}, person},
		"1 h w 1": {[]int64{1, 4, 4, 1}, person},
		"1 h w":   {[]int64{1, 4, 4}, person},
		"1 2 h w": {[]int64{1, 2, 4, 4}, append(other, person...)},
		"1 h w 2": {[]int64{1, 4, 4, 2}, mixed},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := matteOf(t, "stretch", c.shape, c.data)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 16)
			if err := m.Cut(inferencetest.Noise(9, 5), got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestMattesLeaveTheLetterboxOut gives the families matte and rvm a picture that is padded on
// one axis or the other: what is no picture is in no matte, and both are asked the same.
func TestMattesLeaveTheLetterboxOut(t *testing.T) {
	data := make([]float32, 16)
	for i := range data {
		data[i] = float32(i) / 255
	}
	for _, c := range []struct {
		fit  string
		pic  picture.Picture
		w, h int
		want []byte
	}{
		{"letterbox-topleft", inferencetest.Noise(80, 40), 4, 2, []byte{0, 1, 2, 3, 4, 5, 6, 7}},
		{"letterbox-centre", inferencetest.Noise(80, 40), 4, 2, []byte{4, 5, 6, 7, 8, 9, 10, 11}},
		{"letterbox-topleft", inferencetest.Noise(40, 80), 2, 4, []byte{0, 1, 4, 5, 8, 9, 12, 13}},
		{"letterbox-centre", inferencetest.Noise(40, 80), 2, 4, []byte{1, 2, 5, 6, 9, 10, 13, 14}},
	} {
		still, err := matteOf(t, c.fit, []int64{1, 1, 4, 4}, data)
		if err != nil {
			t.Fatal(err)
		}
		eye := newWitness(t, still.network)
		still.network = eye.Network
		var seen []float32
		s := forgetful{&inferencetest.FakeSession{}}
		s.Inputs, s.Outputs = rvmTensors(4, 4)
		s.Respond = func(input []float32) ([]onnx.Tensor, error) {
			seen = slices.Clone(input)
			return []onnx.Tensor{{}, {Shape: []int64{1, 1, 4, 4}, Data: data}}, nil
		}
		m := still.network.Model
		m.Family, m.Input.Name = "rvm", "src"
		n, err := onnx.NewNetwork(m, onnx.ProviderCPU, s)
		if err != nil {
			t.Fatal(err)
		}
		film, err := newRVM(n)
		if err != nil {
			t.Fatal(err)
		}
		for family, matter := range map[string]Matter{"matte": still, "rvm": film} {
			if w, h := matter.Size(c.pic); w != c.w || h != c.h {
				t.Fatalf("%s, %s: the matte is %dx%d, want %dx%d", family, c.fit, w, h, c.w, c.h)
			}
			if diff := cmp.Diff(c.want, cutOut(t, matter, c.pic)); diff != "" {
				t.Errorf("%s, %s: %s", family, c.fit, diff)
			}
		}
		if diff := cmp.Diff(eye.input, seen); diff != "" {
			t.Errorf("%s: matte and rvm are not asked the same: %s", c.fit, diff)
		}
	}
}

func TestMatteRefuses(t *testing.T) {
	_, err := matteOf(t, "affine", []int64{1, 1, 4, 4}, nil)
	inferencetest.WantKind(t, err, job.ModelMissing)
	_, err = matteOf(t, "stretch", []int64{1, 21, 4, 4}, nil)
	inferencetest.WantKind(t, err, job.ModelMissing)
	m, err := matteOf(t, "stretch", []int64{1, 1, 8, 8}, make([]float32, 64))
	if err != nil {
		t.Fatal(err)
	}
	inferencetest.WantKind(t, m.Cut(inferencetest.Noise(4, 4), make([]byte, 16)), job.ModelMissing)
}
