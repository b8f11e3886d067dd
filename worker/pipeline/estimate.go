package pipeline

import (
	"math"

	"github.com/motionmill/motionmill/inference/track"
	"github.com/motionmill/motionmill/media"
)

// appetite is how much room the files of one output take.
//
// The figures come from runs of this pipeline on eight real videos and four
// made ones: 320×240 to 1080×1920, 1 to 545 frames at 5 to 60 a second, from
// strong compression to strong grain. The mattes were those of the starter
// model, which keep half of such pictures and flicker; a good model's are
// smaller. Of each figure the largest that was measured is given, and the
// table holds half as much again or a little more. While a job ran there was
// never more in its folder than the source and the outputs.
type appetite struct {
	// ratio is in bytes for each byte of the source; measured were, over real
	// videos, 1.6 (video), 2.2 (overlay), 5.5 (silhouette) and 0.3 (pose). All
	// together took from 0.7 to 9.6 times the source.
	ratio float64
	// bits is for each pixel of the output at 30 frames a second; measured were
	// 0.12, 0.11 and, for each pixel of the figure, 0.51 in two files.
	bits float64
	// grain is in bytes for each byte of a source whose pictures are mostly
	// noise, which no codec shrinks; measured were 0.21, 0.11 and 0.40.
	grain float64
	// frame is in bytes a frame; measured were 410 in a pose track of one person
	// of 17 keypoints, and this allows for five of them, or one of 85.
	frame float64
}

var appetites = map[Output]appetite{
	Video:      {ratio: 2.5, bits: 0.18, grain: 0.3},
	HLS:        {ratio: 6, bits: 0.45, grain: 0.75},
	Sprite:     {ratio: 0.5},
	Overlay:    {ratio: 3.5, bits: 0.18, grain: 0.2},
	Silhouette: {ratio: 8, bits: 0.8, grain: 0.6},
	Pose:       {ratio: 0.5, frame: 2048},
}

// soundRate is that of the rendition's sound in bytes a second, with what a
// container adds; headers is what the headers of all files take, in bytes.
const (
	soundRate = 20_000
	headers   = 64 << 10
	// thumbBytes is what a thumbnail takes at most, previewBytes the preview: half
	// a byte a pixel.
	thumbBytes   = 160 * 160 / 2
	previewBytes = 30 * 320 * 320
)

// guessOutputs guesses from the size of a source in bytes how many its outputs
// will take: at least and at most. Only short or heavily compressed videos
// come near the ratios; since none lasts longer than the limit, they count for
// the first GiB, and once the source's own size for the rest.
func guessOutputs(source int64, profile Profile) (least, most int64) {
	const steep = 1 << 30
	ratio := 0.0
	for _, output := range profile.Outputs {
		ratio += appetites[output].ratio
	}
	guess := ratio*float64(min(source, steep)) + min(ratio, 1)*float64(max(source-steep, 0))
	// No outputs took less than a 46th of their guess.
	return int64(guess / 64), int64(guess) + headers
}

// estimateOutputs returns how many bytes the outputs of a probed file take at
// most, as far as can be known before they are made.
func estimateOutputs(info media.Info, profile Profile) int64 {
	// The fewer frames a second, the more they differ: the bytes go with the
	// time, as at 30 a second. More than that add to them.
	frames := math.Max(float64(info.Frames), info.Duration*math.Max(info.FrameRate, 30))
	needed := 0.0
	for _, output := range profile.Outputs {
		a := appetites[output]
		if profile.People == track.PeopleAll {
			a.frame *= float64(track.MostPeople) / 5
		}
		width, height := media.VideoSize(info)
		if output == Silhouette {
			width, height = media.SilhouetteSize(info)
		}
		pictures := float64(width) * float64(height) * frames * a.bits / 8
		needed += math.Max(pictures, float64(info.Bytes)*a.grain) + frames*a.frame
	}
	if info.Audio && profile.Wants(Video) {
		needed += info.Duration * soundRate
	}
	if info.Audio && profile.Wants(HLS) {
		needed += 2 * info.Duration * soundRate // as segments, and on the way there
	}
	if profile.Wants(Sprite) {
		needed += thumbBytes * math.Min(math.Max(info.Duration, 1), 100)
	}
	if profile.Preview != "" {
		needed += previewBytes
	}
	// Half a byte a pixel for the poster; measured was a third.
	width, height := media.VideoSize(info)
	return int64(needed) + int64(width)*int64(height)/2 + headers
}
