package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"

	"github.com/motionmill/motionmill/job"
)

// again is the remedy for a file that was cut.
const again = "Upload it again in full."

// checkStructure reads the outermost elements of a file and refuses one that
// is cut off or encrypted. A demuxer would open many such files, and a
// decoder would end without an error where the bytes do.
func checkStructure(c container, path, subject string, size int64) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open %s: %w", subject, err)
	}
	defer file.Close()
	switch c {
	case isoMedia:
		return checkBoxes(file, subject, size)
	case matroska:
		return checkSegment(file, subject, size)
	case avi:
		return checkRIFF(file, subject, size)
	case flash:
		return checkFlash(file, subject, size)
	case windows:
		return checkWindows(file, subject, size)
	case gifFile:
		return checkGIF(file, subject, size)
	default:
		return nil
	}
}

func cutShort(subject, what string, want, have int64) error {
	finding := fmt.Sprintf("is cut off: %s ends at byte %d, the file at %d", what, want, have)
	return cutFile{job.Fail(job.Corrupt, "probe", subject, finding, again, nil)}
}

// checkBoxes walks the top-level boxes (ISO/IEC 14496-12, 4.2).
func checkBoxes(file io.ReaderAt, subject string, size int64) error {
	indexed := false
	index := isoIndex{file: file, subject: subject}
	for offset := int64(0); offset < size; {
		box, err := readBox(file, offset, size)
		if errors.Is(err, io.EOF) {
			break // a few stray bytes behind the last box harm nothing
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", subject, err)
		}
		if box.end > size || box.end < box.body {
			if !box.printable() {
				break // rubbish behind the last box
			}
			return cutShort(subject, "its part "+box.kind, box.end, size)
		}
		if err = index.count(); err == nil && box.kind == "moov" {
			indexed, err = true, index.movie(box)
		} else if err == nil && box.kind == "moof" {
			err = index.fragment(box)
		}
		if err != nil {
			return err
		}
		offset = box.end
	}
	if !indexed {
		return job.Fail(job.Corrupt, "probe", subject, "its index (moov) is missing: the file is not whole", again, nil)
	}
	return nil
}

// box is one box of an ISO media file: its type and where its content lies.
type box struct {
	kind      string
	body, end int64
}

func (b box) printable() bool {
	for _, r := range b.kind {
		if r < ' ' || r > '~' {
			return false
		}
	}
	return true
}

// readBox reads the header at an offset. The last box may say that it goes on
// to the end (size 0).
func readBox(file io.ReaderAt, offset, end int64) (box, error) {
	head := make([]byte, 16)
	n, err := file.ReadAt(head, offset)
	if n < 8 {
		if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		return box{}, err
	}
	b := box{kind: string(head[4:8]), body: offset + 8}
	switch size := int64(binary.BigEndian.Uint32(head)); {
	case size == 0:
		b.end = end
	case size == 1 && n == 16:
		b.body = offset + 16
		b.end = offset + int64(binary.BigEndian.Uint64(head[8:])) // a negative one is refused by the caller
	default:
		b.end = offset + size
	}
	return b, nil
}

func encrypted(subject string) error {
	return job.Fail(job.Unsupported, "probe", subject, "its video is encrypted", "Export it without protection.", nil)
}

// checkSegment compares the size that a Matroska file announces (RFC 8794,
// RFC 9559) with the one it has.
func checkSegment(file io.ReaderAt, subject string, size int64) error {
	offset := int64(0)
	for range 8 { // the EBML header, perhaps padding, the segment
		id, body, end, err := readElement(file, offset)
		if err != nil {
			return cutShort(subject, "its header", offset+12, size)
		}
		if id == segmentElement {
			if end > size {
				return cutShort(subject, "its segment", end, size)
			}
			return checkBeside(file, subject, body, size)
		}
		if end < body {
			return nil
		}
		offset = end
	}
	return nil
}

