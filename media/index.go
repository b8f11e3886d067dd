package media

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"

	"github.com/motionmill/motionmill/job"
)

// What an index may hold. A demuxer makes some dozens of bytes of a sample that the file
// names in none: without a bound, a file of a kilobyte takes all memory.
const (
	// maxIndex is the size of an index (moov), and of what lies beside the pictures in
	// Matroska, in bytes: two hours in sixty streams have less.
	maxIndex = 64 << 20
	// maxIndexed is the number of samples of all tracks; two hours of video at 60 frames a
	// second with sound have 800,000.
	maxIndexed = 4_000_000
	// maxParts is the number of boxes or elements.
	maxParts = 1_000_000
	// maxEdits is the number of entries of an edit list.
	maxEdits = 10_000
)

// isoIndex reads the index of an ISO media file (ISO/IEC 14496-12) as far as tells whether a
// demuxer can be let at it.
type isoIndex struct {
	file    io.ReaderAt
	subject string
	parts   int
	samples int64
}

func (x *isoIndex) over(finding string, values ...any) error {
	return job.Fail(job.OverLimit, "probe", x.subject, fmt.Sprintf(finding, values...), export, nil)
}

func (x *isoIndex) elsewhere() error {
	return job.Fail(job.Unsupported, "probe", x.subject, "its pictures lie in another file", "Export it as a file of its own.", nil)
}

// count takes one more part.
func (x *isoIndex) count() error {
	if x.parts++; x.parts > maxParts {
		return x.over("consists of more than %d parts", maxParts)
	}
	return nil
}

// each visits the boxes within one. What is damaged is the demuxer's to report.
func (x *isoIndex) each(parent box, visit func(b box) error) error {
	for offset := parent.body; offset < parent.end; {
		b, err := readBox(x.file, offset, parent.end)
		if err != nil || b.end > parent.end || b.end < b.body {
			return nil
		}
		if err := x.count(); err != nil {
			return err
		}
		if err := visit(b); err != nil {
			return err
		}
		offset = b.end
	}
	return nil
}

// start returns the first bytes of a box's content, fewer where it has fewer.
func (x *isoIndex) start(b box, length int) fields {
	data := make([]byte, min(int64(length), b.end-b.body))
	n, _ := x.file.ReadAt(data, b.body) // What is missing fails in the fields.
	return fields{data: data[:n]}
}

// movie checks a moov box.
func (x *isoIndex) movie(moov box) error {
	if size := moov.end - moov.body; size > maxIndex {
		return tooMuch(x.subject, "an index", size)
	}
	return x.each(moov, func(b box) error {
		switch b.kind {
		case "trak":
			return x.track(b)
		case "rmra":
			return x.elsewhere()
		case "cmov":
			return x.unpack(b)
		}
		return nil
	})
}

// unpack checks an index that is compressed (QuickTime File Format, compressed movie
// resources).
func (x *isoIndex) unpack(cmov box) error {
	return x.each(cmov, func(b box) error {
		if b.kind != "cmvd" {
			return nil
		}
		f := x.start(b, 4)
		if says := f.u32(); says > maxIndex {
			return x.over("has an index that unpacks to %d bytes, more than the limit of %d", says, maxIndex)
		}
		packed, err := zlib.NewReader(io.NewSectionReader(x.file, b.body+4, b.end-b.body-4))
		if err != nil {
			return nil // Damaged: see each.
		}
		plain, _ := io.ReadAll(io.LimitReader(packed, maxIndex)) // Damaged at its end: see each.
		inner := isoIndex{file: bytes.NewReader(plain), subject: x.subject, parts: x.parts}
		return inner.each(box{end: int64(len(plain))}, func(b box) error {
			if b.kind != "moov" {
				return nil
			}
			return inner.each(b, func(b box) error {
				switch b.kind {
				case "trak":
					return inner.track(b)
				case "cmov":
					return inner.over("has an index that is packed twice")
				}
				return nil
			})
		})
	})
}

