package media

import (
	"math"
	"os"
	"slices"
	"strings"

	ffmpeg "github.com/u2takey/ffmpeg-go"
)

// softwareCodec is ffmpeg's encoder of H.264 that needs no hardware.
const softwareCodec = "libx264"

// Encoder is what makes H.264: a kind of hardware, where it suits the video, else
// libx264. The zero one is libx264 alone.
type Encoder struct {
	engine engine
	// node is the device that ffmpeg is told of, "" where it finds its own.
	node string
}

// Name returns the hardware's name as settings have it, such as "nvenc"; "" for
// libx264 alone.
func (e Encoder) Name() string { return e.engine.name }

// Codec returns ffmpeg's name of the encoder that makes H.264 of a video in
// pictures of w x h pixels, of which the encoding has one in every.
func (e Encoder) Codec(info Info, w, h, every int) string {
	if e.takes(film{info: info, w: w, h: h, every: every}) {
		return e.engine.codec
	}
	return softwareCodec
}

// film is an encoding in H.264 that is wanted.
type film struct {
	// info is that of the source, of which the encoding has one frame in every.
	info  Info
	every int
	w, h  int
	// quality is a rate factor of x264's kind, threads bounds libx264's; 0 leaves it
	// to ffmpeg.
	quality, threads int
	// rung, if set, is what the film is in a ladder.
	rung *Rung
}

// rate is in frames a second.
func (f film) rate() float64 { return rate(f.info) / float64(max(f.every, 1)) }

// encode prepares a stream for the encoder of a film, and returns the options of
// an output with it.
func (e Encoder) encode(s *ffmpeg.Stream, f film) (*ffmpeg.Stream, ffmpeg.KwArgs) {
	options := []ffmpeg.KwArgs{timed(f.info), lasting(f.info, f.rate()), playable(f.info)}
	if !e.takes(f) {
		return s, ffmpeg.MergeKwArgs(append(options, f.software()))
	}
	if e.engine.uploads {
		s = s.Filter("format", ffmpeg.Args{"nv12"}).Filter("hwupload", nil)
	}
	return s, ffmpeg.MergeKwArgs(append(options, f.hardware(), e.engine.options(f), ffmpeg.KwArgs{"c:v": e.engine.codec}))
}

// software are the options of libx264. In a ladder there are no keyframes but those
// that all rungs have, and a cap.
func (f film) software() ffmpeg.KwArgs {
	options := ffmpeg.KwArgs{
		"c:v": softwareCodec, "preset": "veryfast", "profile:v": "high", "crf": f.quality,
		"pix_fmt": "yuv420p", "level:v": level(f.w, f.h, f.rate()), "g": int(math.Ceil(f.rate() * 2 * groupSeconds)),
	}
	if f.threads > 0 {
		options["threads"] = f.threads
	}
	if f.rung != nil {
		options["maxrate"], options["bufsize"] = f.rung.MaxRate, groupSeconds*f.rung.MaxRate
		options["sc_threshold"], options["g"], options["forced-idr"] = 0, endlessGroup, 1
	}
	return options
}

// hardware are the options that all hardware takes alike.
func (f film) hardware() ffmpeg.KwArgs {
	return ffmpeg.KwArgs{
		// As numbers: some encoders read "4.0" as 4.
		"profile:v": "high", "level:v": strings.ReplaceAll(level(f.w, f.h, max(f.rate(), f.info.toldRate())), ".", ""),
		// Frames out of order would come with wrong times: ffmpeg's nvenc counts their delay in
		// ticks (to 6.1), and Quick Sync in frames of one length.
		"bf": 0,
		// No keyframes but the forced ones. Quick Sync keeps it in 16 bits.
		"g": math.MaxInt16,
	}
}

// The pictures that hardware is asked for, in pixels: each kind takes these.
const (
	leastWidth, leastHeight = 256, 128
	largestSide             = 4096
)

// takes tells whether the hardware is asked for a film. Its rate control goes by
// the rate that ffmpeg tells it, for the whole of the video: where that is far from the true one,
// as with some recordings of screens, a cap would starve the pictures.
func (e Encoder) takes(f film) bool {
	told := f.info.toldRate()
	return e.engine.codec != "" && f.every <= 1 && f.w >= leastWidth && f.h >= leastHeight && max(f.w, f.h) <= largestSide &&
		told <= 1.25*f.rate() && f.rate() <= 1.25*told
}

// toldRate is the rate in frames a second that ffmpeg tells encoders of: the lowest
// by which all times can be told, unless that is beyond reason (av_guess_frame_rate of libavformat).
func (info Info) toldRate() float64 {
	if average := rate(info); info.saidRate > 210 && average < 70 {
		return average
	}
	return info.saidRate
}

// of returns the encoder itself where arguments ask for its hardware, else libx264 alone.
func (e Encoder) of(args []string) Encoder {
	if e.engine.codec == "" || !slices.Contains(args, e.engine.codec) {
		return Encoder{}
	}
	return e
}

// device are ffmpeg's options, before all inputs, that open the hardware.
func (e Encoder) device() []string {
	if e.node == "" {
		return nil
	}
	return []string{"-init_hw_device", e.engine.name + "=hardware:" + e.node, "-filter_hw_device", "hardware"}
}

// environment are the variables of ours that drivers read.
func (e Encoder) environment() []string {
	var given []string
	for _, name := range []string{"CUDA_VISIBLE_DEVICES", "LIBVA_DRIVER_NAME"} {
		if value := os.Getenv(name); value != "" && e.engine.codec != "" {
			given = append(given, name+"="+value)
		}
	}
	return given
}
