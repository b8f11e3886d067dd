package hostile

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// spans are the parts of a file, those within each other too: where each begins and ends.
func spans(data []byte) [][2]int {
	switch {
	case bytes.HasPrefix(data, []byte{0x1a, 0x45, 0xdf, 0xa3}):
		return elementSpans(data, 0, len(data))
	case bytes.HasPrefix(data, []byte("RIFF")):
		return chunkSpans(data, 0, len(data))
	case len(data) > 188 && data[0] == 0x47 && data[188] == 0x47:
		return packetSpans(data)
	default:
		return boxSpans(data, 0, len(data))
	}
}

// nested are the boxes that hold boxes, with the bytes in front of them.
var nested = map[string]int{
	"moov": 0, "trak": 0, "mdia": 0, "minf": 0, "dinf": 0, "stbl": 0, "edts": 0, "mvex": 0, "moof": 0, "traf": 0, "udta": 0, "meta": 4, "stsd": 8,
}

func boxSpans(data []byte, from, to int) (all [][2]int) {
	for from+8 <= to {
		end := from + int(binary.BigEndian.Uint32(data[from:]))
		if end < from+8 || end > to {
			break
		}
		all = append(all, [2]int{from, end})
		if skip, ok := nested[string(data[from+4:from+8])]; ok {
			all = append(all, boxSpans(data, from+8+skip, end)...)
		}
		from = end
	}
	return all
}

// chunkSpans are those of a RIFF file, where a chunk is padded to an even length.
func chunkSpans(data []byte, from, to int) (all [][2]int) {
	for from+8 <= to {
		end := from + 8 + int(binary.LittleEndian.Uint32(data[from+4:]))
		if end > to {
			break
		}
		all = append(all, [2]int{from, end})
		if kind := string(data[from : from+4]); kind == "RIFF" || kind == "LIST" {
			all = append(all, chunkSpans(data, from+12, end)...)
		}
		from = end + end%2
	}
	return all
}

// packetSpans are some of the packets of a transport stream.
func packetSpans(data []byte) (all [][2]int) {
	const packets = 17 * 188
	for from := 0; from+188 <= len(data); from += packets {
		all = append(all, [2]int{from, from + 188})
	}
	return all
}

// masters are the IDs of the Matroska elements that hold elements.
var masters = []uint32{0x1a45dfa3, 0x18538067, 0x1549a966, 0x1654ae6b, 0xae, 0xe0, 0xe1, 0x1f43b675, 0xa0, 0x1c53bb6b, 0xbb, 0xb7, 0x114d9b74, 0x4dbb, 0x1254c367}

func elementSpans(data []byte, from, to int) (all [][2]int) {
	for from < to {
		id, idLength := vint(data[from:to], false)
		if idLength == 0 {
			break
		}
		size, sizeLength := vint(data[from+idLength:to], true)
		body := from + idLength + sizeLength
		if sizeLength == 0 || size > uint64(to-body) {
			break
		}
		all = append(all, [2]int{from, body + int(size)})
		if slices.Contains(masters, uint32(id)) {
			all = append(all, elementSpans(data, body, body+int(size))...)
		}
		from = body + int(size)
	}
	return all
}

// vint reads a number of variable length (RFC 8794, 4), without the marker of its length
// where bare is set.
func vint(data []byte, bare bool) (value uint64, length int) {
	if len(data) == 0 || data[0] == 0 {
		return 0, 0
	}
	length = 1
	for mask := byte(0x80); data[0]&mask == 0; mask >>= 1 {
		length++
	}
	if len(data) < length {
		return 0, 0
	}
	for _, b := range data[:length] {
		value = value<<8 | uint64(b)
	}
	if bare {
		value &= 1<<(7*length) - 1
	}
	return value, length
}

// rewritten copies boxes, and those within them, with what change returns in place of
// each; nil leaves one as it is.
func rewritten(data []byte, change func(kind string, body []byte) []byte) []byte {
	var out []byte
	for from := 0; from+8 <= len(data); {
		end := from + int(binary.BigEndian.Uint32(data[from:]))
		if end < from+8 || end > len(data) {
			break
		}
		kind, body := string(data[from+4:from+8]), data[from+8:end]
		other := change(kind, body)
		if skip, ok := nested[kind]; ok && skip == 0 && other == nil {
			other = box(kind, rewritten(body, change))
		}
		if other == nil {
			other = data[from:end]
		}
		out, from = append(out, other...), end
	}
	return out
}