// isoTrack is what is gathered of a track.
type isoTrack struct {
	kind    string // of its handler: vide, soun, or another's ""
	samples int64
	// external tells that its data lies elsewhere, single that its one table of times, of those that
	// there are, gives each sample a tick.
	external, single bool
	tables           int
}

// maxDepth is how deep boxes of a track may lie in each other; demuxers stop before.
const maxDepth = 12

// track checks a trak box.
func (x *isoIndex) track(trak box) error {
	var t isoTrack
	if err := x.gather(trak, &t, 0); err != nil {
		return err
	}
	if t.kind == "vide" && t.external {
		return x.elsewhere()
	}
	if t.kind == "soun" && t.single {
		return nil // Uncompressed, with a tick a sample: it is read by chunks.
	}
	return x.add(t.samples)
}

// gather reads the boxes of a track.
func (x *isoIndex) gather(parent box, t *isoTrack, depth int) error {
	return x.each(parent, func(b box) error {
		f := x.start(b, 16)
		if err := x.fits(b, f); err != nil {
			return err
		}
		switch b.kind {
		case "mdia", "minf", "stbl", "dinf", "edts":
			if depth < maxDepth {
				return x.gather(b, t, depth+1)
			}
		case "hdlr":
			f.skip(8)
			// QuickTime has a second one, of the data's place.
			if kind := string(f.data[:min(4, len(f.data))]); kind == "vide" || kind == "soun" {
				t.kind = kind
			}
		case "elst":
			f.full()
			if count := f.u32(); count > maxEdits {
				return x.over("has an edit list of %d entries, more than the limit of %d", count, maxEdits)
			}
		case "dref":
			t.external = t.external || x.external(b)
		case "stsz", "stz2":
			f.skip(8)
			t.samples = max(t.samples, int64(f.u32()))
		case "stts":
			f.full()
			one := f.u32() == 1
			f.skip(4)
			t.single = t.tables == 0 && one && f.u32() == 1
			t.tables++
		case "stsd":
			entry, err := readBox(x.file, b.body+8, b.end) // behind version, flags and count
			if err == nil && entry.kind == "encv" {
				return encrypted(x.subject)
			}
		}
		return nil
	})
}

// fits compares how many entries a table announces with its size: a demuxer makes room before it
// reads them.
func (x *isoIndex) fits(b box, f fields) error {
	size := int64(0) // of an entry, in bytes
	switch b.kind {
	case "stco", "stss":
		size = 4
	case "stts", "ctts", "co64":
		size = 8
	case "stsc":
		size = 12
	default:
		return nil
	}
	f.full()
	if count := int64(f.u32()); !f.failed && count*size > b.end-b.body-8 {
		return job.Fail(job.Corrupt, "probe", x.subject,
			fmt.Sprintf("a table of its index (%s) announces %d entries and has room for %d", b.kind, count, (b.end-b.body-8)/size), export, nil)
	}
	return nil
}

// external tells whether a dref box (8.7.2) names a place other than the file itself.
func (x *isoIndex) external(dref box) (found bool) {
	dref.body += 8 // version, flags, count
	_ = x.each(dref, func(b box) error {
		f := x.start(b, 16)
		_, flags := f.full()
		found = found || flags&1 == 0 && !f.failed && len(bytes.Trim(f.data, "\x00")) > 0
		return nil
	}) // It fails only of too many parts, as the next one then will.
	return found
}

func (x *isoIndex) add(samples int64) error {
	if x.samples += samples; x.samples > maxIndexed {
		return x.over("has an index of %d samples, more than the limit of %d", x.samples, maxIndexed)
	}
	return nil
}

// fragment checks a moof box.
func (x *isoIndex) fragment(moof box) error {
	return x.each(moof, func(b box) error {
		if b.kind != "traf" {
			return nil
		}
		return x.each(b, func(b box) error {
			if b.kind != "trun" {
				return nil
			}
			f := x.start(b, 8)
			f.full()
			return x.add(int64(f.u32()))
		})
	})
}
