package onnx_test

import (
	"math"
	"testing"

	"github.com/motionmill/motionmill/inference/onnx"
)

func TestHalvesOfEveryKind(t *testing.T) {
	for bits := range 1 << 16 { // Every half comes back as it was.
		h := uint16(bits)
		v := onnx.FromHalf(h)
		if h&0x7c00 == 0x7c00 && h&0x3ff != 0 {
			if v == v || onnx.ToHalf(v)&0x7c00 != 0x7c00 || onnx.ToHalf(v)&0x3ff == 0 {
				t.Fatalf("%#04x is not NaN: %v", h, v)
			}
		} else if onnx.ToHalf(v) != h {
			t.Fatalf("%#04x is %v and comes back as %#04x", h, v, onnx.ToHalf(v))
		}
	}
	for _, c := range []struct {
		v    float32
		want uint16
	}{
		{1, 0x3c00}, {-2, 0xc000}, {65504, 0x7bff}, {65519, 0x7bff}, {65520, 0x7c00}, {1e9, 0x7c00}, {float32(math.Inf(-1)), 0xfc00},
		{0x1p-24, 1}, {0x1p-25, 0}, {0x1.8p-24, 2}, {0x1p-14, 0x0400}, {1 + 0x1p-11, 0x3c00}, {1 + 0x3p-11, 0x3c02},
	} {
		if got := onnx.ToHalf(c.v); got != c.want {
			t.Errorf("%v is %#04x, want %#04x", c.v, got, c.want)
		}
	}
}
