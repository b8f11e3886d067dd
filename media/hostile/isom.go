package hostile

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
)

func u16(v int) []byte    { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
func u64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// box is a box of an ISO media file (ISO/IEC 14496-12, 4.2).
func box(kind string, parts ...[]byte) []byte {
	body := join(parts...)
	return join(u32(uint32(8+len(body))), []byte(kind), body)
}

// full is a box with a version and flags.
func full(kind string, version byte, flags uint32, parts ...[]byte) []byte {
	return box(kind, append([][]byte{u32(uint32(version)<<24 | flags)}, parts...)...)
}

// still is a JPEG picture of one colour.
func still(w, h int, c color.Color) []byte {
	picture := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			picture.Set(x, y, c)
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, picture, nil); err != nil {
		panic(err) // A buffer takes everything.
	}
	return out.Bytes()
}

// resized writes another size into the header of a JPEG (ITU-T T.81, B.2.2).
func resized(picture []byte, w, h int) []byte {
	out := bytes.Clone(picture)
	at := bytes.Index(out, []byte{0xff, 0xc0})
	copy(out[at+5:], join(u16(h), u16(w)))
	return out
}

var green = color.RGBA{R: 20, G: 160, B: 40, A: 255}

// movie is a QuickTime movie of JPEG pictures, laid by hand so that each of its tables can
// lie. What is zero is healthy: ten frames of 64 x 64 pixels at ten a second.
type movie struct {
	width, height      int // as the headers say
	frame              []byte
	frames             int
	timescale, delta   uint32
	duration           uint64 // of the track, in timescale; version 1 where it needs it
	times              []byte // an stts box instead
	sizes, chunks      []byte // stsz and stsc boxes instead
	reference          []byte // a dref box instead
	edits              []byte // an edts box
	beside, before     []byte // boxes in moov, and behind ftyp
	tracks             int
	entry              []byte // a sample entry instead
	matrix             []byte
	external, headless bool // no mdat; no moov
}

func (m movie) filled() movie {
	if m.width == 0 {
		m.width, m.height = 64, 64
	}
	if m.frame == nil {
		m.frame = still(64, 64, green)
	}
	if m.frames == 0 {
		m.frames = 10
	}
	if m.timescale == 0 {
		m.timescale = 1000
	}
	if m.delta == 0 {
		m.delta = m.timescale / 10
	}
	if m.duration == 0 {
		m.duration = uint64(m.frames) * uint64(m.delta)
	}
	if m.tracks == 0 {
		m.tracks = 1
	}
	return m
}

func (m movie) bytes() []byte {
	m = m.filled()
	head := join(box("ftyp", []byte("qt  \x00\x00\x02\x00qt  ")), m.before)
	data := box("mdat", bytes.Repeat(m.frame, m.frames))
	if m.external {
		data = nil
	}
	moov := m.index(0)
	if m.headless {
		moov = nil
	} else {
		moov = m.index(uint32(len(head) + len(moov) + 8))
	}
	return join(head, moov, data)
}

// index is the moov box of pictures that lie from a place of the file on.
func (m movie) index(at uint32) []byte {
	parts := [][]byte{full("mvhd", 1, 0, u64(0), u64(0), u32(m.timescale), u64(m.duration), u32(0x10000), u16(0x100), make([]byte, 10),
		identity, make([]byte, 24), u32(uint32(m.tracks+1)))}
	for i := range m.tracks {
		parts = append(parts, m.track(uint32(i+1), at))
	}
	return box("moov", append(parts, m.beside)...)
}

var identity = join(u32(0x10000), u32(0), u32(0), u32(0), u32(0x10000), u32(0), u32(0), u32(0), u32(0x40000000))

func (m movie) track(id, at uint32) []byte {
	matrix := identity
	if m.matrix != nil {
		matrix = m.matrix
	}
	header := full("tkhd", 1, 7, u64(0), u64(0), u32(id), u32(0), u64(m.duration), make([]byte, 16), matrix,
		u32(uint32(m.width)<<16), u32(uint32(m.height)<<16))
	media := box("mdia",
		full("mdhd", 1, 0, u64(0), u64(0), u32(m.timescale), u64(m.duration), u32(0x55c40000)),
		full("hdlr", 0, 0, []byte("mhlrvide"), make([]byte, 12), []byte("\x00")),
		box("minf", full("vmhd", 0, 1, make([]byte, 8)), box("dinf", m.places()), m.samples(at)),
	)
	return box("trak", header, m.edits, media)
}

// places says where the pictures lie: in the file itself.
func (m movie) places() []byte {
	if m.reference != nil {
		return m.reference
	}
	return full("dref", 0, 0, u32(1), full("url ", 0, 1))
}

func (m movie) samples(at uint32) []byte {
	entry := m.entry
	if entry == nil {
		entry = box("jpeg", make([]byte, 6), u16(1), make([]byte, 16), u16(m.width), u16(m.height), u32(72<<16), u32(72<<16), u32(0),
			u16(1), make([]byte, 32), u16(24), u16(0xffff))
	}
	or := func(given, usual []byte) []byte {
		if given != nil {
			return given
		}
		return usual
	}
	return box("stbl",
		full("stsd", 0, 0, u32(1), entry),
		or(m.times, full("stts", 0, 0, u32(1), u32(uint32(m.frames)), u32(m.delta))),
		or(m.chunks, full("stsc", 0, 0, u32(1), u32(1), u32(uint32(m.frames)), u32(1))),
		or(m.sizes, full("stsz", 0, 0, u32(uint32(len(m.frame))), u32(uint32(m.frames)))),
		full("stco", 0, 0, u32(1), u32(at)),
	)
}
