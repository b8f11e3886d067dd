package hostile

import (
	"bytes"
	"encoding/binary"
	"math"
)

// element is an EBML element with a length of eight bytes (RFC 8794).
func element(id uint32, parts ...[]byte) []byte {
	body := join(parts...)
	head := binary.BigEndian.AppendUint32(nil, id)
	for head[0] == 0 {
		head = head[1:]
	}
	return join(head, u64(1<<56|uint64(len(body))), body)
}

// mkv is a Matroska file (RFC 9559) of ten JPEG pictures. What is zero is healthy.
type mkv struct {
	frame    []byte
	scale    uint64
	duration float64
	tracks   int
	// beside are elements of the segment behind the tracks, more such of the first track.
	beside, more []byte
	codec        string
	private      []byte
}

func clipMKV(m mkv) []byte {
	if m.frame == nil {
		m.frame = still(64, 64, green)
	}
	if m.scale == 0 {
		m.scale = 1_000_000
	}
	if m.duration == 0 {
		m.duration = 1000
	}
	if m.codec == "" {
		m.codec = "V_MJPEG"
	}
	head := element(0x1a45dfa3, element(0x4282, []byte("matroska")), element(0x4287, u64(4)), element(0x4285, u64(2)))
	info := element(0x1549a966, element(0x2ad7b1, u64(m.scale)), element(0x4489, u64(math.Float64bits(m.duration))),
		element(0x4d80, []byte("x")), element(0x5741, []byte("x")))
	tracks := [][]byte{}
	for i := range max(m.tracks, 1) {
		entry := [][]byte{element(0xd7, u64(uint64(i+1))), element(0x73c5, u64(uint64(i+1))), element(0x83, u64(1)), element(0x9c, u64(0)),
			element(0x86, []byte(m.codec)), element(0xe0, element(0xb0, u64(64)), element(0xba, u64(64)))}
		if m.private != nil {
			entry = append(entry, element(0x63a2, m.private))
		}
		tracks = append(tracks, element(0xae, append(entry, m.more)...))
	}
	cluster := [][]byte{element(0xe7, u64(0))}
	for i := range 10 {
		cluster = append(cluster, element(0xa3, []byte{0x81}, u16(100*i), []byte{0x80}, m.frame))
	}
	return join(head, element(0x18538067, info, element(0x1654ae6b, tracks...), m.beside, element(0x1f43b675, cluster...)))
}

// attachment is an attached file (RFC 9559, 5.1.6).
func attachment(name, kind string, data []byte) []byte {
	return element(0x61a7, element(0x466e, []byte(name)), element(0x4660, []byte(kind)), element(0x465c, data), element(0x46ae, u64(1)))
}

// tag is a Matroska tag (5.1.8).
func tag(name string, value []byte) []byte {
	return element(0x7373, element(0x63c0), element(0x67c8, element(0x45a3, []byte(name)), element(0x4487, value)))
}

// nest puts an element within itself.
func nest(id uint32, depth int) []byte {
	var out []byte
	for range depth {
		out = element(id, out)
	}
	return out
}

// subtitled is a Matroska file with a track of subtitles in ASS beside the pictures.
func subtitled(script string) []byte {
	track := element(0xae, element(0xd7, u64(2)), element(0x73c5, u64(2)), element(0x83, u64(17)), element(0x9c, u64(0)),
		element(0x86, []byte("S_TEXT/ASS")), element(0x63a2, []byte(script)))
	whole := clipMKV(mkv{})
	at := bytes.Index(whole, []byte{0x16, 0x54, 0xae, 0x6b})
	size := binary.BigEndian.Uint64(whole[at+4:]) &^ (0xff << 56)
	end := at + 12 + int(size)
	head := bytes.Index(whole, []byte{0x18, 0x53, 0x80, 0x67})
	segment := join(whole[head+12:at], element(0x1654ae6b, whole[at+12:end], track), whole[end:])
	return join(whole[:head], element(0x18538067, segment))
}
