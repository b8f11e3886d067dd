package inference

import (
	"math"
	"testing"
)

func TestFinite(t *testing.T) {
	for n := range 10 {
		if !finite(make([]float32, n)) {
			t.Errorf("%d zeros are not finite", n)
		}
		for i := range n {
			values := make([]float32, n)
			values[i] = float32(math.NaN())
			if finite(values) {
				t.Errorf("NaN at %d of %d is finite", i, n)
			}
		}
	}
	if !finite([]float32{math.MaxFloat32, -math.MaxFloat32, math.MaxFloat32, math.MaxFloat32, math.SmallestNonzeroFloat32}) {
		t.Error("large numbers are not finite")
	}
}
