// Program ffmpeg is the stand-in that package standin makes: it turns into the real
// ffmpeg, with libx264 where hardware is asked for. In the sandbox nothing else can be
// started, so all that goes wrong has to be arranged before.
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/motionmill/motionmill/media/standin"
	"golang.org/x/sys/unix"
)

func main() {
	err := run()
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// run becomes the real ffmpeg, or says why that would have failed.
func run() error {
	orders, err := standin.ReadOrders(os.Args[0])
	if err != nil {
		return fmt.Errorf("read the orders: %w", err)
	}
	line := parse(os.Args[1:])
	if line.hardware() {
		if err := line.check(orders); err != nil {
			return err
		}
		if err := line.spoil(orders.Way); err != nil {
			return err
		}
		line.translate()
	}
	return syscall.Exec(orders.Real, append([]string{orders.Real}, line.args()...), os.Environ())
}

// absent is what the encoders say where there is no hardware.
var absent = map[string]string{
	"h264_nvenc": "[h264_nvenc @ 0x5581] Cannot load libcuda.so.1",
	"h264_qsv":   "[h264_qsv @ 0x5581] Error initializing an internal MFX session: unsupported (-3)",
	"h264_vaapi": "[AVHWDeviceContext @ 0x5581] No VA display found for device /dev/dri/renderD128.",
}

// check refuses what the real encoders would refuse.
func (l *line) check(orders standin.Orders) error {
	for _, out := range l.outputs() {
		codec := out.get("c:v")
		own, ok := orders.Encoders[codec]
		if !ok && out.hardware() {
			return fmt.Errorf("Unknown encoder '%s'", codec) //nolint:staticcheck // ffmpeg's words.
		}
		if !ok {
			continue
		}
		for _, o := range out.options {
			name, _, _ := strings.Cut(o.name, ":")
			option, known := own[name]
			if !known && !slices.Contains(common, name) {
				return fmt.Errorf("Unrecognized option '%s'.\nError splitting the argument list: Option not found", o.name) //nolint:staticcheck // ffmpeg's words.
			}
			if err := option.Take(o.value); known && err != nil {
				return fmt.Errorf("[%s @ 0x5581] %w\n[%s @ 0x5581] Error setting option %s to value %s", codec, err, codec, name, o.value)
			}
		}
		if err := l.device(out, codec); err != nil {
			return err
		}
		if !slices.Contains(orders.Works, codec) {
			return errors.New(absent[codec] + "\nError initializing output stream 0:0 -- Error while opening encoder for output stream #0:0")
		}
	}
	return nil
}

// common are the options of an output that are not the encoder's own.
var common = []string{
	"c", "f", "map", "filter_complex", "fps_mode", "enc_time_base", "map_metadata", "map_chapters", "bsf", "force_key_frames", "pix_fmt", "g", "bf", "b",
	"maxrate", "bufsize", "level", "profile", "global_quality", "color_primaries", "color_trc", "colorspace", "color_range", "movflags", "brand",
	"movie_timescale", "video_track_timescale", "max_muxing_queue_size", "ac", "ar", "af",
}

// device holds an output to the way in which its encoder gets pictures.
func (l *line) device(out *part, codec string) error {
	uploads := strings.Contains(l.graph(), "hwupload")
	switch {
	case codec == "h264_vaapi" && (!uploads || out.get("pix_fmt") != "" || !strings.HasPrefix(l.global("init_hw_device"), "vaapi=")):
		return errors.New("Impossible to convert between the formats supported by the filter 'Parsed_null_0' and the filter 'auto_scale_0'") //nolint:staticcheck // ffmpeg's words.
	case codec == "h264_qsv" && out.get("pix_fmt") != "nv12", codec == "h264_nvenc" && out.get("pix_fmt") != "yuv420p":
		return fmt.Errorf("Incompatible pixel format '%s' for codec '%s'", out.get("pix_fmt"), codec) //nolint:staticcheck // ffmpeg's words.
	case codec != "h264_vaapi" && uploads:
		return errors.New("[hwupload @ 0x5581] A hardware device reference is required to upload frames to")
	}
	return nil
}

// spoil arranges what goes wrong: in a trial by its lies, in a job by its death.
func (l *line) spoil(way standin.Way) error {
	trial, composes := slices.ContainsFunc(l.parts, drawn), slices.ContainsFunc(l.parts, sent)
	for _, out := range l.outputs() {
		switch {
		case !out.hardware():
		case trial && way.Lies == "frames":
			out.set("frames:v", "64")
		case trial && way.Lies == "colours":
			l.filter(out, "negate")
		case trial && way.Lies == "keyframes":
			out.drop("force_key_frames")
		case !trial && way.DiesAt > 0 && (way.Dies == "" || (way.Dies == "compose") == composes):
			fmt.Fprintln(os.Stderr, "["+out.get("c:v")+" @ 0x5581] EncodePicture failed!: generic error (20)")
			l.filter(out, fmt.Sprintf("scale=w='if(gte(n,%d),0/0,iw)':h=ih:eval=frame", way.DiesAt))
		}
	}
	if trial || !way.Crashes {
		return nil
	}
	// It outlives the change into another program, which has no handler for its signal.
	_, err := unix.Setitimer(unix.ItimerVirtual, unix.Itimerval{Value: unix.Timeval{Usec: 10_000}})
	return err
}

// drawn tells that pictures are drawn, as those of a trial.
func drawn(p part) bool { return p.input && p.get("f") == "lavfi" }

// sent tells that pictures come by a pipe, as they do where inference is merged into them.
func sent(p part) bool { return p.input && strings.HasPrefix(p.name, "pipe:") }

// translate has libx264 do the work.
func (l *line) translate() {
	for _, out := range l.outputs() {
		codec := out.get("c:v")
		if !out.hardware() {
			continue
		}
		quality := out.get("cq") + out.get("global_quality:v") + out.get("qp")
		kept := []option{{"preset", "ultrafast"}, {"sc_threshold", "0"}, {"pix_fmt", "yuv420p"}}
		if codec == "h264_vaapi" || out.get("forced-idr")+out.get("forced_idr") == "1" {
			kept = append(kept, option{"forced-idr", "1"})
		}
		if quality != "" {
			kept = append(kept, option{"crf", quality})
		}
		for _, o := range out.options {
			name, _, _ := strings.Cut(o.name, ":")
			switch {
			case o.name == "c:v":
				o.value = "libx264"
			case !slices.Contains(append(common, "frames"), name), name == "global_quality", name == "pix_fmt", o.name == "b:v" && quality != "":
				continue
			}
			kept = append(kept, o)
		}
		out.options = kept
	}
	l.parts[0].drop("init_hw_device")
	l.parts[0].drop("filter_hw_device")
	l.setGraph(strings.ReplaceAll(l.graph(), "hwupload", "null"))
}
