package media

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media/sandbox"
	"github.com/motionmill/motionmill/media/standin"
)

func TestReadHardware(t *testing.T) {
	for text, want := range map[string]Hardware{"": HardwareAuto, "auto": HardwareAuto, "off": HardwareOff, "vaapi": "vaapi"} {
		if got, err := ReadHardware(text); got != want || err != nil {
			t.Errorf("%q gives %q, %v", text, got, err)
		}
	}
	if _, err := ReadHardware("magic"); err == nil || !strings.Contains(err.Error(), "auto, off, nvenc, qsv, vaapi, videotoolbox") {
		t.Errorf("an unknown one gives %v", err)
	}
}

// TestHardwareArgumentsAreKnown gives this machine's ffmpeg the arguments of a trial: it
// has to fail for want of a device, and of nothing else.
func TestHardwareArgumentsAreKnown(t *testing.T) {
	tools(t)
	said := func(e Encoder, more ...string) string {
		args := newTrial(t.TempDir()).args(e)
		args[slices.Index(args, "-loglevel")+1] = "warning"
		args = slices.Concat(e.device(), args[:len(args)-1], more, args[len(args)-1:])
		text, err := exec.CommandContext(t.Context(), "ffmpeg", args...).CombinedOutput()
		if err == nil {
			t.Skipf("%s works here", e.Name())
		}
		return string(text)
	}
	unknown := func(text string) bool {
		return slices.ContainsFunc([]string{"Unrecognized", "not found", "Unable to parse", "Error setting option", "out of range", "has not been used"},
			func(mark string) bool { return strings.Contains(text, mark) })
	}
	absent := map[string]string{"nvenc": "libcuda", "qsv": "MFX session", "vaapi": "Device creation failed"}
	for _, engine := range engines() {
		want, ok := absent[engine.name]
		if !ok {
			continue // It is not built in here.
		}
		e := Encoder{engine: engine, node: engine.devices()[0]}
		if text := said(e); strings.Contains(text, "Unknown encoder") {
			t.Skipf("this ffmpeg is built without %s", engine.codec)
		} else if unknown(text) || !strings.Contains(text, want) {
			t.Errorf("%s: ffmpeg says\n%s", engine.name, text)
		}
		// Of a device that cannot be opened ffmpeg speaks before it looks at the options.
		if text := said(e, "-crf", "21"); !unknown(text) && engine.name != "vaapi" {
			t.Errorf("%s: an option of libx264 is not noticed\n%s", engine.name, text)
		}
	}
}

// found looks up a stand-in, without a sandbox where bare is set.
func found(t *testing.T, path string, setting Hardware, bare bool) (*Tools, error) {
	t.Helper()
	config := Config{FFmpeg: path, Hardware: setting}
	if bare {
		config.Sandbox.Mode = sandbox.Off
	}
	return Find(t.Context(), config)
}

func mustFind(t *testing.T, path string, setting Hardware, bare bool) *Tools {
	t.Helper()
	tools, err := found(t, path, setting, bare)
	if err != nil {
		t.Fatal(err)
	}
	return tools
}

// TestHardwareIsTried has hardware that works, that does not, and that gives something
// else than it was asked for.
func TestHardwareIsTried(t *testing.T) {
	program := standin.Build(t)
	for _, test := range []struct {
		name    string
		setting Hardware
		way     standin.Way
		want    string
		refused []string
	}{
		{"all", HardwareAuto, standin.Way{Works: standin.Encoders()}, "nvenc", []string{"videotoolbox: Unknown encoder"}},
		{"Intel", HardwareAuto, standin.Way{Works: []string{"h264_qsv", "h264_vaapi"}}, "qsv", []string{"nvenc: Cannot load libcuda"}},
		{"none", HardwareAuto, standin.Way{}, "", []string{"nvenc: Cannot load", "qsv: Error initializing an internal MFX", "vaapi: [AVHWDeviceContext] No VA display"}},
		{"off", HardwareOff, standin.Way{Works: standin.Encoders()}, "", nil},
		{"a frame is missing", HardwareAuto, standin.Way{Works: []string{"h264_nvenc"}, Lies: "frames"}, "", []string{"nvenc: its keyframes are not where they have to be: groups of [60 4]"}},
		{"colours", HardwareAuto, standin.Way{Works: []string{"h264_nvenc"}, Lies: "colours"}, "", []string{"nvenc: its colours are wrong: the upper luma of frame 0 is 2"}},
		{"keyframes", HardwareAuto, standin.Way{Works: []string{"h264_vaapi"}, Lies: "keyframes"}, "", []string{"vaapi: its keyframes are not where they have to be: groups of [65]"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := program.As(t, test.way)
			t.Setenv("TMPDIR", t.TempDir())
			tools := mustFind(t, path, test.setting, false)
			if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
				t.Errorf("it left %v (%v)", left, err)
			}
			setting, refused := tools.Hardware()
			if got := tools.Encoder().Name(); got != test.want || setting != test.setting {
				t.Errorf("%s takes %q; refused: %q", setting, got, refused)
			}
			for _, reason := range test.refused {
				if !strings.Contains(strings.Join(refused, "\n"), reason) {
					t.Errorf("refused: %q, want %q", refused, reason)
				}
			}
		})
	}
	_, err := found(t, program.As(t, standin.Way{Works: []string{"h264_qsv"}}), "nvenc", false)
	wantKind(t, err, job.GPUUnavailable, "nvenc", "Cannot load libcuda.so.1. Mend its driver")
}

