package media

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/motionmill/motionmill/job"
)

// Output is what a finished file holds.
type Output struct {
	// Codecs are as in RFC 6381, "" for a still or an animation.
	Codecs string
	// Width and Height are in pixels.
	Width, Height int
	// Frames is the number of frames, counted.
	Frames int64
	// Duration is in seconds; 0 for a still.
	Duration float64
}

// Inspect reads a video, a still or an animation that this package made: its
// size, and the frames by counting the packets of its video stream.
func (t *Tools) Inspect(ctx context.Context, path string) (Output, error) {
	const op = "inspect"
	subject := filepath.Base(path)
	path, err := filepath.Abs(path)
	if err != nil {
		return Output{}, fmt.Errorf("find %s: %w", subject, err)
	}
	demuxer, err := madeHere(path)
	if err != nil {
		return Output{}, fmt.Errorf("%s %s: %w", op, subject, err)
	}
	if demuxer == webpFile || demuxer == gifFile {
		seen, err := readAnimation(path, demuxer)
		if err != nil {
			return Output{}, job.Fail(job.KindOf(err), op, subject, "it cannot be read", "", err)
		}
		return seen, nil
	}
	p := prober{tools: t, op: op, path: path, subject: subject, demuxer: demuxer, limits: Limits{}.orDefault()}
	out, err := p.list(ctx, "-count_packets", "-show_streams", "-show_format")
	if err != nil {
		return Output{}, err
	}
	at := slices.IndexFunc(out.Streams, func(s stream) bool { return s.Type == "video" })
	if at < 0 {
		return Output{}, job.Fail(job.Internal, op, subject, "holds no video", "", nil)
	}
	s := out.Streams[at]
	result := Output{Width: s.Width, Height: s.Height, Frames: number(s.Packets)}
	if demuxer == jpegFile {
		return result, nil
	}
	result.Codecs = codecs(out.Streams)
	result.Duration = max(seconds(s.Duration), clock(s.Tags["DURATION"]))
	if result.Duration == 0 {
		result.Duration = seconds(out.Format.Duration)
	}
	if demuxer == isoMedia {
		result.Duration, err = shownFor(path)
		if err != nil {
			return Output{}, job.Fail(job.KindOf(err), op, subject, "its index cannot be read", "", err)
		}
	}
	return result, nil
}

// shownFor reads how long the picture of an MP4 of ours is shown, in seconds: the track's
// own length (tkhd, ISO/IEC 14496-12, 8.3.2). That of its samples, which ffprobe gives, is shorter
// where frames are stored in another order than shown and their distance varies.
func shownFor(path string) (float64, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	stat, err := file.Stat()
	if err != nil {
		return 0, err
	}
	for at := int64(0); at < stat.Size(); {
		b, err := readBox(file, at, stat.Size())
		if err != nil || b.end > stat.Size() || b.end < b.body {
			return 0, errBox
		}
		if at = b.end; b.kind != "moov" {
			continue
		}
		if b.end-b.body > 4*maxHeader {
			return 0, fmt.Errorf("a moov has %d bytes", b.end-b.body)
		}
		moov := make([]byte, b.end-b.body)
		if _, err := file.ReadAt(moov, b.body); err != nil {
			return 0, err
		}
		return firstTrack(moov)
	}
	return 0, errors.New("there is no moov")
}

// firstTrack is the length of a film's first track, in seconds.
func firstTrack(moov []byte) (float64, error) {
	header, err := find(moov, "mvhd")
	if err != nil {
		return 0, err
	}
	f := fields{data: header}
	version, _ := f.full()
	f.versioned(version) // created
	f.versioned(version) // changed
	scale := f.u32()
	track, err := find(moov, "trak", "tkhd")
	if err != nil {
		return 0, err
	}
	t := fields{data: track}
	version, _ = t.full()
	t.versioned(version) // created
	t.versioned(version) // changed
	t.skip(8)            // its number, reserved
	length := t.versioned(version)
	if f.failed || t.failed || scale == 0 {
		return 0, errBox
	}
	return float64(length) / float64(scale), nil
}

// codecs names those of an output of ours as in RFC 6381.
func codecs(streams []stream) string {
	var names []string
	for _, s := range streams {
		name := s.Codec
		switch {
		case s.Codec == "h264" && avcProfile(s.Profile) != "":
			name = fmt.Sprintf("avc1.%s%02x", avcProfile(s.Profile), s.Level)
		case s.Codec == "aac" && s.Profile == "LC":
			name = "mp4a.40.2"
		}
		names = append(names, name)
	}
	return strings.Join(names, ",")
}

// avcProfile is a profile of H.264 as in RFC 6381, with the constraints that encoders
// write for it; "" for one that no encoder here makes.
func avcProfile(name string) string {
	switch name {
	case "High":
		return "6400"
	case "Main":
		return "4d40"
	case "Constrained Baseline": // of hardware that does less than it was asked for
		return "42c0"
	}
	return ""
}

// madeHere tells by its first bytes which kind of output a file is.
func madeHere(path string) (container, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	head := make([]byte, 16)
	n, err := file.Read(head)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(string(head[:n]), "\xff\xd8\xff") {
		return jpegFile, nil
	}
	if string(head[:min(n, 4)]) == "GIF8" {
		return gifFile, nil
	}
	if n >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP" {
		return webpFile, nil
	}
	demuxer, ok := known(head[:n])
	if !ok {
		return "", fmt.Errorf("it is no output of ours: it starts with %q", head[:n])
	}
	return demuxer, nil
}
