package hostile

import (
	"bytes"
	"encoding/binary"
)

func l16(v int) []byte    { return binary.LittleEndian.AppendUint16(nil, uint16(v)) }
func l32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

// chunk is a chunk of a RIFF file, list one that holds chunks.
func chunk(kind string, parts ...[]byte) []byte {
	body := join(parts...)
	return join([]byte(kind), l32(uint32(len(body))), body, make([]byte, len(body)%2))
}

func list(kind string, parts ...[]byte) []byte {
	return chunk("LIST", append([][]byte{[]byte(kind)}, parts...)...)
}

// avi is an AVI file of ten JPEG pictures with further streams (strl lists), chunks of data
// and chunks behind them.
func avi(streams int, more, data, behind []byte) []byte {
	frame := still(64, 64, green)
	header := func(kind, codec string) []byte {
		return chunk("strh", []byte(kind), []byte(codec), make([]byte, 12), l32(1), l32(10), l32(0), l32(10), l32(0), l32(0xffffffff), l32(0),
			l16(0), l16(0), l16(64), l16(64))
	}
	format := chunk("strf", l32(40), l32(64), l32(64), l16(1), l16(24), []byte("MJPG"), l32(64*64*3), make([]byte, 16))
	main := chunk("avih", l32(100_000), l32(0), l32(0), l32(0x10), l32(10), l32(0), l32(uint32(streams)), l32(0), l32(64), l32(64), make([]byte, 16))
	movi := bytes.Repeat(chunk("00dc", frame), 10)
	return chunk("RIFF", []byte("AVI "), list("hdrl", main, list("strl", header("vids", "MJPG"), format), more), list("movi", data, movi), behind)
}

// gab2 is an AVI file whose subtitles (a GAB2 chunk) are a file of their own: players open it
// with whatever reader fits its first bytes.
func gab2(text string) []byte {
	name := []byte("a\x00\x00\x00")
	body := join([]byte("GAB2\x00"), l16(2), l32(uint32(len(name))), name, l16(4), l32(uint32(len(text))), []byte(text))
	subtitles := list("strl",
		chunk("strh", []byte("txts"), make([]byte, 16), l32(1), l32(10), l32(0), l32(10), l32(0), l32(0), l32(0), make([]byte, 8)),
		chunk("strf"))
	return avi(2, subtitles, chunk("01tx", body), nil)
}
