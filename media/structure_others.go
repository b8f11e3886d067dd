package media

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/motionmill/motionmill/job"
)

// checkFlash looks at the last four bytes of a Flash video, which say how long the
// part before them is (Video File Format Specification 10, E.3), and at that part.
func checkFlash(file io.ReaderAt, subject string, size int64) error {
	const header, head = 13, 11 // bytes of the file's beginning and of a part's
	cut := cutFile{job.Fail(job.Corrupt, "probe", subject, "is cut off: its last part is not whole", again, nil)}
	length := make([]byte, 4)
	if _, err := file.ReadAt(length, size-4); err != nil || size < header+head+4 {
		return cut
	}
	last := int64(binary.BigEndian.Uint32(length))
	part := make([]byte, 4) // its kind, and the length of its data in three bytes
	if last < head || size-4-last < header {
		return cut
	}
	if _, err := file.ReadAt(part, size-4-last); err != nil || int64(binary.BigEndian.Uint32(part)&0xff_ffff)+head != last {
		return cut
	}
	return nil
}

// asfProperties is the object that holds the length of a Windows Media file (Advanced
// Systems Format specification, 3.2).
const asfProperties = "\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65"

// checkWindows compares the length that a Windows Media file announces with the one it
// has. Objects are 16 bytes of name and 8 of length.
func checkWindows(file io.ReaderAt, subject string, size int64) error {
	const most = 1 << 20 // bytes of the header that are looked at
	head := make([]byte, min(size, most))
	if _, err := file.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s: %w", subject, err)
	}
	if len(head) < 30 {
		return cutShort(subject, "its header", 30, size)
	}
	if length := int64(binary.LittleEndian.Uint64(head[16:])); length > size || length < 30 {
		return cutShort(subject, "its header", length, size)
	}
	for rest := head[30:]; len(rest) >= 24; {
		length := binary.LittleEndian.Uint64(rest[16:])
		if bytes.HasPrefix(rest, []byte(asfProperties)) && len(rest) >= 92 {
			want, live := int64(binary.LittleEndian.Uint64(rest[40:])), rest[88]&1 == 1
			if !live && want > size {
				return cutShort(subject, "its content", want, size)
			}
			return nil
		}
		if length < 24 || length > uint64(len(rest)) {
			return nil // a damaged header is ffprobe's to report
		}
		rest = rest[length:]
	}
	return nil
}

// checkGIF walks the blocks of a GIF (GIF89a specification) to its end, and refuses one
// of a single picture.
func checkGIF(file io.ReaderAt, subject string, size int64) error {
	g := gifBlocks{from: bufio.NewReader(io.NewSectionReader(file, 0, size))}
	pictures, err := g.walk()
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("read %s: %w", subject, err)
	case err != nil:
		return cutShort(subject, "its last block", size+1, size)
	case pictures < 2:
		return job.Fail(job.NotAVideo, "probe", subject, "is a still picture (GIF)", "Upload a video.", nil)
	}
	return nil
}

// gifBlocks reads the blocks of a GIF.
type gifBlocks struct{ from *bufio.Reader }

func (g gifBlocks) skip(n int) error {
	_, err := g.from.Discard(n)
	return err
}

// walk counts the pictures.
func (g gifBlocks) walk() (pictures int, err error) {
	if err := g.skip(10); err != nil { // signature and size
		return 0, err
	}
	if err := g.colours(2); err != nil { // background, aspect
		return 0, err
	}
	for {
		kind, err := g.from.ReadByte()
		if err != nil {
			return pictures, err
		}
		switch kind {
		case ',': // a picture
			pictures++
			if err = g.skip(8); err == nil {
				err = g.colours(1) // the code's size
			}
		case '!': // an extension
			err = g.skip(1)
		case ';':
			return pictures, nil
		default:
			return pictures, io.ErrUnexpectedEOF
		}
		if err == nil {
			err = g.data()
		}
		if err != nil {
			return pictures, err
		}
	}
}

// colours skips a byte of flags, what stands between it and the table of colours or
// behind that, and the table.
func (g gifBlocks) colours(more int) error {
	flags, err := g.from.ReadByte()
	if err != nil {
		return err
	}
	if flags&0x80 != 0 {
		more += 3 << (flags&7 + 1)
	}
	return g.skip(more)
}

// data skips pieces, each behind its length, until one of none.
func (g gifBlocks) data() error {
	for {
		length, err := g.from.ReadByte()
		if err != nil || length == 0 {
			return err
		}
		if err := g.skip(int(length)); err != nil {
			return err
		}
	}
}
