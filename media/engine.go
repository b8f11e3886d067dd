package media

import (
	"path/filepath"

	ffmpeg "github.com/u2takey/ffmpeg-go"
)

// engine is a kind of hardware that encodes H.264.
type engine struct {
	// name is as in settings, codec ffmpeg's encoder.
	name, codec string
	// nodes is the pattern of the devices of which ffmpeg is told one, node the usual
	// one; "" where it finds its own.
	nodes, node string
	// uploads tells that pictures are brought to the device by a filter, as nv12. Other encoders
	// take them from memory.
	uploads bool
	// options say how good a film is to be, and what else the encoder has to know.
	options func(film) ffmpeg.KwArgs
}

// engines are all that are known, in the order in which they are chosen.
func engines() []engine {
	return []engine{
		{name: "nvenc", codec: "h264_nvenc", options: nvenc},
		{name: "qsv", codec: "h264_qsv", options: quickSync},
		{name: "vaapi", codec: "h264_vaapi", nodes: "/dev/dri/renderD*", node: "/dev/dri/renderD128", uploads: true, options: vaapi},
		{name: "videotoolbox", codec: "h264_videotoolbox", options: videoToolbox},
	}
}

// devices are those of an engine to be tried, one at least.
func (e engine) devices() []string {
	found, err := filepath.Glob(e.nodes)
	if err != nil || len(found) == 0 { // The pattern is ours and well formed.
		return []string{e.node}
	}
	return found
}

// nvenc aims at a quality, as x264 does, within the cap.
func nvenc(f film) ffmpeg.KwArgs {
	options := ffmpeg.KwArgs{
		"preset": "p4", "tune": "hq", "rc": "vbr", "cq": f.quality, "b:v": 0, "spatial-aq": 1, "forced-idr": 1, "pix_fmt": "yuv420p",
	}
	return f.capped(options)
}

// quickSync aims at a quality. With a cap it also wants a rate, which is below it.
func quickSync(f film) ffmpeg.KwArgs {
	options := ffmpeg.KwArgs{"preset": "faster", "global_quality:v": f.quality, "forced_idr": 1, "adaptive_i": 0, "pix_fmt": "nv12"}
	if f.rung != nil {
		options["b:v"] = min(f.rung.Expected, f.rung.MaxRate/2)
	}
	return f.capped(options)
}

// vaapi has a constant quantiser on all drivers; with a cap it aims at the rate that the
// samples let expect.
func vaapi(f film) ffmpeg.KwArgs {
	if f.rung == nil {
		return ffmpeg.KwArgs{"rc_mode": "CQP", "qp": f.quality}
	}
	return f.capped(ffmpeg.KwArgs{"rc_mode": "VBR", "b:v": f.rung.Expected})
}

// videoToolbox aims at a rate: by quality it goes on some machines only.
func videoToolbox(f film) ffmpeg.KwArgs {
	expected := Complexity{}.rung(f.info, f.w, f.h, f.quality).Expected
	if f.rung != nil {
		expected = f.rung.Expected
	}
	return f.capped(ffmpeg.KwArgs{"b:v": expected, "pix_fmt": "nv12"})
}

// capped adds a rung's cap to options.
func (f film) capped(options ffmpeg.KwArgs) ffmpeg.KwArgs {
	if f.rung != nil {
		options["maxrate"], options["bufsize"] = f.rung.MaxRate, groupSeconds*f.rung.MaxRate
	}
	return options
}
