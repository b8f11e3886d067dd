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

// preview is the output of a short animation without sound: a GIF where the
// name ends so, else WebP.
func (p *DecodePlan) preview(s *ffmpeg.Stream) (*ffmpeg.Stream, error) {
	path, err := outputPath(p.Preview, p.Dir)
	from := math.Max(0, math.Min(p.Info.Duration/3, p.Info.Duration-previewSeconds))
	w, h := FrameSize(p.Info, previewSize)
	// A little early, so that rounding loses no frame.
	s = s.Filter("select", nil, ffmpeg.KwArgs{"expr": fmt.Sprintf("gte(t,%s)*lt(t,%s)", decimal(from-1e-6), decimal(from+previewSeconds))})
	s = s.Filter("setpts", ffmpeg.Args{"PTS-" + decimal(from) + "/TB"})
	// At the end of the video fps repeats the last frame up to there.
	s = s.Filter("fps", ffmpeg.Args{fmt.Sprint(previewRate)}).Filter("trim", nil, ffmpeg.KwArgs{"end_frame": previewSeconds * previewRate})
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
