package media

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media/sandbox"
)

// maxListing bounds what ffprobe may print, in bytes.
const maxListing = 4 << 20

// listing is ffprobe's JSON, as far as it is read here.
type listing struct {
	Streams []stream `json:"streams"`
	Frames  []frame  `json:"frames"`
	Format  struct {
		StartTime string `json:"start_time"`
		Duration  string `json:"duration"`
	} `json:"format"`
}

type stream struct {
	Index       int    `json:"index"`
	Type        string `json:"codec_type"`
	Codec       string `json:"codec_name"`
	Tag         string `json:"codec_tag_string"`
	Profile     string `json:"profile"`
	Level       int    `json:"level"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	PixelFormat string `json:"pix_fmt"`
	SampleRate  string `json:"sample_rate"`
	SAR         string `json:"sample_aspect_ratio"`
	Range       string `json:"color_range"`
	Space       string `json:"color_space"`
	Transfer    string `json:"color_transfer"`
	Primaries   string `json:"color_primaries"`
	FieldOrder  string `json:"field_order"`
	Rate        string `json:"r_frame_rate"`
	AverageRate string `json:"avg_frame_rate"`
	TimeBase    string `json:"time_base"`
	Duration    string `json:"duration"`
	Frames      string `json:"nb_frames"`
	Packets     string `json:"nb_read_packets"`
	Disposition struct {
		Default    int `json:"default"`
		Cover      int `json:"attached_pic"`
		Thumbnails int `json:"timed_thumbnails"`
	} `json:"disposition"`
	Tags     map[string]string `json:"tags"`
	SideData []sideData        `json:"side_data_list"`
}

type frame struct {
	Timestamp   *int64     `json:"best_effort_timestamp"`
	Time        string     `json:"best_effort_timestamp_time"`
	Width       int        `json:"width"`
	Height      int        `json:"height"`
	PixelFormat string     `json:"pix_fmt"`
	SAR         string     `json:"sample_aspect_ratio"`
	Interlaced  int        `json:"interlaced_frame"`
	Range       string     `json:"color_range"`
	Space       string     `json:"color_space"`
	Transfer    string     `json:"color_transfer"`
	Primaries   string     `json:"color_primaries"`
	SideData    []sideData `json:"side_data_list"`
}

type sideData struct {
	Type   string `json:"side_data_type"`
	Matrix string `json:"displaymatrix"`
	// DolbyProfile and DolbyBase are those of a Dolby Vision configuration; a base of
	// 0 is a picture that cannot be shown without its metadata.
	DolbyProfile int `json:"dv_profile"`
	DolbyBase    int `json:"dv_bl_signal_compatibility_id"`
}

func (s stream) encrypted() bool {
	if s.Tag == "encv" || s.Tag == "enca" {
		return true
	}
	for _, data := range s.SideData {
		if strings.HasPrefix(data.Type, "Encryption") {
			return true
		}
	}
	return false
}

// dolbyAlone tells of Dolby Vision whose colours (IPTPQc2) are meant for decoders of
// its own: profile 5, and profile 10 in AV1 without a compatible base.
func (s stream) dolbyAlone() bool {
	for _, data := range s.SideData {
		if data.DolbyProfile == 5 || data.DolbyProfile == 10 && data.DolbyBase == 0 {
			return true
		}
	}
	return false
}

func (s stream) interlaced() bool {
	switch s.FieldOrder {
	case "tt", "bb", "tb", "bt":
		return true
	}
	return false
}

// streams lists the streams.
func (p prober) streams(ctx context.Context) (listing, error) {
	return p.list(ctx, "-show_streams", "-show_format")
}

// first decodes the first frame. It is what tells for sure that the video can
// be read, when it starts and how it is to be shown.
func (p prober) first(ctx context.Context, info *Info, streams listing) error {
	out, err := p.frames(ctx, info, fewPackets)
	if err == nil && !slices.ContainsFunc(out.Frames, frame.whole) {
		out, err = p.frames(ctx, info, manyPackets)
	}
	if err != nil {
		return err
	}
	return p.begin(info, streams, out)
}

// frames decodes the first packets of the video.
func (p prober) frames(ctx context.Context, info *Info, packets int) (listing, error) {
	return p.list(ctx, "-select_streams", strconv.Itoa(info.videoStream), "-read_intervals", "%+#"+strconv.Itoa(packets), "-show_frames")
}

// The packets in which the first picture is looked for: some, which do for nearly all files, and the
// many that a recording may have before its first keyframe which began in the middle of another one.
const fewPackets, manyPackets = 48, 600

// whole tells that a frame has a size.
func (f frame) whole() bool { return f.Width > 0 && f.Height > 0 }

// begin takes from the first frame that has a size when the video starts and how it is to be
// shown.
func (p prober) begin(info *Info, streams, out listing) error {
	for _, f := range out.Frames {
		if !f.whole() {
			continue
		}
		for _, s := range streams.Streams {
			if s.Index == info.videoStream {
				p.shape(info, s, f)
				info.fields(s, out.Frames)
			}
		}
		info.startsAt(seconds(f.Time))
		start := seconds(streams.Format.StartTime)
		info.StartTime = seconds(f.Time) - start
		if f.Timestamp != nil && info.TimeBase.Num > 0 {
			// ffmpeg rounds the start, which has microseconds, to the stream's unit.
			info.firstTick = *f.Timestamp - int64(math.Round((start-1e-6)/info.TimeBase.float()))
		}
		if err := p.steady(*info, out.Frames); err != nil {
			return err
		}
		if info.TimeBase.Num == 0 {
			return p.fail(job.Corrupt, export, "its video stream has no unit of time")
		}
		if info.TimeBase.Den/info.TimeBase.Num > finestUnit {
			info.TimeBase = Ratio{1, finestUnit}
		}
		return p.withinSize(*info)
	}
	return p.fail(job.Corrupt, export, "no picture of its video stream (%s) can be decoded", info.VideoCodec)
}

// finestUnit is how many units of time a second has at most, to which times are rounded. VP9's encoder takes
// none below a nanosecond, in which mattes come, and an MP4's frame lasts 2^32 units at most.
const finestUnit = 10_000_000

// list runs ffprobe on the file and reads its JSON.
func (p prober) list(ctx context.Context, args ...string) (listing, error) {
	var out listing
	text := &capped{limit: maxListing}
	if err := p.ffprobe(ctx, text, append([]string{"-of", "json"}, args...)); err != nil {
		return out, err
	}
	if text.full {
		return out, p.fail(job.OverLimit, export, "describes itself in more than %d bytes", maxListing)
	}
	if err := json.Unmarshal(text.Bytes(), &out); err != nil {
		return out, job.Fail(job.Internal, "read what ffprobe says of", p.subject, "", "", err)
	}
	return out, nil
}

// ffprobe runs ffprobe on the file with the confinement that every run has.
func (p prober) ffprobe(ctx context.Context, out *capped, args []string) error {
	args = append(append(confined(p.demuxer, p.limits), "-v", "error"), args...)
	child, err := p.tools.start(ctx, command{
		path: p.tools.ffprobe, args: append(args, "-i", "file:"+p.path), dir: "/", stdout: out,
		deadline: probeDeadline, op: p.op, subject: p.subject, input: p.path, memory: probeMemory,
	})
	if err != nil {
		return err
	}
	usage, err := child.wait()
	out.complaints = len(usage.Warnings) > 0
	if size := tooLarge(usage.Warnings); size != "" {
		return p.fail(job.OverLimit, "Export it with fewer pixels.", "has pictures of %s, more than the limit of %d pixels",
			size, p.limits.MaxPixels)
	}
	var typed *job.Error
	if errors.As(err, &typed) && typed.Kind == job.Internal && !errors.Is(err, sandbox.ErrNotBegun) {
		// ffprobe itself is sound: a status of its own means the file.
		typed.Kind, typed.Remedy = job.Corrupt, export
	}
	return err
}

// confined are the options before an input that keep ffmpeg to one demuxer,
// to files and pipes, and to pictures of a bearable size. Decoders pad what
// they allocate, hence the addition; the probe compares exactly.
func confined(demuxer container, limits Limits) []string {
	return []string{
		"-hide_banner",
		"-max_alloc", strconv.Itoa(maxAlloc),
		"-protocol_whitelist", "file,pipe",
		"-format_whitelist", whitelist(demuxer),
		"-max_pixels", strconv.Itoa(padded(limits.MaxPixels)),
		"-flags", exactCrop,
		"-f", string(demuxer),
	}
}

// exactCrop has decoders cut off on the left what the stream says is not to be
// shown; without it ffmpeg 5.1 shows it, so as to keep rows aligned in memory.
const exactCrop = "unaligned"

// maxAlloc is the most memory that ffmpeg may ask for in one piece, in bytes:
// room for the largest picture allowed in 16 bits and four channels.
const maxAlloc = 512 << 20

func padded(pixels int) int { return pixels + pixels/8 + 1<<16 }

// tooLarge finds the decoder's complaint about a picture over -max_pixels and
// returns its size.
func tooLarge(lines []string) string {
	for _, line := range lines {
		if found := regexp.MustCompile(`Picture size (\d+x\d+) exceeds`).FindStringSubmatch(line); found != nil {
			return found[1]
		}
	}
	return ""
}

// whitelist names a demuxer as -format_whitelist compares it.
func whitelist(demuxer container) string {
	switch demuxer {
	case isoMedia:
		return "mov,mp4"
	case matroska:
		return "matroska,webm"
	default:
		return string(demuxer)
	}
}

// scan reads all packets of the video stream, without decoding, for length
// and rate that the container does not announce.
func (p prober) scan(ctx context.Context, info *Info) error {
	text, err := p.packets(ctx, info.videoStream)
	if err != nil {
		return err
	}
	first, end, count := readPackets(text.Bytes())
	if count == 0 || math.IsInf(first, 0) {
		return p.fail(job.Corrupt, again, "its video stream holds no frames with times")
	}
	if text.full {
		return p.fail(job.OverLimit, "Cut it into shorter ones.", "has more than %d frames", count)
	}
	info.Frames = count
	if info.Duration == 0 {
		info.Duration, info.ends = end-first, true
	}
	if info.FrameRate == 0 && info.Duration > 0 {
		info.FrameRate, info.VFR = float64(count)/info.Duration, count > 1
	}
	return nil
}

// readPackets reads lines of when a packet is shown, when it is decoded and how long it lasts,
// in seconds: when the first starts, when the last ends, and how many there are. Where the
// container does not say when one is shown, as AVI, the other time counts. Without any times the
// first is infinite.
func readPackets(text []byte) (first, end float64, count int64) {
	first, end = math.Inf(1), math.Inf(-1)
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		count++
		fields := append(strings.Split(lines.Text(), ","), "", "", "")
		at, ok := moment(fields[0])
		if !ok {
			at, ok = moment(fields[1])
		}
		if ok {
			first, end = math.Min(first, at), math.Max(end, at+seconds(fields[2]))
		}
	}
	return first, end, count
}

// moment reads a decimal number of seconds; ok is false when there is none.
func moment(text string) (at float64, ok bool) {
	at, err := strconv.ParseFloat(text, 64)
	return at, err == nil && !math.IsNaN(at) && !math.IsInf(at, 0)
}

// capped keeps the first limit bytes written to it and drops the rest.
type capped struct {
	bytes.Buffer
	limit int
	full  bool
	// complaints tells that the program that wrote here wrote to stderr too.
	complaints bool
}

// Write takes all of a piece and keeps what there is room for.
func (c *capped) Write(piece []byte) (int, error) {
	room := c.limit - c.Len()
	if len(piece) > room {
		c.full = true
		_, _ = c.Buffer.Write(piece[:room]) // a buffer takes everything
		return len(piece), nil
	}
	return c.Buffer.Write(piece)
}

// seconds reads a decimal number of seconds; 0 when there is none.
func seconds(text string) float64 {
	value, ok := moment(text)
	if !ok {
		return 0
	}
	return value
}

// clock reads "00:01:02.500000000"; 0 when there is none.
func clock(text string) float64 {
	var hours, minutes int
	var rest float64
	if n, _ := fmt.Sscanf(text, "%d:%d:%f", &hours, &minutes, &rest); n != 3 {
		return 0
	}
	return float64(hours*3600+minutes*60) + rest
}

func number(text string) int64 {
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil || value < 0 {
		return 0
	}
	return value
}
