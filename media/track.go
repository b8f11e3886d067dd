package media

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// track is a fragmented MP4 of one stream: its header and its fragments.
type track struct {
	// codec is as in RFC 6381, such as "avc1.640028".
	codec string
	// width and height are in pixels, channels of the sound.
	width, height, channels int
	// timescale is how many ticks a second has.
	timescale int64
	// headerBytes is the length of the file's beginning that is its header.
	headerBytes int64
	fragments   []fragment

	// shift is the media time that is shown at zero, in ticks.
	shift int64
	// size and duration are those of samples that do not say their own.
	size     uint32
	duration uint32
}

// fragment is a piece of a track that starts with a keyframe.
type fragment struct {
	// at and bytes are where in the file it lies, key the length from there to
	// the end of its first sample.
	at, bytes, key int64
	// start and end are in ticks: when its first sample is shown, and until
	// when its last one.
	start, end int64
	samples    int64
}

// maxHeader bounds the boxes that are read into memory, in bytes.
const maxHeader = 16 << 20

// readTrack reads the structure of a fragmented MP4 of one track.
func readTrack(path string) (*track, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	stat, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return scanTrack(file, stat.Size())
}

// scanTrack is readTrack for size bytes that can be read at any place.
func scanTrack(file io.ReaderAt, size int64) (*track, error) {
	t := &track{}
	var last *fragment // the one whose data comes next
	for at := int64(0); at < size; {
		b, err := readBox(file, at, size)
		if err != nil || b.end > size || b.end < b.body {
			return nil, errBox
		}
		var body []byte
		if b.kind == "moov" || b.kind == "moof" {
			if b.end-b.body > maxHeader {
				return nil, fmt.Errorf("a %s has %d bytes", b.kind, b.end-b.body)
			}
			body = make([]byte, b.end-b.body)
			if _, err := file.ReadAt(body, b.body); err != nil {
				return nil, err
			}
		}
		switch b.kind {
		case "moov":
			if err := t.readHeader(body); err != nil {
				return nil, err
			}
			t.headerBytes = b.end
		case "moof":
			if last, err = t.addFragment(body, at); err != nil {
				return nil, err
			}
		case "mdat":
			if last == nil {
				return nil, errors.New("there is data without a fragment")
			}
			last.key += b.body - last.at
			last.bytes = b.end - last.at
			last = nil
		}
		at = b.end
	}
	if len(t.fragments) == 0 || last != nil || t.timescale <= 0 {
		return nil, errors.New("there are no whole fragments")
	}
	return t, nil
}

// readHeader reads a moov box.
func (t *track) readHeader(moov []byte) error {
	mdhd, err := find(moov, "trak", "mdia", "mdhd")
	if err != nil {
		return err
	}
	f := fields{data: mdhd}
	version, _ := f.full()
	f.versioned(version) // created
	f.versioned(version) // changed
	t.timescale = int64(f.u32())
	if trex, err := find(moov, "mvex", "trex"); err == nil {
		x := fields{data: trex}
		x.skip(12) // version and flags, track, description
		t.duration, t.size = x.u32(), x.u32()
	}
	if elst, err := find(moov, "trak", "edts", "elst"); err == nil {
		e := fields{data: elst}
		version, _ := e.full()
		if count := e.u32(); count != 1 {
			return fmt.Errorf("an edit list has %d entries", count)
		}
		e.versioned(version) // how long
		t.shift = e.versioned(version)
		f.failed = f.failed || e.failed || t.shift < 0 || t.shift > 1<<30
	}
	stsd, err := find(moov, "trak", "mdia", "minf", "stbl", "stsd")
	if err != nil {
		return err
	}
	if f.failed || len(stsd) < 8 {
		return errBox
	}
	return t.readDescription(stsd[8:])
}

// readDescription reads the first entry of an stsd box: what a player needs to
// know of the codec.
func (t *track) readDescription(entries []byte) error {
	all, err := parts(entries)
	if err != nil || len(all) == 0 {
		return errBox
	}
	f := fields{data: all[0].body}
	f.skip(8) // reserved, the index of the data's place
	switch all[0].kind {
	case "avc1":
		f.skip(16)
		t.width, t.height = f.u16(), f.u16()
		f.skip(50)
		config, err := find(f.data, "avcC")
		if err != nil || len(config) < 4 {
			return errBox
		}
		t.codec = "avc1." + hex.EncodeToString(config[1:4]) // profile, constraints, level
	case "mp4a":
		f.skip(8)
		t.channels = f.u16()
		f.skip(10)
		config, err := find(f.data, "esds")
		if err != nil {
			return err
		}
		object, err := audioObject(config)
		if err != nil {
			return err
		}
		t.codec = fmt.Sprintf("mp4a.40.%d", object)
	default:
		return fmt.Errorf("the codec is %q", strings.ToValidUTF8(all[0].kind, "?"))
	}
	if f.failed {
		return errBox
	}
	return nil
}

