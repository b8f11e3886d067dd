package media

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/motionmill/motionmill/job"
)

// Output is what a finished file holds.
type Output struct {
	// Width and Height are in pixels.
	Width, Height int
	// Frames is the number of frames, counted.
	Frames int64
	// Duration is in seconds; 0 for a still.
	Duration float64
}

// Inspect reads a video or a still that this package made: its size, and the
// frames by counting the packets of its video stream.
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
	p := prober{tools: t, op: op, path: path, subject: subject, demuxer: demuxer, limits: Limits{}.orDefault()}
	out, err := p.list(ctx, "-select_streams", "v:0", "-count_packets", "-show_streams", "-show_format")
	if err != nil {
		return Output{}, err
	}
	if len(out.Streams) == 0 {
		return Output{}, job.Fail(job.Internal, op, subject, "holds no video", "", nil)
	}
	s := out.Streams[0]
	result := Output{Width: s.Width, Height: s.Height, Frames: number(s.Packets)}
	if demuxer != jpegFile {
		result.Duration = max(seconds(s.Duration), clock(s.Tags["DURATION"]))
		if result.Duration == 0 {
			result.Duration = seconds(out.Format.Duration)
		}
	}
	return result, nil
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
	demuxer, ok := known(head[:n])
	if !ok {
		return "", fmt.Errorf("it is no output of ours: it starts with %q", head[:n])
	}
	return demuxer, nil
}
