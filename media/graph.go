package media

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	ffmpeg "github.com/u2takey/ffmpeg-go"
)

// input opens the video with the demuxer that the probe chose. ffmpeg turns
// the pictures upright before any filter of ours. (With -noautorotate and
// filters of ours instead, ffmpeg 5.1 copies the source's display matrix to
// outputs of a graph with one input, and players would turn them once more.)
func input(path string, info Info, limits Limits, threads int) *ffmpeg.Stream {
	options := ffmpeg.KwArgs{
		"protocol_whitelist": "file,pipe",
		"format_whitelist":   whitelist(info.demuxer),
		"f":                  string(info.demuxer),
		"max_pixels":         strconv.Itoa(padded(limits.MaxPixels)),
		"flags":              exactCrop,
		"itsoffset":          sameClock,
	}
	if threads > 0 {
		options["threads"] = strconv.Itoa(threads)
	}
	if info.turn == (turn{}) && !info.Interlaced && !info.colour.wide || info.turnedBy == byFrames {
		// Where the size changes on the way, as in recordings of calls, scale
		// follows by itself. To build the graph anew would lose the mattes
		// that wait in it; but the filters of the other cases need that. And where
		// only some frames say how they lie, it would be built anew all the time.
		options["reinit_filter"] = "0"
	}
	return ffmpeg.Input("file:"+path, options)
}

// sameClock moves a file's times by a microsecond, in seconds. ffmpeg's clock starts
// with the earliest stream of a file; but in MPEG-TS, MPEG-PS and Windows Media it sets
// it anew to that of the streams in use, as long as nothing else was said of times. So
// a run without the sound would count from another moment than one with it.
const sameClock = "0.000001"

// maxErrorRate is the part of packets whose decoding may fail. ffmpeg goes on
// over errors, guesses what is missing and exits 0; over this rate it exits
// with the status tooManyErrors.
const (
	maxErrorRate  = "0.05"
	tooManyErrors = 69
)

// globals are the options before everything else.
func globals(threads int, errorRate string) []string {
	args := []string{
		"-nostdin", "-hide_banner", "-y", "-loglevel", "error",
		"-max_alloc", strconv.Itoa(maxAlloc),
		"-max_error_rate", errorRate,
		"-progress", "pipe:1", "-stats_period", "0.5",
	}
	if threads > 0 {
		n := strconv.Itoa(half(threads))
		args = append(args, "-filter_threads", n, "-filter_complex_threads", n)
	}
	return args
}

// half is how many threads the filters of a graph and the VP9 encoder get of those of a
// run, which work in step with one another: beside encoders that take every core
// anyway, more of them only take turns more often.
func half(threads int) int { return max(threads/2, 1) }

// picture turns the decoded stream into what is shown: one picture a frame,
// the first at time zero, upright, in square pixels, w x h, 8 bits, BT.709.
func picture(in *ffmpeg.Stream, info Info, w, h int) *ffmpeg.Stream {
	s := info.colour.convert(fromZero(in, info), w, h)
	s = s.Filter("setsar", ffmpeg.Args{"1"})
	s = s.Filter("settb", ffmpeg.Args{info.TimeBase.String()})
	// What the source's frames carry along (a display matrix, HDR metadata)
	// is no longer true of these.
	s = s.Filter("sidedata", ffmpeg.Args{"delete"})
	return s.Filter("setparams", nil, ffmpeg.KwArgs{
		"field_mode": "prog", "range": "tv", "colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709",
	})
}

// colours is picture in rgb24, in one step from the source's colours, which must
// not be wide. To go by way of BT.709 takes half as long again.
func colours(in *ffmpeg.Stream, info Info, w, h int) *ffmpeg.Stream {
	s := fromZero(in, info).Filter("scale", nil, info.colour.scaling(w, h)).Filter("format", ffmpeg.Args{"rgb24"})
	return s.Filter("settb", ffmpeg.Args{info.TimeBase.String()}).Filter("sidedata", ffmpeg.Args{"delete"})
}

// fromZero is the decoded stream upright and with one picture a frame, the first at time zero.
func fromZero(in *ffmpeg.Stream, info Info) *ffmpeg.Stream {
	// Not PTS-STARTPTS, which starts anew where the graph is built anew.
	s := in.Get(strconv.Itoa(info.videoStream)).Filter("setpts", ffmpeg.Args{fmt.Sprintf("PTS-(%d)", info.firstTick)})
	if info.Interlaced {
		// One picture a frame, not one a field, so that frames stay countable.
		options := ffmpeg.KwArgs{"mode": "send_frame", "deint": "interlaced"}
		if info.firstField != "" {
			options["deint"], options["parity"] = "all", info.firstField
		}
		s = s.Filter("bwdif", nil, options)
	}
	if info.turnedBy == byHeader {
		s = info.turn.apply(s)
	}
	return s
}

