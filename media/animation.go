package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image/gif"
	"os"
)

// readAnimation reads the size, the number of frames and the duration of a
// WebP or GIF of ours.
func readAnimation(path string, kind container) (Output, error) {
	if kind == webpFile {
		data, err := os.ReadFile(path)
		if err != nil {
			return Output{}, err
		}
		return readWebP(data)
	}
	file, err := os.Open(path)
	if err != nil {
		return Output{}, err
	}
	defer file.Close()
	all, err := gif.DecodeAll(file)
	if err != nil {
		return Output{}, err
	}
	out := Output{Width: all.Config.Width, Height: all.Config.Height, Frames: int64(len(all.Image))}
	length := 0
	for _, delay := range all.Delay { // in hundredths of a second
		length += delay
	}
	out.Duration = float64(length) / 100
	return out, nil
}

// readWebP reads the chunks of a WebP file (RFC 9649, 2.4): the canvas and the
// frames of an animation, or the one picture of a still, which encoders make where all frames
// are the same.
func readWebP(data []byte) (Output, error) {
	var out Output
	still, length := Output{Frames: 1}, 0 // in milliseconds
	if len(data) < 12 {
		return out, errors.New("it is no WebP file")
	}
	for data = data[12:]; len(data) >= 8; {
		kind, size := string(data[:4]), int64(binary.LittleEndian.Uint32(data[4:]))
		if size > int64(len(data)-8) {
			return out, fmt.Errorf("a chunk %q is cut off", kind)
		}
		body := data[8 : 8+size]
		switch {
		case kind == "VP8X" && size >= 10:
			out.Width, out.Height = 1+int24(body[4:]), 1+int24(body[7:])
		case kind == "ANMF" && size >= 16:
			out.Frames++
			length += int24(body[12:])
		case kind == "VP8 " && size >= 10: // RFC 6386, 9.1
			still.Width, still.Height = int(body[6])|int(body[7]&0x3f)<<8, int(body[8])|int(body[9]&0x3f)<<8
		case kind == "VP8L" && size >= 5: // RFC 9649, 3.4
			still.Width, still.Height = 1+(int(body[1])|int(body[2]&0x3f)<<8), 1+(int24(body[2:])>>6)&0x3fff
		}
		data = data[min(8+size+size%2, int64(len(data))):]
	}
	switch {
	case out.Width > 0 && out.Frames > 0:
		out.Duration = float64(length) / 1000
		return out, nil
	case out.Frames == 0 && still.Width > 0 && still.Height > 0:
		return still, nil
	}
	return out, errors.New("it holds no picture")
}

func int24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
