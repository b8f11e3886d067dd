package generic

import (
	"encoding/binary"
	"io"
	"math"

	"github.com/motionmill/motionmill/inference/onnx"
)

const (
	wavHead = 44      // bytes before the samples
	wavMost = 1 << 31 // bytes of samples; readers differ about more
)

// wavWriter writes the samples of all runs one after the other, as WAV of one
// channel in 16 bits (PCM, IBM and Microsoft's RIFF of 1991). -1 to 1 is the whole range; what is
// beyond is cut.
type wavWriter struct {
	oneTensor
	to      io.Writer
	rate    int // Hz
	began   bool
	samples int64
}

func (w *wavWriter) add(at Moment, outputs []onnx.Array) error {
	out := outputs[w.number]
	rows, length := rowsOf(out)
	if rows != 1 {
		return w.wrong("its shape is %v, want one row of samples", out.Shape)
	}
	if !w.began {
		w.began = true
		if _, err := w.to.Write(make([]byte, wavHead)); err != nil { // Its place; the samples are not counted yet.
			return err
		}
	}
	length = int64(math.Round(float64(length) * at.Part))
	if w.samples += length; 2*w.samples > wavMost {
		return w.wrong("it is longer than %d hours", wavMost/2/w.rate/3600)
	}
	pcm := make([]byte, 2*length)
	for i, v := range asDoubles(out.Data)[:length] {
		binary.LittleEndian.PutUint16(pcm[2*i:], uint16(int16(math.Round(max(-1, min(1, v))*math.MaxInt16))))
	}
	_, err := w.to.Write(pcm)
	return err
}

// asDoubles widens numbers of any type; nil for what are none.
func asDoubles(data any) []float64 {
	switch v := data.(type) {
	case []float32:
		return cast[float64](v)
	case []float64:
		return v
	case []int64:
		return widened(v)
	case []int32:
		return widened(v)
	case []uint8:
		return widened(v)
	default:
		return nil
	}
}

func widened[T int64 | int32 | uint8](values []T) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out
}

func (w *wavWriter) end(made *Made) ([]byte, error) {
	made.Duration = float64(w.samples) / float64(w.rate)
	if !w.began {
		return nil, nil
	}
	bytes := uint32(2 * w.samples)
	head := []byte("RIFF")
	head = binary.LittleEndian.AppendUint32(head, wavHead-8+bytes)
	head = append(head, "WAVEfmt "...)
	head = binary.LittleEndian.AppendUint32(head, 16) // length of what follows, to the data
	head = binary.LittleEndian.AppendUint16(head, 1)  // PCM
	head = binary.LittleEndian.AppendUint16(head, 1)  // channel
	head = binary.LittleEndian.AppendUint32(head, uint32(w.rate))
	head = binary.LittleEndian.AppendUint32(head, uint32(2*w.rate)) // bytes a second
	head = binary.LittleEndian.AppendUint16(head, 2)                // bytes a sample
	head = binary.LittleEndian.AppendUint16(head, 16)               // bits a sample
	head = append(head, "data"...)
	return binary.LittleEndian.AppendUint32(head, bytes), nil
}
