package media

import (
	"fmt"
	"math"
	"path/filepath"

	ffmpeg "github.com/u2takey/ffmpeg-go"
)

// A preview is previewSeconds of the video from its first third on, at
// previewRate frames a second and at most previewSize pixels on the longer side.
const (
	previewSeconds = 3
	previewRate    = 10
	previewSize    = 320
)

// previewFrames are the first frame of a preview, and the one behind its last, of a video that
// lasts so many seconds, counted at previewRate. There is always one.
func previewFrames(duration float64) (from, until int) {
	from = int(math.Max(0, math.Min(duration/3, duration-previewSeconds)) * previewRate)
	until = min(from+previewSeconds*previewRate, int(math.Ceil(duration*previewRate-1e-6)))
	return from, max(until, from+1)
}

// preview is the output of a short animation without sound: a GIF where the
// name ends so, else WebP.
func (p *DecodePlan) preview(s *ffmpeg.Stream) (*ffmpeg.Stream, error) {
	path, err := outputPath(p.Preview, p.Dir)
	w, h := FrameSize(p.Info, previewSize)
	// Before anything is left out, so that a picture which stands for long is there in all of that time.
	// At the end the last one is repeated: fps drops it when it is alone, and what the container
	// says of the length may be that of the sound.
	s = s.Filter("fps", ffmpeg.Args{fmt.Sprint(previewRate)}, ffmpeg.KwArgs{"eof_action": "pass"})
	s = s.Filter("tpad", nil, ffmpeg.KwArgs{"stop": -1, "stop_mode": "clone"})
	from, until := previewFrames(p.Info.Duration)
	// By times, which go on where the graph is built anew, and not by the count, which does not.
	s = s.Filter("trim", nil, ffmpeg.KwArgs{"start_pts": from, "end_pts": until}).Filter("setpts", ffmpeg.Args{fmt.Sprintf("PTS-%d", from)})
	s = s.Filter("scale", nil, ffmpeg.KwArgs{"w": w, "h": h, "flags": "area", "in_color_matrix": "bt709", "out_color_matrix": "bt601"})
	options := ffmpeg.KwArgs{"fps_mode": "passthrough", "map_metadata": "-1", "map_chapters": "-1", "loop": 0}
	if filepath.Ext(p.Preview) == ".gif" {
		parts := branches(s.Filter("format", ffmpeg.Args{"rgb24"}), 2)
		palette := parts[0].Filter("palettegen", nil, ffmpeg.KwArgs{"stats_mode": "diff"})
		s = ffmpeg.Filter([]*ffmpeg.Stream{parts[1], palette}, "paletteuse", nil, ffmpeg.KwArgs{"dither": "bayer", "bayer_scale": 4})
		options["f"], options["c:v"] = "gif", "gif"
	} else {
		options["f"], options["c:v"], options["quality"], options["compression_level"] = "webp", "libwebp_anim", 60, 2
	}
	return output([]*ffmpeg.Stream{s}, path, options), err
}
