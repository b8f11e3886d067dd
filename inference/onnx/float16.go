package onnx

import (
	"encoding/binary"
	"math"

	ort "github.com/yalue/onnxruntime_go"
)

// newHalves makes a tensor of float16 with its memory.
func newHalves(shape []int64) (*ort.CustomDataTensor, error) {
	n, _ := Elements(shape)
	return ort.NewCustomDataTensor(ort.Shape(shape), make([]byte, 2*max(n, 0)), ort.TensorElementDataTypeFloat16)
}

// widen reads as many numbers of IEEE 754 binary16, in the machine's order of
// bytes, as to has room for.
func widen(to []float32, halves []byte) {
	for i := range to {
		to[i] = fromHalf(binary.NativeEndian.Uint16(halves[2*i:]))
	}
}

// narrow writes numbers as binary16; what is too large becomes infinite.
func narrow(halves []byte, from []float32) {
	for i, v := range from {
		binary.NativeEndian.PutUint16(halves[2*i:], toHalf(v))
	}
}

// fromHalf widens a binary16: its exponent's bias is 15 and not 127, which a
// multiplication by 2^112 makes up, for subnormal numbers too.
func fromHalf(h uint16) float32 {
	bits := uint32(h&0x7fff) << 13
	if h&0x7c00 == 0x7c00 { // infinity or NaN
		bits |= 0x7f800000
	} else {
		bits = math.Float32bits(math.Float32frombits(bits) * 0x1p112)
	}
	return math.Float32frombits(bits | uint32(h&0x8000)<<16)
}

// toHalf rounds to the nearest binary16, to the even one of two as near.
func toHalf(v float32) uint16 {
	bits := math.Float32bits(v)
	sign, bits := uint16(bits>>16&0x8000), bits&0x7fffffff
	switch {
	case bits > 0x7f800000: // NaN
		return sign | 0x7e00
	case bits >= 0x47800000: // 65536 and more
		return sign | 0x7c00
	case bits < 0x38800000: // below 2^-14: subnormal, in steps of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(bits))*0x1p24))
	default:
		bits += 0xfff + bits>>13&1 // A carry into the exponent is right, up to infinity.
		return sign | uint16((bits-112<<23)>>13)
	}
}
