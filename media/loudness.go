package media

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/motionmill/motionmill/job"
)

// Loudness is how loud a sound is (ITU-R BS.1770, EBU R 128), and how loud it
// is to be.
type Loudness struct {
	// Target is the loudness that is wanted, Integrated the one that was
	// measured over all, in LUFS.
	Target, Integrated float64
	// Peak is the highest true peak in dBTP, Range the loudness range in LU,
	// Threshold the gate in LUFS.
	Peak, Range, Threshold float64
}

const (
	// highestPeak is what a levelled sound may reach, in dBTP: AAC adds a little.
	highestPeak = -1.5
	// silence is the loudness under which there is nothing to level: to raise
	// that would be to raise noise. In LUFS.
	silence = -50
	// stereo mixes a sound as it is encoded.
	stereo = "aformat=channel_layouts=stereo"
)

// Silent tells that there is nothing to be levelled.
func (l Loudness) Silent() bool { return l.Integrated < silence || math.IsNaN(l.Integrated) }

// Loudness measures the sound of a video that has some. The result has no
// Target yet.
func (t *Tools) Loudness(ctx context.Context, input string, info Info) (Loudness, Usage, error) {
	const op = "measure the loudness of"
	subject := filepath.Base(input)
	if info.demuxer == "" || !info.Audio {
		return Loudness{}, Usage{}, job.Fail(job.Internal, op, subject, "the probe saw no sound", "", nil)
	}
	path, err := filepath.Abs(input)
	if err != nil {
		return Loudness{}, Usage{}, fmt.Errorf("find %s: %w", subject, err)
	}
	args := append([]string{"-nostdin", "-nostats", "-loglevel", "info", "-max_error_rate", info.errorRate()}, confined(info.demuxer, Limits{}.orDefault())...)
	args = append(args, "-vn", "-i", "file:"+path, "-map", "0:"+strconv.Itoa(info.audioStream), "-map_metadata", "-1",
		"-af", "aresample=48000:async=1,"+stereo+",loudnorm=print_format=json", "-f", "null", "-")
	p, err := t.start(ctx, command{
		path: t.ffmpeg, args: args, dir: "/", deadline: deadlineFor(0, info), op: op, subject: subject, input: path,
	})
	if err != nil {
		return Loudness{}, Usage{}, err
	}
	usage, err := p.wait()
	if err != nil {
		return Loudness{}, usage, err
	}
	l, err := readLoudness(usage.Warnings)
	if err != nil {
		return Loudness{}, usage, p.wrap(p.fail(job.Internal, "the measurement cannot be read", ""), err)
	}
	usage.Warnings = nil
	return l, usage, nil
}

// readLoudness takes the measurement from the last lines that ffmpeg wrote.
func readLoudness(lines []string) (Loudness, error) {
	text := strings.Join(lines, "\n")
	from, to := strings.LastIndex(text, "{"), strings.LastIndex(text, "}")
	if from < 0 || to < from {
		return Loudness{}, fmt.Errorf("ffmpeg printed no measurement")
	}
	var printed struct {
		Integrated string `json:"input_i"`
		Peak       string `json:"input_tp"`
		Range      string `json:"input_lra"`
		Threshold  string `json:"input_thresh"`
	}
	if err := json.Unmarshal([]byte(text[from:to+1]), &printed); err != nil {
		return Loudness{}, fmt.Errorf("read the measurement: %w", err)
	}
	var l Loudness
	for _, field := range []struct {
		to   *float64
		text string
	}{{&l.Integrated, printed.Integrated}, {&l.Peak, printed.Peak}, {&l.Range, printed.Range}, {&l.Threshold, printed.Threshold}} {
		value, err := strconv.ParseFloat(field.text, 64)
		if err != nil || math.IsNaN(value) {
			return Loudness{}, fmt.Errorf("read %q in the measurement", field.text)
		}
		*field.to = value
	}
	return l, nil
}

// filter is the part of an audio chain that brings the sound to the target. A gain
// does where the peaks allow it, and changes nothing else; where they do not,
// loudnorm rides the level, of the two channels that were measured: in the source's own
// both the loudness and the peaks are others.
func (l Loudness) filter() string {
	gain := l.Target - l.Integrated
	switch {
	case l.Silent():
		return "anull"
	case l.Peak+gain <= highestPeak:
		return "volume=" + decibels(gain) + "dB"
	default:
		return fmt.Sprintf(stereo+",loudnorm=I=%s:TP=%s:LRA=%s:measured_I=%s:measured_TP=%s:measured_LRA=%s:measured_thresh=%s,aresample=48000",
			decibels(l.Target), decibels(highestPeak), decibels(math.Min(math.Max(l.Range, 1), 11)),
			decibels(l.Integrated), decibels(l.Peak), decibels(l.Range), decibels(l.Threshold))
	}
}

func decibels(value float64) string { return strconv.FormatFloat(value, 'f', 2, 64) }
