package media

import (
	"context"
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
	return result, nil
}

// codecs names those of an output of ours as in RFC 6381.
func codecs(streams []stream) string {
	var names []string
	for _, s := range streams {
		name := s.Codec
		switch {
		case s.Codec == "h264" && s.Profile == "High":
			name = fmt.Sprintf("avc1.6400%02x", s.Level) // profile 100, no constraints
		case s.Codec == "aac" && s.Profile == "LC":
			name = "mp4a.40.2"
		}
		names = append(names, name)
	}
	return strings.Join(names, ",")
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
