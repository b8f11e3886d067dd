package media

import (
	"math"
	"strconv"
	"strings"
)

// Info is what the probe found. Its JSON form is the manifest's "input".
type Info struct {
	// Container is "mp4", "matroska", "avi", "mpegts", "mpeg-ps", "flv", "asf" or "gif".
	Container string `json:"container"`
	// Codecs are the video codec and, with sound, the audio codec.
	Codecs []string `json:"codecs"`
	// Width and Height are those to be shown: upright, in square pixels.
	Width  int `json:"width"`
	Height int `json:"height"`
	// Rotation is the clockwise turn in degrees that makes the coded
	// picture upright: 0, 90, 180 or 270.
	Rotation int `json:"rotation"`
	// SAR is the sample aspect ratio of the coded picture, as "1:1".
	SAR string `json:"sar"`
	// FrameRate is the average in frames a second; VFR tells that it varies.
	FrameRate float64 `json:"frame_rate"`
	VFR       bool    `json:"vfr"`
	// Duration is the length of the video in seconds.
	Duration float64 `json:"duration_s"`
	// HDR is "hlg", "pq", or "" for the ordinary range.
	HDR string `json:"hdr"`
	// Audio tells whether there is sound that will be kept.
	Audio bool `json:"audio"`

	// SoundLeftOut says why sound that the file has is not kept; "" where all is well, or it has none.
	SoundLeftOut string `json:"-"`

	VideoCodec  string `json:"-"`
	AudioCodec  string `json:"-"`
	PixelFormat string `json:"-"`
	// Bytes is the size of the file.
	Bytes int64 `json:"-"`
	// CodedWidth and CodedHeight are in the pixels of the file.
	CodedWidth  int `json:"-"`
	CodedHeight int `json:"-"`
	// Frames is the number that the container announces, or that was
	// counted; 0 when unknown.
	Frames int64 `json:"-"`
	// StartTime is when the first frame is shown, in seconds after the
	// earliest stream of the file starts.
	StartTime float64 `json:"-"`
	// TimeBase is the unit of the video's timestamps, as a part of a second; the stream's
	// own, but where that is below 100 ns.
	TimeBase Ratio `json:"-"`
	// Interlaced tells that a frame holds two fields.
	Interlaced bool `json:"-"`

	demuxer container
	// firstTick is the first frame's time in the stream's own units, on ffmpeg's
	// clock, which starts with the file's earliest stream.
	firstTick   int64
	videoStream int
	audioStream int
	turn        turn
	// turnedBy says what the turn was read from.
	turnedBy turnSource
	// firstField is "tff" or "bff" where the container alone says which field of
	// a frame comes first; "" where the frames say it themselves.
	firstField string
	colour     colour
	// partial tells that the file may be broken; saidFrames and saidDuration are what one that
	// is cut off announces.
	partial      bool
	saidFrames   int64
	saidDuration float64
	// saidRate is the lowest rate in frames a second by which all times can be told, as the demuxer
	// guesses it; 0 when unknown.
	saidRate float64
	// ends tells that Duration is that of the video itself, not of a
	// container whose sound may go on longer.
	ends bool
}

// Ratio is a fraction of two positive integers.
type Ratio struct{ Num, Den int64 }

// String gives "1/30".
func (r Ratio) String() string {
	return strconv.FormatInt(r.Num, 10) + "/" + strconv.FormatInt(r.Den, 10)
}

// colon gives "1:30", which ffmpeg reads without rounding.
func (r Ratio) colon() string { return strings.Replace(r.String(), "/", ":", 1) }

// readRatio reads "30000/1001" or "4:3"; ok is false unless both parts are
// positive.
func readRatio(text string) (r Ratio, ok bool) {
	num, den, found := strings.Cut(strings.Replace(text, ":", "/", 1), "/")
	if !found {
		return Ratio{}, false
	}
	n, err := strconv.ParseInt(num, 10, 64)
	d, fault := strconv.ParseInt(den, 10, 64)
	return Ratio{n, d}, err == nil && fault == nil && n > 0 && d > 0
}

func (r Ratio) float() float64 { return float64(r.Num) / float64(r.Den) }

// maxLines is the greatest height of the rendition and the overlay,
// silhouetteLines that of the silhouettes, in pixels.
const (
	maxLines        = 1080
	silhouetteLines = 720
)

// FrameSize returns the size for raw frames of a video: its display size
// scaled down so that the longer side is at most longest pixels, both even,
// the aspect kept, never larger than the source (but at least 2 x 2).
func FrameSize(info Info, longest int) (w, h int) {
	longest = max(longest, 2) / 2 * 2
	scale := math.Min(1, float64(longest)/float64(max(info.Width, info.Height, 1)))
	return evenSize(info, scale)
}

// VideoSize returns the size of the rendition and of the overlay: at most
// 1080 lines, even.
func VideoSize(info Info) (w, h int) { return linesSize(info, maxLines) }

// SilhouetteSize returns the size of the figure in the silhouettes: at most
// 720 lines, even. silhouette.mp4 is twice as high.
func SilhouetteSize(info Info) (w, h int) { return linesSize(info, silhouetteLines) }

func linesSize(info Info, lines int) (w, h int) {
	return evenSize(info, math.Min(1, float64(lines)/float64(max(info.Height, 1))))
}

func evenSize(info Info, scale float64) (w, h int) {
	even := func(length int) int {
		wanted := int(math.Round(float64(length) * scale / 2))
		if 2*wanted > length {
			wanted = length / 2
		}
		return 2 * max(wanted, 1)
	}
	return even(info.Width), even(info.Height)
}
