package media

import (
	"encoding/binary"
	"io"
)

// matroskaWriter writes raw pictures with exact times to a pipe, as Matroska
// (RFC 9559) with uncompressed video: the simplest stream that carries a time
// of its own with every frame. Times are in nanoseconds; each frame is a
// cluster of its own, because a block's offset in its cluster has 16 bits.
type matroskaWriter struct {
	out  io.Writer
	size int // bytes of one picture
	head []byte
}

// The pixel formats that are sent, by their FourCC.
const (
	greyPixels = "Y800" // one byte a pixel, 255 is the figure
	rgbaPixels = "RGBA" // four bytes a pixel, straight alpha
)

// newMatroskaWriter returns a writer of pictures of w x h pixels of the given
// number of bytes each. The headers go out with the first picture.
func newMatroskaWriter(out io.Writer, fourCC string, w, h, bytesPerPixel int) *matroskaWriter {
	header := element(0x1a45dfa3, // EBML
		element(0x4282, []byte("matroska")), // DocType
		element(0x4287, unsigned(4)),        // DocTypeVersion
		element(0x4285, unsigned(2)),        // DocTypeReadVersion
	)
	header = append(header, 0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) // Segment of unknown size
	header = append(header, element(0x1549a966,                                                     // Info
		element(0x2ad7b1, unsigned(1)), // TimestampScale: 1 ns
		element(0x4d80, []byte("motionmill")),
		element(0x5741, []byte("motionmill")),
	)...)
	header = append(header, element(0x1654ae6b, // Tracks
		element(0xae, // TrackEntry
			element(0xd7, unsigned(1)),   // TrackNumber
			element(0x73c5, unsigned(1)), // TrackUID
			element(0x83, unsigned(1)),   // TrackType: video
			element(0x9c, unsigned(0)),   // FlagLacing
			element(0x86, []byte("V_UNCOMPRESSED")),
			element(0xe0, // Video
				element(0xb0, unsigned(uint64(w))),
				element(0xba, unsigned(uint64(h))),
				element(0x2eb524, []byte(fourCC)), // UncompressedFourCC
			),
		),
	)...)
	return &matroskaWriter{out: out, size: w * h * bytesPerPixel, head: header}
}

// write sends one picture, shown at the given time.
func (m *matroskaWriter) write(nanoseconds int64, picture []byte) error {
	const blockHead = 4 // track, offset, flags
	block := append([]byte{0xa3}, length(blockHead+len(picture))...)
	block = append(block, 0x81, 0, 0, 0x80) // track 1, no offset, keyframe
	at := element(0xe7, unsigned(uint64(nanoseconds)))
	m.head = append(m.head, 0x1f, 0x43, 0xb6, 0x75) // Cluster
	m.head = append(m.head, length(len(at)+len(block)+len(picture))...)
	m.head = append(append(m.head, at...), block...)
	if _, err := m.out.Write(m.head); err != nil {
		return err
	}
	m.head = m.head[:0]
	_, err := m.out.Write(picture)
	return err
}

// element is an EBML element: ID, length, content.
func element(id uint32, content ...[]byte) []byte {
	body := []byte{}
	for _, part := range content {
		body = append(body, part...)
	}
	out := binary.BigEndian.AppendUint32(nil, id)
	for out[0] == 0 {
		out = out[1:]
	}
	return append(append(out, length(len(body))...), body...)
}

// length is an EBML length of eight bytes.
func length(n int) []byte {
	return binary.BigEndian.AppendUint64(nil, 1<<56|uint64(n))
}

func unsigned(value uint64) []byte { return binary.BigEndian.AppendUint64(nil, value) }