// scaling are the options of a scale filter to w x h that takes these colours, not wide ones.
func (c colour) scaling(w, h int) ffmpeg.KwArgs {
	options := ffmpeg.KwArgs{"w": w, "h": h}
	if c.matrix != "" {
		options["in_color_matrix"] = c.matrix
	}
	if c.full {
		options["in_range"] = "pc"
	}
	return options
}

// convert scales to w x h and brings the colours to BT.709 in limited range.
func (c colour) convert(s *ffmpeg.Stream, w, h int) *ffmpeg.Stream {
	yuv := func(s *ffmpeg.Stream) *ffmpeg.Stream { return s.Filter("format", ffmpeg.Args{"yuv420p"}) }
	if !c.wide {
		options := c.scaling(w, h)
		options["out_color_matrix"], options["out_range"] = "bt709", "tv"
		if c.matrix != "" && c.matrix != "bt709" {
			// Else every colour would be off by one to two of 255.
			options["flags"] = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
		}
		return yuv(s.Filter("scale", nil, options))
	}
	// Every step names both its ends: ffmpeg 5.1 hangs where zscale has to
	// guess one and fails.
	source := ffmpeg.KwArgs{"w": w, "h": h, "pin": c.primaries, "tin": c.transfer, "min": c.space, "rin": "tv"}
	if c.full {
		source["rin"] = "pc"
	}
	target := ffmpeg.KwArgs{"p": "bt709", "t": "bt709", "m": "bt709", "r": "tv"}
	if hdr(c.transfer) == "" {
		return yuv(s.Filter("zscale", nil, ffmpeg.MergeKwArgs([]ffmpeg.KwArgs{source, target})))
	}
	source["t"], source["p"], source["npl"] = "linear", c.primaries, 100
	if hdr(c.transfer) == "hlg" {
		// It would scale light by channel where HLG does by luminance, which makes
		// colours too strong (ITU-R BT.2100, table 5, on the OOTF). It is slower.
		source["agamma"] = 0
	}
	s = s.Filter("zscale", nil, source).Filter("format", ffmpeg.Args{"gbrpf32le"})
	s = s.Filter("zscale", nil, ffmpeg.KwArgs{"pin": c.primaries, "tin": "linear", "p": "bt709", "t": "linear"})
	s = s.Filter("tonemap", nil, ffmpeg.KwArgs{"tonemap": "hable", "desat": 0})
	target["pin"], target["tin"] = "bt709", "linear"
	return yuv(s.Filter("zscale", nil, target))
}

// branches splits a stream; one branch is the stream itself, which ffmpeg-go
// cannot split.
func branches(s *ffmpeg.Stream, count int) []*ffmpeg.Stream {
	if count == 1 {
		return []*ffmpeg.Stream{s}
	}
	node := s.Split()
	all := []*ffmpeg.Stream{}
	for i := range count {
		all = append(all, node.Get(strconv.Itoa(i)))
	}
	return all
}

// timed are the options by which an output takes every frame once and with
// its exact time.
func timed(info Info) ffmpeg.KwArgs {
	return ffmpeg.KwArgs{
		"fps_mode":        "passthrough",
		"enc_time_base:v": info.TimeBase.colon(),
		"map_metadata":    "-1",
		"map_chapters":    "-1",
	}
}

// lasting gives every frame of an MP4 a length, of which only the last one's counts:
// without it that frame would last one tick, and fall out of the MP4's edit
// list where this is rounded.
func lasting(info Info, rate float64) ffmpeg.KwArgs {
	scale := timescale(info)
	usual := int64(math.Max(1, math.Round(float64(scale)/rate)))
	ticks := strconv.FormatInt(usual, 10)
	if info.VFR && info.ends {
		// As in lastUntil. The encoder's first frame is at zero too.
		end := int64(math.Round(info.Duration * float64(scale)))
		ticks = fmt.Sprintf(`if(between(%d-PTS\,%d\,%d)\,%[1]d-PTS\,%[3]d)`, end, max(1, scale/1000), usual)
	}
	return ffmpeg.KwArgs{"bsf:v": "setts=pts=PTS:dts=DTS:duration=" + ticks}
}

