package media

import (
	"encoding/binary"
	"io"
	"math"
	"os"
)

// The elements of Matroska that say how a picture lies (RFC 9559, 5.1.4.1).
const (
	segmentElement    = 0x18538067
	clusterElement    = 0x1F43B675
	tracksElement     = 0x1654AE6B
	entryElement      = 0xAE
	kindElement       = 0x83
	videoElement      = 0xE0
	projectionElement = 0x7670
	yawElement        = 0x7673
	pitchElement      = 0x7674
	rollElement       = 0x7675
)

// projected reads how the picture of a Matroska file's stream, counted from 0 as ffmpeg
// does, is to be turned. ffmpeg does so itself from version 6 on only. A file that
// cannot be read so far is not turned: the probe tells what is wrong with it.
func projected(path string, number int) turn {
	file, err := os.Open(path)
	if err != nil {
		return turn{}
	}
	defer file.Close()
	tracks, ok := descend(file, 0, math.MaxInt64, segmentElement, tracksElement)
	if !ok {
		return turn{}
	}
	var found turn
	eachElement(file, tracks.body, tracks.end, func(entry ebml) bool {
		if entry.id != entryElement {
			return true
		}
		kind, _ := descend(file, entry.body, entry.end, kindElement)
		switch kind.number(file) {
		case 1, 2, 0x11: // video, sound, subtitles; ffmpeg passes over the others
			number--
		}
		if number >= 0 {
			return true
		}
		if p, ok := descend(file, entry.body, entry.end, videoElement, projectionElement); ok {
			found = p.pose(file)
		}
		return false
	})
	return found
}

// ebml is an element of Matroska's, and where its content lies.
type ebml struct {
	id        uint64
	body, end int64
}

// eachElement calls see for the elements between two places until it returns false, and
// for no more than a header may have.
func eachElement(file io.ReaderAt, at, end int64, see func(ebml) bool) {
	const most = 4096
	for range most {
		id, body, next, err := readElement(file, at)
		if err != nil || id == clusterElement || at >= end {
			return
		}
		if next < 0 {
			next = end // of unknown size: what follows lies in it
		}
		if next < body || !see(ebml{id, body, min(next, end)}) {
			return
		}
		at = next
	}
}

// descend finds the first element at a path.
func descend(file io.ReaderAt, at, end int64, path ...uint64) (found ebml, ok bool) {
	for _, id := range path {
		ok = false
		eachElement(file, at, end, func(e ebml) bool {
			if e.id == id {
				found, ok = e, true
			}
			return !ok
		})
		if !ok {
			return ebml{}, false
		}
		at, end = found.body, found.end
	}
	return found, ok
}

// number reads an unsigned number or a float of 4 or 8 bytes; of what is neither, NaN.
func (e ebml) number(file io.ReaderAt) float64 {
	content := make([]byte, 8)
	size := e.end - e.body
	if size < 1 || size > 8 {
		return math.NaN()
	}
	if _, err := file.ReadAt(content[8-size:], e.body); err != nil {
		return math.NaN()
	}
	value := binary.BigEndian.Uint64(content)
	switch size {
	case 1:
		return float64(value)
	case 4:
		return float64(math.Float32frombits(uint32(value)))
	case 8:
		return math.Float64frombits(value)
	default:
		return math.NaN()
	}
}

// pose is the turn of a projection: first mirrored left to right where the yaw is
// half a turn, then rolled counter-clockwise. Any that is no multiple of a right angle is
// none, as is one that tilts the picture.
func (e ebml) pose(file io.ReaderAt) turn {
	angle := func(id uint64) float64 {
		if found, ok := descend(file, e.body, e.end, id); ok {
			return found.number(file)
		}
		return 0
	}
	yaw, roll := math.Abs(angle(yawElement)), angle(rollElement)
	if angle(pitchElement) != 0 || yaw != 0 && yaw != 180 {
		return turn{}
	}
	var t turn
	switch roll {
	case 90, -270:
		t = turn{transpose: true, vflip: true}
	case 180, -180:
		t = turn{hflip: true, vflip: true}
	case 270, -90:
		t = turn{transpose: true, hflip: true}
	case 0:
	default:
		return turn{}
	}
	if yaw == 180 { // To mirror before transposing is to turn upside down behind it.
		t.hflip, t.vflip = t.hflip != !t.transpose, t.vflip != t.transpose
	}
	return t
}
