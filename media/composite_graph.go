package media

import (
	"fmt"
	"math"

	ffmpeg "github.com/u2takey/ffmpeg-go"
)

// The child's descriptors in a composition. That of the times is
// stampsPipe.
const (
	mattePipe = 4
	layerPipe = 5
)

// args builds ffmpeg's arguments.
func (p *CompositePlan) args() ([]string, error) {
	w, h := SilhouetteSize(p.Info)
	if p.layers() {
		w, h = VideoSize(p.Info)
	}
	in := input(p.Input, p.Info, p.Limits, p.Threads)
	wanted := []func(*ffmpeg.Stream) ([]*ffmpeg.Stream, error){p.times}
	if p.layers() {
		wanted = append(wanted, p.overlay)
	}
	if p.mattes() {
		wanted = append(wanted, p.silhouettes)
	}
	outputs := []*ffmpeg.Stream{}
	for i, branch := range branches(picture(in, p.Info, w, h), len(wanted)) {
		out, err := wanted[i](branch)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, out...)
	}
	return arguments(p.Threads, p.Info, outputs), nil
}

func (p *CompositePlan) times(s *ffmpeg.Stream) ([]*ffmpeg.Stream, error) {
	return []*ffmpeg.Stream{stamped(s, p.Info, stampsPipe)}, nil
}

// sent is a stream of pictures from Write. Reading ahead to guess a rate would
// wait for frames that are not there yet, hence the small probe. Its times are
// brought to the unit of the source's, where they equal those of the frames
// that they belong to, so that the filters pair them.
func (p *CompositePlan) sent(descriptor int) *ffmpeg.Stream {
	in := ffmpeg.Input(fmt.Sprintf("pipe:%d", descriptor), ffmpeg.KwArgs{
		"f": "matroska", "protocol_whitelist": "pipe", "format_whitelist": "matroska,webm",
		"probesize": 32, "analyzeduration": 0, "fpsprobesize": 0, "thread_queue_size": 8, "threads": 1,
	})
	return in.Get("0").Filter("settb", ffmpeg.Args{p.Info.TimeBase.String()})
}

// overlay draws the layers over the video.
func (p *CompositePlan) overlay(s *ffmpeg.Stream) ([]*ffmpeg.Stream, error) {
	w, h := VideoSize(p.Info)
	path, err := outputPath(p.Overlay, p.Dir)
	layer := p.sent(layerPipe).Filter("scale", nil, ffmpeg.KwArgs{"w": w, "h": h, "flags": "bilinear", "out_color_matrix": "bt709", "out_range": "tv"})
	layer = layer.Filter("format", ffmpeg.Args{"yuva420p"})
	drawn, options := p.Encoder.encode(over(s, layer), p.film(w, h))
	return []*ffmpeg.Stream{output([]*ffmpeg.Stream{drawn}, path, options)}, err
}

// silhouettes cuts the figure out.
func (p *CompositePlan) silhouettes(s *ffmpeg.Stream) ([]*ffmpeg.Stream, error) {
	w, h := SilhouetteSize(p.Info)
	if p.layers() && h != videoLines(p.Info) {
		s = s.Filter("scale", nil, ffmpeg.KwArgs{"w": w, "h": h, "in_color_matrix": "bt709", "out_color_matrix": "bt709"}).
			Filter("setsar", ffmpeg.Args{"1"})
	}
	matte := p.sent(mattePipe).Filter("scale", nil, ffmpeg.KwArgs{"w": w, "h": h, "flags": "bicubic"}).Filter("format", ffmpeg.Args{"gray"})
	mattes := []*ffmpeg.Stream{matte, nil}
	if p.SilhouetteMP4 != "" && p.Background == nil {
		mattes = branches(matte, 2)
	}
	var outputs []*ffmpeg.Stream
	var wanted []func(*ffmpeg.Stream) (*ffmpeg.Stream, error)
	if p.SilhouetteWebM != "" {
		wanted = append(wanted, p.webm)
	}
	if p.SilhouetteMP4 != "" {
		wanted = append(wanted, func(s *ffmpeg.Stream) (*ffmpeg.Stream, error) { return p.plain(s, mattes[1]) })
	}
	for i, branch := range branches(figure(s, mattes[0], w, h), len(wanted)) {
		out, err := wanted[i](branch)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, out)
	}
	return outputs, nil
}

func videoLines(info Info) int {
	_, h := VideoSize(info)
	return h
}

// merge makes the matte the picture's alpha.
func merge(s, matte *ffmpeg.Stream) *ffmpeg.Stream {
	return ffmpeg.Filter([]*ffmpeg.Stream{s, matte}, "alphamerge", nil)
}

// webm is the figure in VP9 with alpha. Frames that are shown later than
// sent (alt-ref) cannot carry alpha.
func (p *CompositePlan) webm(figure *ffmpeg.Stream) (*ffmpeg.Stream, error) {
	path, err := outputPath(p.SilhouetteWebM, p.Dir)
	options := ffmpeg.KwArgs{
		"f": "webm", "c:v": "libvpx-vp9", "pix_fmt": "yuva420p", "deadline": "realtime", "cpu-used": 8,
		"row-mt": 1, "tile-columns": 1, "auto-alt-ref": 0, "lag-in-frames": 0, "crf": 32, "b:v": 0,
		"force_key_frames": keyframes(), "g": int(math.Ceil(rate(p.Info) * 4)),
		"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709", "color_range": "tv",
	}
	if p.Threads > 0 {
		options["threads"] = half(p.Threads)
	}
	return output([]*ffmpeg.Stream{figure}, path, timed(p.Info), options), err
}

// plain is the figure in H.264, which has no alpha: on the plan's background,
// or on black above its matte.
func (p *CompositePlan) plain(figure, matte *ffmpeg.Stream) (*ffmpeg.Stream, error) {
	path, err := outputPath(p.SilhouetteMP4, p.Dir)
	w, h := SilhouetteSize(p.Info)
	background := [3]uint8{}
	if p.Background != nil {
		background = *p.Background
	}
	parts := branches(figure, 2)
	out := over(filled(parts[0], background[0], background[1], background[2]), parts[1])
	if p.Background == nil {
		grey := matte.Filter("scale", nil, ffmpeg.KwArgs{"in_range": "pc", "out_range": "tv"}).Filter("format", ffmpeg.Args{"yuv420p"})
		out, h = ffmpeg.Filter([]*ffmpeg.Stream{out, grey}, "vstack", nil), 2*h
	}
	out, options := p.Encoder.encode(out, p.film(w, h))
	return output([]*ffmpeg.Stream{out}, path, options), err
}

// film is an output in H.264 of w x h pixels.
func (p *CompositePlan) film(w, h int) film {
	return film{info: p.Info, w: w, h: h, quality: 23, threads: p.Threads}
}