// checkBeside adds up what a segment holds beside its clusters: demuxers keep it in memory.
// What follows a cluster of unknown size is not looked at.
func checkBeside(file io.ReaderAt, subject string, offset, size int64) error {
	sum := int64(0)
	for count := 0; offset < size; count++ {
		id, body, end, err := readElement(file, offset)
		if err != nil || end < body {
			return nil // Damaged, or of unknown size: ffprobe's to report.
		}
		if count > maxParts {
			return job.Fail(job.OverLimit, "probe", subject, fmt.Sprintf("consists of more than %d parts", maxParts), export, nil)
		}
		if id != clusterID && id != voidID {
			sum += end - body
		}
		if sum > maxIndex {
			return tooMuch(subject, "tags, attachments and tables", sum)
		}
		offset = end
	}
	return nil
}

// The elements of a segment that demuxers do not keep (RFC 9559, 5.1.3; RFC 8794, 11.3.2).
const (
	clusterID = 0x1f43b675
	voidID    = 0xec
)

func tooMuch(subject, what string, bytes int64) error {
	return job.Fail(job.OverLimit, "probe", subject, fmt.Sprintf("has %s of %d bytes, more than the limit of %d", what, bytes, maxIndex), export, nil)
}

// readElement reads the ID and the size of an EBML element. An unknown size
// gives an end of -1.
func readElement(file io.ReaderAt, offset int64) (id uint64, body, end int64, err error) {
	head := make([]byte, 12)
	n, err := file.ReadAt(head, offset)
	head = head[:n]
	id, idLength, _ := readVint(head, false)
	if idLength == 0 {
		return 0, 0, 0, errors.Join(io.ErrUnexpectedEOF, err)
	}
	size, sizeLength, unknown := readVint(head[idLength:], true)
	if sizeLength == 0 {
		return 0, 0, 0, errors.Join(io.ErrUnexpectedEOF, err)
	}
	body = offset + int64(idLength+sizeLength)
	if unknown {
		return id, body, -1, nil
	}
	return id, body, body + int64(size), nil
}

// readVint reads a variable-length integer, without its length marker when
// strip is set; unknown tells that all its bits are ones. A length of 0 means
// that there is none.
func readVint(data []byte, strip bool) (value uint64, length int, unknown bool) {
	if len(data) == 0 || data[0] == 0 {
		return 0, 0, false
	}
	length = bits.LeadingZeros8(data[0]) + 1
	if len(data) < length {
		return 0, 0, false
	}
	for _, b := range data[:length] {
		value = value<<8 | uint64(b)
	}
	mask := uint64(1)<<(7*length) - 1
	unknown = value&mask == mask
	if strip {
		value &= mask
	}
	return value, length, unknown
}

// checkRIFF compares the size in an AVI file's header with the file's.
func checkRIFF(file io.ReaderAt, subject string, size int64) error {
	head := make([]byte, 8)
	if _, err := file.ReadAt(head, 0); err != nil {
		return cutShort(subject, "its header", 12, size)
	}
	for offset, count := int64(12), 0; offset+8 <= size && count < maxParts; count++ {
		if _, err := file.ReadAt(head, offset); err != nil {
			return fmt.Errorf("read %s: %w", subject, err)
		}
		length := int64(binary.LittleEndian.Uint32(head[4:]))
		switch kind := string(head[:4]); {
		case kind == "RIFF": // A large file consists of several.
			length = 4
		case kind == "idx1" && length > maxIndex:
			return tooMuch(subject, "an index", length)
		}
		offset += 8 + length + length%2
	}
	if _, err := file.ReadAt(head, 0); err != nil {
		return fmt.Errorf("read %s: %w", subject, err)
	}
	// 0 and all ones are left by recorders that never came back to fill it in.
	if want := int64(binary.LittleEndian.Uint32(head[4:])); want != 0 && want != 1<<32-1 && want+8 > size {
		return cutShort(subject, "its content", want+8, size)
	}
	return nil
}