// audioObject finds the type of the audio object in an esds box: descriptors
// within each other (ISO/IEC 14496-1, 7.2.6; 14496-3, 1.6.2.1).
func audioObject(esds []byte) (int, error) {
	f := fields{data: esds}
	f.full()
	for !f.failed {
		tag := f.u8()
		for length := f.u8(); length&0x80 != 0 && !f.failed; {
			length = f.u8()
		}
		switch tag {
		case 3: // the stream's
			f.skip(2)
			if flags := f.u8(); flags != 0 {
				return 0, fmt.Errorf("a descriptor has flags %#x", flags)
			}
		case 4: // the decoder's
			f.skip(13)
		case 5: // the codec's own
			object := f.u8() >> 3
			if f.failed || object == 0 || object == 31 {
				return 0, errBox
			}
			return object, nil
		default:
			return 0, errBox
		}
	}
	return 0, errBox
}

// addFragment reads a moof box that lies at a place of the file. Until its data
// is seen, key is the size of the first sample alone.
func (t *track) addFragment(moof []byte, at int64) (*fragment, error) {
	traf, err := find(moof, "traf")
	if err != nil {
		return nil, err
	}
	all, err := parts(traf)
	if err != nil {
		return nil, err
	}
	frag := fragment{at: at}
	run := sampleRun{size: t.size, duration: t.duration}
	stored := int64(0) // when the first sample is to be decoded
	for _, p := range all {
		f := fields{data: p.body}
		version, flags := f.full()
		switch p.kind {
		case "tfhd":
			run.readDefaults(&f, flags)
		case "tfdt":
			stored = f.versioned(version) - t.shift
		case "trun":
			if frag.samples > 0 {
				return nil, errors.New("a fragment has two runs of samples")
			}
			frag.samples, frag.key = run.read(&f, flags)
		}
		if f.failed {
			return nil, errBox
		}
	}
	frag.start, frag.end = stored+run.first, stored+run.last
	if frag.samples == 0 || frag.end <= frag.start {
		return nil, errors.New("a fragment has no samples, or they have no length")
	}
	t.fragments = append(t.fragments, frag)
	return &t.fragments[len(t.fragments)-1], nil
}

// sampleRun reads a trun box.
type sampleRun struct {
	size, duration uint32
	// first is when the first sample is shown, last until when the last one,
	// in ticks from when the first is to be decoded.
	first, last int64
}

// readDefaults reads a tfhd box.
func (r *sampleRun) readDefaults(f *fields, flags uint32) {
	f.skip(4) // track
	for _, field := range []struct {
		flag  uint32
		bytes int
		to    *uint32
	}{{0x1, 8, nil}, {0x2, 4, nil}, {0x8, 4, &r.duration}, {0x10, 4, &r.size}, {0x20, 4, nil}} {
		if flags&field.flag == 0 {
			continue
		}
		if value := uint32(f.take(field.bytes)); field.to != nil {
			*field.to = value
		}
	}
}

// read counts the samples, and gives the size of the first.
func (r *sampleRun) read(f *fields, flags uint32) (count, firstSize int64) {
	count = int64(f.u32())
	for _, flag := range []uint32{0x1, 0x4} { // where the data lies; flags of the first
		if flags&flag != 0 {
			f.skip(4)
		}
	}
	if flags&0xf00 == 0 {
		r.last = int64(r.duration) * count
		return count, int64(r.size)
	}
	latest, length := int64(0), int64(0)
	for i, at := int64(0), int64(0); i < count && !f.failed; i, at = i+1, at+length {
		size, offset := r.size, int64(0)
		length = int64(r.duration)
		if flags&0x100 != 0 {
			length = int64(f.u32())
		}
		if flags&0x200 != 0 {
			size = f.u32()
		}
		if flags&0x400 != 0 {
			f.skip(4)
		}
		if flags&0x800 != 0 {
			offset = int64(int32(f.u32())) // signed in version 1, and never so large in 0
		}
		if i == 0 {
			r.first, firstSize = offset, int64(size)
		}
		latest = max(latest, at+offset)
	}
	r.last = latest + length
	return count, firstSize
}
