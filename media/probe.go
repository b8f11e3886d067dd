package media

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/motionmill/motionmill/job"
)

// probeDeadline bounds all of one probe.
const probeDeadline = 20 * time.Second

// probeMemory is what ffprobe may allocate, in bytes: room for the pictures that
// a decoder with many threads holds in the largest size.
const probeMemory = 4 << 30

// videoCodecs and audioCodecs are those that are decoded. Video in any other
// is refused; other sound is left out.
var (
	videoCodecs = [...]string{"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "mpeg1video",
		"mjpeg", "prores", "h263", "dvvideo", "msmpeg4v2", "msmpeg4v3", "dnxhd",
		"flv1", "wmv1", "wmv2", "wmv3", "vc1", "gif"}
	audioCodecs = [...]string{"aac", "aac_latm", "mp3", "mp2", "opus", "vorbis", "flac", "alac", "ac3", "eac3",
		"amr_nb", "amr_wb", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le",
		"pcm_f32le", "pcm_u8", "pcm_alaw", "pcm_mulaw", "pcm_bluray", "pcm_dvd",
		"wmav1", "wmav2", "wmapro", "dts", "adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt"}
	// fieldCodecs are those whose frames say whether they hold two fields.
	fieldCodecs = [...]string{"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "prores", "dvvideo", "dnxhd", "vc1", "wmv3"}
)

// Probe decides whether the file at path is a video within the limits, before
// any work on it. What it refuses is a *job.Error that names the file's base
// name, the finding and the remedy: not_a_video, corrupt, unsupported or
// over_limit.
func (t *Tools) Probe(ctx context.Context, path string, limits Limits) (Info, error) {
	limits = limits.orDefault()
	subject := filepath.Base(path)
	path, err := filepath.Abs(path)
	if err != nil {
		return Info{}, fmt.Errorf("find %s: %w", subject, err)
	}
	demuxer, size, err := identify(path, subject, limits)
	truncated := err
	cut, err := limits.accept(err)
	if err != nil {
		return Info{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, probeDeadline)
	defer cancel()
	p := prober{tools: t, op: "probe", path: path, subject: subject, demuxer: demuxer, limits: limits}
	listing, err := p.streams(ctx)
	if err != nil {
		return Info{}, err
	}
	info, err := p.choose(listing, size)
	if cut && job.KindOf(err) == job.NotAVideo {
		err = truncated // What is missing may have been the video.
	}
	if err != nil {
		return Info{}, err
	}
	if err := p.first(ctx, &info, listing); err != nil {
		return Info{}, err
	}
	if info.partial = limits.Partial; info.partial {
		if err := p.remainder(ctx, &info, cut); err != nil {
			return Info{}, err
		}
	}
	if info.Duration == 0 || info.FrameRate == 0 {
		if err := p.scan(ctx, &info); err != nil {
			return Info{}, err
		}
	}
	return info, p.within(info)
}

// identify looks at the file itself: its size, first bytes and outermost
// elements.
func identify(path, subject string, limits Limits) (container, int64, error) {
	stat, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", 0, job.Fail(job.SourceGone, "probe", subject, "does not exist", "Check the path, or upload it again.", err)
	case err != nil:
		return "", 0, fmt.Errorf("look at %s: %w", subject, err)
	case !stat.Mode().IsRegular():
		return "", 0, job.Fail(job.NotAVideo, "probe", subject, "is not a regular file", "Name a video file.", nil)
	case stat.Size() == 0:
		return "", 0, job.Fail(job.NotAVideo, "probe", subject, "is empty (0 bytes)", again, nil)
	case stat.Size() > limits.MaxBytes:
		finding := fmt.Sprintf("has %d bytes, more than the limit of %d", stat.Size(), limits.MaxBytes)
		return "", 0, job.Fail(job.OverLimit, "probe", subject, finding, "Export it smaller.", nil)
	}
	demuxer, err := sniff(path, subject)
	if err != nil {
		return "", 0, err
	}
	return demuxer, stat.Size(), checkStructure(demuxer, path, subject, stat.Size())
}

// prober is one probe of one file.
type prober struct {
	tools   *Tools
	op      string
	path    string
	subject string
	demuxer container
	limits  Limits
}

func (p prober) fail(kind job.Kind, remedy, finding string, values ...any) error {
	return job.Fail(kind, p.op, p.subject, fmt.Sprintf(finding, values...), remedy, nil)
}

// choose takes the video and the audio stream and fills the Info with what
// the container announces.
func (p prober) choose(listing listing, size int64) (Info, error) {
	if n := len(listing.Streams); n > p.limits.MaxStreams {
		return Info{}, p.fail(job.OverLimit, export, "has %d streams, more than the limit of %d", n, p.limits.MaxStreams)
	}
	video, audio := pick(listing.Streams)
	switch {
	case video == nil && audio != nil:
		return Info{}, p.fail(job.NotAVideo, "Upload a video.", "has no video stream, only sound (%s)", audio.Codec)
	case video == nil:
		return Info{}, p.fail(job.NotAVideo, "Upload a video.", "has no video stream")
	case video.encrypted():
		return Info{}, encrypted(p.subject)
	case video.dolbyAlone():
		return Info{}, p.fail(job.Unsupported, "Export it without Dolby Vision.",
			"its colours are of a Dolby Vision profile that nothing else can show")
	case !named(videoCodecs[:], video.Codec):
		return Info{}, p.fail(job.Unsupported, export, "its video codec %q is not supported", video.Codec)
	}
	info := Info{
		Container: p.demuxer.label(), VideoCodec: video.Codec, PixelFormat: video.PixelFormat, Bytes: size,
		Codecs:     []string{video.Codec},
		CodedWidth: video.Width, CodedHeight: video.Height,
		HDR: hdr(video.Transfer), Interlaced: video.interlaced(),
		demuxer: p.demuxer, videoStream: video.Index, audioStream: -1,
	}
	switch {
	case audio == nil:
	case audio.encrypted():
		info.SoundLeftOut = "it is encrypted"
	case !named(audioCodecs[:], audio.Codec):
		info.SoundLeftOut = fmt.Sprintf("its codec %q is not supported", audio.Codec)
	case number(audio.SampleRate) == 0: // as where a cut leaves nothing of it
		info.SoundLeftOut = "there is nothing of it"
	default:
		info.Audio, info.AudioCodec, info.audioStream = true, audio.Codec, audio.Index
		info.Codecs = append(info.Codecs, audio.Codec)
	}
	p.time(&info, listing, video, audio != nil)
	// A size over the limit is refused before a frame is decoded.
	return info, p.withinSize(info)
}

// pick returns the video stream, the one marked as default if there is one,
// and likewise the sound. Cover pictures are no video, and what looks like one is
// taken only where there is nothing else.
func pick(streams []stream) (video, audio *stream) {
	for i := range streams {
		s := &streams[i]
		switch {
		case s.Type == "video" && s.Disposition.Cover == 0 && s.Disposition.Thumbnails == 0:
			if video == nil || s.claim() > video.claim() {
				video = s
			}
		case s.Type == "audio":
			known, other := named(audioCodecs[:], s.Codec), audio != nil && named(audioCodecs[:], audio.Codec)
			if audio == nil || known && (!other || audio.Disposition.Default == 0 && s.Disposition.Default == 1) {
				audio = s
			}
		}
	}
	return video, audio
}

// claim is how much speaks for a video stream among several: first that it moves,
// then that it is marked as default.
func (s stream) claim() int {
	picture := s.Codec == "mjpeg" || s.Codec == "png" || s.Codec == "bmp"
	if frames := number(s.Frames); frames == 1 || picture && frames == 0 {
		return s.Disposition.Default
	}
	return 2 + s.Disposition.Default
}

func named(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// time fills in what is known of rate and length without reading the frames.
func (p prober) time(info *Info, listing listing, video *stream, sound bool) {
	if base, ok := readRatio(video.TimeBase); ok && max(base.Num, base.Den) <= math.MaxInt32 {
		info.TimeBase = base
	}
	average, ok := readRatio(video.AverageRate)
	if ok {
		info.FrameRate = average.float()
	}
	if rate, known := readRatio(video.Rate); ok && known {
		info.VFR = differs(rate.float(), average.float())
		info.saidRate = rate.float()
	}
	info.Frames = number(video.Frames)
	own := seconds(video.Duration)
	if tag := clock(video.Tags["DURATION"]); tag > 0 {
		own = tag // Matroska has one duration, which ffprobe gives to every stream
	}
	switch {
	case own > 0:
		info.Duration, info.ends = own, true
	default:
		info.Duration = seconds(listing.Format.Duration)
		info.ends = info.Duration > 0 && !sound
	}
}

// differs allows for the rounding of a short file's average.
func differs(a, b float64) bool { return a > b*1.003 || b > a*1.003 }

// within checks the limits that need everything to be known.
func (p prober) within(info Info) error {
	l := p.limits
	frames := info.Frames
	if frames == 0 {
		frames = int64(info.Duration * info.FrameRate)
	}
	switch {
	case info.Duration > l.MaxDuration.Seconds():
		length := time.Duration(info.Duration * float64(time.Second)).Round(time.Second)
		return p.fail(job.OverLimit, "Cut it into shorter ones.", "lasts %s, more than the limit of %s", length, l.MaxDuration)
	case info.FrameRate > 1.01*l.MaxFrameRate: // clocks of cameras are not exact
		return p.fail(job.OverLimit, "Export it with fewer frames a second.",
			"has %.0f frames a second, more than the limit of %.0f", info.FrameRate, l.MaxFrameRate)
	case frames > l.MaxFrames:
		return p.fail(job.OverLimit, "Cut it into shorter ones.", "has %d frames, more than the limit of %d", frames, l.MaxFrames)
	}
	return p.withinSize(info)
}

// maxSide is the most pixels on a side, as shown too: what H.264 can be encoded with.
const maxSide = 16384

func (p prober) withinSize(info Info) error {
	if int64(info.CodedWidth)*int64(info.CodedHeight) > int64(p.limits.MaxPixels) {
		return p.fail(job.OverLimit, "Export it with fewer pixels.", "has pictures of %d x %d, more than the limit of %d pixels",
			info.CodedWidth, info.CodedHeight, p.limits.MaxPixels)
	}
	if side := max(info.CodedWidth, info.CodedHeight, info.Width, info.Height); side > maxSide {
		return p.fail(job.OverLimit, "Export it with fewer pixels.", "has pictures of %d x %d, more than the limit of %d pixels on a side",
			max(info.CodedWidth, info.Width), max(info.CodedHeight, info.Height), maxSide)
	}
	return nil
}

// shape fills in how the picture is to be shown, from the stream and from
// what the first decoded frame says of itself.
func (p prober) shape(info *Info, video stream, frame frame) {
	info.turn, info.turnedBy = upright(video, frame, p.projection(info.videoStream))
	info.CodedWidth, info.CodedHeight = frame.Width, frame.Height
	info.PixelFormat = frame.PixelFormat
	sar, ok := readRatio(frame.SAR)
	if !ok {
		if sar, ok = readRatio(video.SAR); !ok {
			sar = Ratio{1, 1}
		}
	}
	info.SAR = fmt.Sprintf("%d:%d", sar.Num, sar.Den)
	info.Width, info.Height = squarePixels(frame.Width, frame.Height, sar)
	if info.turn.transpose {
		info.Width, info.Height = info.Height, info.Width
	}
	info.Rotation = info.turn.degrees()
	info.HDR = hdr(orTag(frame.Transfer, video.Transfer))
	info.colour = readColour(orTag(frame.Space, video.Space), orTag(frame.Primaries, video.Primaries),
		orTag(frame.Transfer, video.Transfer), orTag(frame.Range, video.Range),
		frame.PixelFormat, frame.Width, frame.Height)
}

// orTag returns the first tag that says something.
func orTag(tag, otherwise string) string {
	if tag == "" || tag == "unknown" || tag == "unspecified" {
		return otherwise
	}
	return tag
}
