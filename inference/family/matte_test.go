package family

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/inference/inferencetest"
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

func TestMatteLeavesTheLetterboxOut(t *testing.T) {
	data := make([]float32, 16)
	for i := range data {
		data[i] = float32(i) / 255
	}
	for fit, want := range map[string][]byte{
		"letterbox-topleft": {0, 1, 2, 3, 4, 5, 6, 7},
		"letterbox-centre":  {4, 5, 6, 7, 8, 9, 10, 11},
	} {
		m, err := matteOf(t, fit, []int64{1, 1, 4, 4}, data)
		if err != nil {
			t.Fatal(err)
		}
		pic := inferencetest.Noise(80, 40)
		w, h := m.Size(pic)
		if w != 4 || h != 2 {
			t.Fatalf("%s: the matte is %dx%d", fit, w, h)
		}
		got := make([]byte, w*h)
		if err := m.Cut(pic, got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", fit, diff)
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