// lastUntil is until when the last frame is shown, which begins at a time; both in seconds. It
// lasts as long as others do on the average; where the rate varies, only until the video ends, if that is sooner.
func lastUntil(info Info, begins float64) float64 {
	until := begins + 1/rate(info)
	if info.VFR && info.ends && info.Duration-begins >= 0.001 {
		until = math.Min(until, info.Duration)
	}
	return until
}

// rate is the average frame rate, 30 when it is unknown.
func rate(info Info) float64 {
	if info.FrameRate <= 0 {
		return 30
	}
	return info.FrameRate
}

// timescale is the unit of time, in parts of a second, of an MP4: a multiple of the source's, chosen
// as ffmpeg does for the track, so that the edit list is exact too.
func timescale(info Info) int64 {
	scale := info.TimeBase.Den
	for scale < 10_000 {
		scale *= 2
	}
	return scale
}

// stamped is the output of the frames' times: a corner of each picture,
// which costs no copy, so that framecrc prints a line a frame.
func stamped(s *ffmpeg.Stream, info Info, pipe int) *ffmpeg.Stream {
	corner := s.Filter("crop", ffmpeg.Args{"2", "2", "0", "0"})
	return output([]*ffmpeg.Stream{corner}, fmt.Sprintf("pipe:%d", pipe), timed(info),
		ffmpeg.KwArgs{"f": "framecrc", "c:v": "rawvideo", "flush_packets": 1})
}

func output(streams []*ffmpeg.Stream, name string, options ...ffmpeg.KwArgs) *ffmpeg.Stream {
	return ffmpeg.Output(streams, name, options...)
}

// groupSeconds is how far apart keyframes are, in seconds; endlessGroup keeps
// an encoder from setting any of its own.
const (
	groupSeconds = 2
	endlessGroup = 1 << 20
)

// keyframes forces one at the first frame in each two seconds. (To count
// them, as in gte(t,n_forced*2), would force one after the other behind a gap.)
func keyframes() string {
	return fmt.Sprintf("expr:if(isnan(prev_forced_t),1,gt(floor(t/%[1]d),floor(prev_forced_t/%[1]d)))", groupSeconds)
}

// playable are the options of a video in H.264 for players on the web, whatever encodes it:
// keyframes 2 s apart, the index in front.
func playable(info Info) ffmpeg.KwArgs {
	return ffmpeg.KwArgs{
		"f": "mp4", "force_key_frames": keyframes(),
		"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709", "color_range": "tv",
		"movflags": "+faststart", "movie_timescale": timescale(info), "video_track_timescale": timescale(info),
		// The encoder counts as the track does: lasting is not rescaled on the way.
		"enc_time_base:v":       Ratio{1, timescale(info)}.colon(),
		"max_muxing_queue_size": 4096,
	}
}

// level is the lowest of the usual levels of H.264 (ITU-T H.264, table A-1) that allows
// pictures of w x h at a rate: by macroblocks a picture and a second, and on a side (A.3.1).
func level(w, h int, rate float64) string {
	blocks := float64((w + 15) / 16 * ((h + 15) / 16))
	side := float64((max(w, h) + 15) / 16)
	for _, l := range []struct {
		name               string
		picture, perSecond float64
	}{{"3.1", 3600, 108_000}, {"4.0", 8192, 245_760}, {"4.2", 8704, 522_240}, {"5.1", 36_864, 983_040}} {
		if blocks <= l.picture && side*side <= 8*l.picture && blocks*math.Round(rate) <= l.perSecond {
			return l.name
		}
	}
	return "5.2"
}

// arguments compiles outputs to ffmpeg's argument list. ffmpeg-go panics on a
// graph that it cannot express, which would be a fault in this package.
func arguments(threads int, info Info, outputs []*ffmpeg.Stream) []string {
	graph := outputs[0]
	if len(outputs) > 1 {
		graph = ffmpeg.MergeOutputs(outputs...)
	}
	return append(globals(threads, info.errorRate()), graph.GetArgs()...)
}

// deadlineFor is the deadline of a run where the plan names none: generous,
// since its use is to end a run that hangs.
func deadlineFor(given time.Duration, info Info) time.Duration {
	if given > 0 {
		return given
	}
	return 15*time.Minute + time.Duration(60*info.Duration*float64(time.Second))
}

// outputPath returns an absolute path in the form that ffmpeg takes for a
// file whatever its name.
func outputPath(path, dir string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", path, err)
	}
	return "file:" + absolute, nil
}

// decimal writes a number of seconds for a filter expression.
func decimal(value float64) string {
	return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(value, 'f', 9, 64), "0"), ".")
}