// streamed decodes a file into the rendition and a ladder of two rungs, and packages it.
func streamed(t *testing.T, tools *Tools, path string) (dir string, made []Packaged, err error) {
	t.Helper()
	info := probed(t, path)
	w, h := VideoSize(info)
	ladder := Ladder{Every: 1, Rungs: []Rung{Complexity{}.rung(info, w, h, topQuality), Complexity{}.rung(info, 256, 144, lowerQuality)}}
	plan := DecodePlan{Input: path, Info: info, Dir: t.TempDir(), Video: "video.mp4", Ladder: &ladder, Threads: 2, Encoder: tools.Encoder()}
	d, err := tools.Decode(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = d.Wait(); err != nil {
		return plan.Dir, nil, err
	}
	made, _, err = tools.Package(t.Context(), PackagePlan{Video: filepath.Join(plan.Dir, "video.mp4"), Info: info, Ladder: ladder, Dir: plan.Dir})
	return plan.Dir, made, err
}

// checkStreamed holds the outputs to the source: every frame, at its time, in its colours; and
// groups of frames that start at the same times, two seconds apart, in all rungs.
func checkStreamed(t *testing.T, dir, source string, made []Packaged) {
	t.Helper()
	want, got := times(t, source), times(t, filepath.Join(dir, "video.mp4"))
	if !slices.EqualFunc(got, want, func(a, b float64) bool { return a-b < 0.001 && b-a < 0.001 }) {
		t.Errorf("the frames are at %v, want %v", got, want)
	}
	for i, frame := range decoded(t, filepath.Join(dir, "video.mp4"), "gray", 320*180) {
		if number := readBars(frame[320*40 : 320*41]); number != i {
			t.Errorf("frame %d shows %d", i, number)
		}
	}
	var lists []string
	for _, p := range made {
		switch filepath.Base(p.Path) {
		case playlistName:
			if p.Frames != int64(len(want)) {
				t.Errorf("%s has %d frames, want %d", p.Path, p.Frames, len(want))
			}
		case iframesName:
			lists = append(lists, strings.Join(regexp.MustCompile(`#EXTINF:\S+`).FindAllString(string(read(t, filepath.Join(dir, p.Path))), -1), " "))
			if p.Frames != 2 {
				t.Errorf("%s has %d keyframes, want 2", p.Path, p.Frames)
			}
		}
	}
	if len(lists) != 2 || lists[0] != lists[1] {
		t.Errorf("the groups of frames are %q", lists)
	}
}

// uneven is a clip of 75 numbered frames with a pause of a tenth of a second after each
// tenth: of 25 frames a second, on average 19.
func uneven(t *testing.T) string {
	t.Helper()
	return generate(t, "uneven.mp4", "-f", "lavfi", "-i", barcode(75, "25")+",setpts='(N+0.5*floor(N/10))/25/TB'",
		"-fps_mode", "passthrough", "-video_track_timescale", "12800", "-enc_time_base", "1:12800", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "4")
}

// TestHardwareEncodesAll takes a video through each kind of stand-in to a ladder, and through
// the real hardware where there is any.
func TestHardwareEncodesAll(t *testing.T) {
	tools(t)
	source := uneven(t)
	program := standin.Build(t)
	for _, e := range engines() {
		if slices.Contains(standin.Encoders(), e.codec) {
			t.Run("stand-in "+e.name, func(t *testing.T) {
				tools := mustFind(t, program.As(t, standin.Way{Works: []string{e.codec}}), Hardware(e.name), false)
				dir, made, err := streamed(t, tools, source)
				if err != nil {
					t.Fatal(err)
				}
				checkStreamed(t, dir, source, made)
			})
		}
		t.Run(e.name, func(t *testing.T) {
			tools, err := found(t, "ffmpeg", Hardware(e.name), false)
			if err != nil {
				t.Skipf("there is no such hardware: %v", err)
			}
			dir, made, err := streamed(t, tools, source)
			if err != nil {
				t.Fatal(err)
			}
			checkStreamed(t, dir, source, made)
		})
	}
}

// TestWhatHardwareIsToBlameFor tells failures of hardware from those of anything else.
func TestWhatHardwareIsToBlameFor(t *testing.T) {
	tools(t)
	program, nvenc := standin.Build(t), []string{"h264_nvenc"}
	clip := generate(t, "clip.mp4", "-f", "lavfi", "-i", barcode(75, "25"), "-c:v", "libx264", "-preset", "ultrafast", "-g", "10")
	for name, way := range map[string]standin.Way{
		"dies": {Works: nvenc, DiesAt: 30}, "crashes": {Works: nvenc, Crashes: true},
	} {
		_, _, err := streamed(t, mustFind(t, program.As(t, way), "nvenc", true), clip)
		if !errors.Is(err, ErrHardware) || job.KindOf(err) != job.GPUUnavailable || !strings.Contains(err.Error(), "h264_nvenc: ") {
			t.Errorf("one that %s gives %v", name, err)
		}
	}
	works := mustFind(t, program.As(t, standin.Way{Works: nvenc}), "nvenc", false)
	content := read(t, clip)
	broken := write(t, "clip.mp4", slices.Concat(content[:len(content)/2], bytes.Repeat([]byte{0x5a}, len(content)/2)))
	if info, err := works.Probe(t.Context(), broken, Limits{}); err == nil {
		d, err := works.Decode(t.Context(), DecodePlan{Input: broken, Info: info, Dir: t.TempDir(), Video: "video.mp4", Encoder: works.Encoder()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Wait(); errors.Is(err, ErrHardware) || job.KindOf(err) != job.Corrupt {
			t.Errorf("a damaged file gives %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	d, err := works.Decode(ctx, DecodePlan{Input: clip, Info: probed(t, clip), Dir: t.TempDir(), Video: "video.mp4", Encoder: works.Encoder()})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := d.Wait(); errors.Is(err, ErrHardware) || !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled run gives %v", err)
	}
}

// TestBlame goes through what a child may end with, while it encodes by hardware.
func TestBlame(t *testing.T) {
	nvenc := Encoder{engine: engines()[0]}
	for _, test := range []struct {
		encoder Encoder
		kind    job.Kind
		line    string
		want    bool
	}{
		{nvenc, job.Internal, "[h264_nvenc @ 0x5581] OpenEncodeSessionEx failed: out of memory (10): (no details)", true},
		{nvenc, job.OutOfMemory, "[AVHWFramesContext @ 0x5581] Failed to create surface: Cannot allocate memory", true},
		{nvenc, job.Crashed, "", true},
		{nvenc, job.OutOfDisk, "[h264_nvenc @ 0x5581] anything", false},
		{nvenc, job.Corrupt, "[h264 @ 0x5581] error while decoding MB 1 2", false},
		{nvenc, job.Internal, "[h264_qsv @ 0x5581] of another kind", false},
		{Encoder{}, job.Internal, "[h264_nvenc @ 0x5581] it was not asked for", false},
		{Encoder{}, job.Crashed, "", false},
	} {
		p := &process{command: command{encoder: test.encoder, op: "decode", subject: "x.mp4"}, tail: newTail("", "")}
		if test.line != "" {
			if _, err := p.tail.Write([]byte(test.line + "\n")); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.blame(p.fail(test.kind, "it ended", "")); errors.Is(err, ErrHardware) != test.want {
			t.Errorf("%s with %q gives %v", test.kind, test.line, err)
		}
	}
}

func TestHardwareIsGivenUp(t *testing.T) {
	tools := &Tools{hardware: hardware{setting: HardwareAuto, chosen: Encoder{engine: engines()[0]}}}
	if tools.HardwareFailed() || tools.Encoder().Name() != "nvenc" {
		t.Error("it is given up after one failure")
	}
	if !tools.HardwareFailed() || tools.Encoder().Name() != "" {
		t.Error("it is not given up after two failures")
	}
	if tools.HardwareFailed() {
		t.Error("it is given up twice")
	}
}

// TestWhatHardwareIsAskedFor leaves to libx264 what hardware cannot do.
func TestWhatHardwareIsAskedFor(t *testing.T) {
	nvenc := Encoder{engine: engines()[0]}
	even := Info{FrameRate: 30, saidRate: 30}
	for _, test := range []struct {
		info        Info
		w, h, every int
		want        string
	}{
		{even, 1920, 1080, 1, "h264_nvenc"},
		{even, 240, 426, 1, softwareCodec},
		{even, 8192, 1080, 1, softwareCodec},
		{Info{FrameRate: 120, saidRate: 120}, 1280, 720, 2, softwareCodec},
		{Info{FrameRate: 120, saidRate: 120}, 1280, 720, 1, "h264_nvenc"},
		{Info{FrameRate: 29.6, saidRate: 30, VFR: true}, 1280, 720, 1, "h264_nvenc"},
		{Info{FrameRate: 20, saidRate: 120, VFR: true}, 1280, 720, 1, softwareCodec},
		{Info{FrameRate: 20, saidRate: 1000, VFR: true}, 1280, 720, 1, "h264_nvenc"}, // ffmpeg itself takes the average.
		{Info{FrameRate: 20}, 1280, 720, 1, softwareCodec},
	} {
		if got := nvenc.Codec(test.info, test.w, test.h, test.every); got != test.want {
			t.Errorf("%d x %d of %g (%g) frames, one in %d: %s, want %s", test.w, test.h, test.info.FrameRate, test.info.saidRate, test.every, got, test.want)
		}
	}
	if got := (Encoder{}).Codec(even, 1920, 1080, 1); got != softwareCodec {
		t.Errorf("no hardware gives %s", got)
	}
}
