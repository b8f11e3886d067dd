package media

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/motionmill/motionmill/job"
)

// container is one of the file formats that are accepted. Its value is the
// name of ffmpeg's demuxer, which is forced: ffmpeg never guesses, so that a
// playlist named .mp4 is not followed.
type container string

const (
	isoMedia   container = "mov" // MP4, MOV, 3GP
	matroska   container = "matroska"
	avi        container = "avi"
	transport  container = "mpegts"
	programmed container = "mpeg"
	flash      container = "flv"
	windows    container = "asf"       // WMV
	jpegFile   container = "jpeg_pipe" // posters of ours; never an input
	webpFile   container = "webp"      // previews of ours, which ffmpeg does not read
	gifFile    container = "gif"
)

// label is the container's name for people and the manifest.
func (c container) label() string {
	switch c {
	case isoMedia:
		return "mp4"
	case programmed:
		return "mpeg-ps"
	case jpegFile:
		return "jpeg"
	default:
		return string(c)
	}
}

// asfHeader is the object that a Windows Media file begins with (Advanced Systems
// Format specification, 3.1).
const asfHeader = "\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"

// boxTypes can stand first in an ISO media file.
var boxTypes = [...]string{"ftyp", "moov", "mdat", "free", "skip", "wide", "pnot", "styp", "moof", "sidx"}

// magics are the first bytes of files that are not accepted, with the reason.
var magics = [...]struct {
	prefix  string
	kind    job.Kind
	finding string
}{
	{"#EXTM3U", job.NotAVideo, "is a playlist (HLS), which holds no video itself"},
	{"ffconcat", job.NotAVideo, "is a playlist (ffconcat), which holds no video itself"},
	{"version https://git-lfs", job.NotAVideo, "is a Git LFS pointer, not the file that it stands for"},
	{"\x89PNG", job.NotAVideo, "is a PNG picture"},
	{"\xff\xd8\xff", job.NotAVideo, "is a JPEG picture"},
	{"%PDF", job.NotAVideo, "is a PDF document"},
	{"PK\x03\x04", job.NotAVideo, "is a ZIP archive"},
	{"ID3", job.NotAVideo, "has no video stream: it is MP3 audio"},
	{"\xff\xfb", job.NotAVideo, "has no video stream: it is MP3 audio"},
	{"fLaC", job.NotAVideo, "has no video stream: it is FLAC audio"},
	{"OggS", job.Unsupported, "is an Ogg file, which is not supported"},
	{".RMF", job.Unsupported, "is a RealMedia file, which is not supported"},
	{"\x06\x0e\x2b\x34", job.Unsupported, "is an MXF file, which is not supported"},
}

// sniff decides from a file's first bytes which container it is, or gives the
// typed error.
func sniff(path, subject string) (container, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", subject, err)
	}
	defer file.Close()
	head := make([]byte, 1024)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read %s: %w", subject, err)
	}
	head = head[:n]
	if c, ok := known(head); ok {
		return c, stillPicture(head, subject)
	}
	kind, finding := job.NotAVideo, "is not a video file"
	for _, magic := range magics {
		if bytes.HasPrefix(head, []byte(magic.prefix)) {
			kind, finding = magic.kind, magic.finding
		}
	}
	switch {
	case finding != "is not a video file":
	case bytes.HasPrefix(head, []byte("RIFF")) && bytes.Contains(head[:min(n, 12)], []byte("WAVE")):
		finding = "has no video stream: it is WAV audio"
	case bytes.Contains(head, []byte("<MPD")):
		finding = "is a playlist (DASH), which holds no video itself"
	case isText(head):
		finding = "is a text file"
	}
	remedy := "Upload the video itself, as MP4 with H.264."
	if kind == job.Unsupported {
		remedy = export
	}
	return "", job.Fail(kind, "probe", subject, finding, remedy, nil)
}

// known matches the first bytes with the containers that are accepted.
func known(head []byte) (container, bool) {
	at := func(offset int, text string) bool {
		return len(head) >= offset+len(text) && string(head[offset:offset+len(text)]) == text
	}
	for _, box := range boxTypes {
		if at(4, box) {
			return isoMedia, true
		}
	}
	switch {
	case at(0, "\x1a\x45\xdf\xa3"):
		return matroska, true
	case at(0, "RIFF") && at(8, "AVI "):
		return avi, true
	case at(0, "\x47") && at(188, "\x47") && at(376, "\x47"):
		return transport, true
	case at(4, "\x47") && at(196, "\x47") && at(388, "\x47"): // with time codes (M2TS)
		return transport, true
	case at(0, "\x00\x00\x01\xba"):
		return programmed, true
	case at(0, "FLV\x01"):
		return flash, true
	case at(0, asfHeader):
		return windows, true
	case at(0, "GIF87a"), at(0, "GIF89a"):
		return gifFile, true
	}
	return "", false
}

// stillPicture refuses the pictures that share MP4's container.
func stillPicture(head []byte, subject string) error {
	if len(head) < 12 || string(head[4:8]) != "ftyp" {
		return nil
	}
	switch brand := string(head[8:12]); brand {
	case "heic", "heix", "mif1", "avif":
		return job.Fail(job.NotAVideo, "probe", subject, "is a still picture ("+brand+")", "Upload a video.", nil)
	case "M4A ", "M4B ":
		return job.Fail(job.NotAVideo, "probe", subject, "has no video stream: it is AAC audio", "Upload a video.", nil)
	}
	return nil
}

func isText(head []byte) bool {
	for len(head) > 0 {
		r, size := utf8.DecodeRune(head)
		if r == utf8.RuneError && size == 1 && len(head) >= utf8.UTFMax || r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		head = head[size:]
	}
	return true
}
