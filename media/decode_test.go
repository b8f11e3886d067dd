package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

// clips are sources whose frames show their own number, by how their times run.
func clips(t *testing.T) map[string]string {
	x264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "20"}
	make := func(name, rate string, more ...string) string {
		return generate(t, name, append(append([]string{"-f", "lavfi", "-i", barcode(50, rate)}, x264...), more...)...)
	}
	// Gaps of one to four ticks of 1/30 s and a little jitter.
	varying := []string{"-vf", "setpts=(N+floor(N*N/40)+0.3*mod(N\\,3))/30/TB", "-fps_mode", "passthrough", "-enc_time_base", "1:90000"}
	return map[string]string{
		"constant":               make("constant.mp4", "30"),
		"23.976":                 make("film.mp4", "24000/1001"),
		"23.976 in milliseconds": make("film.mkv", "24000/1001"),
		"varying":                make("varying.mp4", "30", varying...),
		"varying in matroska":    make("varying.mkv", "30", varying...),
		"start offset":           make("offset.ts", "25"),
		"frames in avi":          make("frames.avi", "30", "-c:v", "mpeg4", "-bf", "0"),
		"ticks below a ns":       make("fine.mp4", "30", "-video_track_timescale", "1000000007"),
	}
}

// TestDecodeFrames holds every raw frame, its number and its time against the
// source's own.
func TestDecodeFrames(t *testing.T) {
	for name, path := range clips(t) {
		t.Run(name, func(t *testing.T) {
			info := probed(t, path)
			all := decodeAll(t, path, info, 320)
			want := times(t, path)
			if len(all.frames) != 50 || len(want) != 50 || all.usage.Frames != 50 {
				t.Fatalf("got %d frames of %d, usage says %d", len(all.frames), len(want), all.usage.Frames)
			}
			for i, frame := range all.frames {
				if number := readBars(grey(all.pixels[i][45*320*3:46*320*3], 3)); number != i || frame.Index != i {
					t.Errorf("frame %d shows %d and says %d", i, number, frame.Index)
				}
				if off := math.Abs(frame.Time.Seconds() - (want[i] - want[0])); off > 2e-6 {
					t.Errorf("frame %d is %g s off", i, off)
				}
			}
			sameTimes(t, all.file("video.mp4"), all.frames, 1e-4)
			out, err := tools(t).Inspect(t.Context(), all.file("video.mp4"))
			if err != nil || out.Frames != 50 || out.Width != 320 || out.Height != 180 {
				t.Errorf("video.mp4 is %+v, %v", out, err)
			}
			if still, err := tools(t).Inspect(t.Context(), all.file("poster.jpg")); err != nil || still.Frames != 1 || still.Width != 320 {
				t.Errorf("poster.jpg is %+v, %v", still, err)
			}
		})
	}
}

// sameTimes holds an output's times against the source's.
func sameTimes(t *testing.T, path string, frames []Frame, tolerance float64) {
	t.Helper()
	got := times(t, path)
	if len(got) != len(frames) {
		t.Errorf("%s has %d frames, want %d", filepath.Base(path), len(got), len(frames))
		return
	}
	for i, frame := range frames {
		if off := math.Abs(got[i] - frame.Time.Seconds()); off > tolerance {
			t.Errorf("frame %d of %s is %g s off", i, filepath.Base(path), off)
			return
		}
	}
}

// grey takes the first of every step bytes.
func grey(pixels []byte, step int) []byte {
	out := make([]byte, 0, len(pixels)/step)
	for i := 0; i < len(pixels); i += step {
		out = append(out, pixels[i])
	}
	return out
}

// TestDecodeTurns makes a picture with a red corner, at the top left when it
// is shown as its display matrix says, and looks for it in all outputs.
func TestDecodeTurns(t *testing.T) {
	for _, test := range []struct {
		name       string
		coded      string // how the upright picture is turned before coding
		a, b, c, d int32  // how a player turns it back
		rotation   int
	}{
		{"upright", "null", 1, 0, 0, 1, 0},
		{"90", "transpose=cclock", 0, 1, -1, 0, 90},
		{"180", "hflip,vflip", -1, 0, 0, -1, 180},
		{"270", "transpose=clock", 0, -1, 1, 0, 270},
		{"mirrored", "hflip", -1, 0, 0, 1, 0},
		{"mirrored and turned", "transpose=cclock_flip", 0, 1, 1, 0, 270},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := generate(t, "turned.mp4", "-f", "lavfi", "-i",
				"color=gray:s=192x128:r=10:d=0.5,drawbox=0:0:64:64:red:fill,"+test.coded, "-c:v", "libx264", "-preset", "ultrafast")
			patchMatrix(t, path, test.a, test.b, test.c, test.d)
			info := probed(t, path)
			if info.Rotation != test.rotation || info.Width != 192 || info.Height != 128 {
				t.Fatalf("the probe says %+v", info)
			}
			all := decodeAll(t, path, info, 192)
			w, h := FrameSize(info, 192)
			redCorner(t, "raw frame", all.pixels[0], w)
			redCorner(t, "video", decoded(t, all.file("video.mp4"), "rgb24", 3*w*h)[0], w)
			redCorner(t, "poster", decoded(t, all.file("poster.jpg"), "rgb24", 3*w*h)[0], w)
			dir := t.TempDir()
			composeAll(t, path, info, all.frames, CompositePlan{Dir: dir, Overlay: "overlay.mp4", SilhouetteMP4: "silhouette.mp4"},
				func(_ int, matte, layer []byte) {
					for i := range matte {
						matte[i] = 255
					}
				})
			redCorner(t, "overlay", decoded(t, filepath.Join(dir, "overlay.mp4"), "rgb24", 3*w*h)[0], w)
			redCorner(t, "silhouette", decoded(t, filepath.Join(dir, "silhouette.mp4"), "rgb24", 6*w*h)[0], w)
		})
	}
}

func redCorner(t *testing.T, what string, pixels []byte, w int) {
	t.Helper()
	at := func(x, y int) (r, g, b int) {
		o := 3 * (y*w + x)
		return int(pixels[o]), int(pixels[o+1]), int(pixels[o+2])
	}
	if r, g, b := at(20, 20); r < 180 || g > 70 || b > 70 {
		t.Errorf("%s: the top left corner is %d, %d, %d", what, r, g, b)
	}
	for _, p := range [][2]int{{w - 20, 20}, {20, 108}, {w - 20, 108}} {
		if r, g, b := at(p[0], p[1]); r > 160 || max(r, g, b)-min(r, g, b) > 30 {
			t.Errorf("%s: at %v it is %d, %d, %d", what, p, r, g, b)
		}
	}
}

// TestDecodeSound flashes and beeps at the same moment, with the picture
// starting half a second after the sound: they stay together.
func TestDecodeSound(t *testing.T) {
	path := generate(t, "clap.mp4", "-f", "lavfi", "-i", "aevalsrc='if(gte(t,1),sin(880*PI*t),0)':d=3:s=48000",
		"-itsoffset", "0.5", "-f", "lavfi", "-i", "nullsrc=s=64x64:r=50:d=2,format=gray,geq=lum='if(gte(T,0.5),255,0)',format=yuv420p",
		"-fps_mode", "passthrough", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac")
	info := probed(t, path)
	all := decodeAll(t, path, info, 64)
	flash := -1.0
	for i, pix := range all.pixels {
		if pix[0] > 127 {
			flash = all.frames[i].Time.Seconds()
			break
		}
	}
	sound, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-i", all.file("video.mp4"),
		"-map", "0:a", "-ac", "1", "-ar", "48000", "-f", "s16le", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	beep := -1.0
	for i := 0; i+1 < len(sound); i += 2 {
		if absolute(int(int16(binary.LittleEndian.Uint16(sound[i:])))) > 3000 {
			beep = float64(i/2) / 48000
			break
		}
	}
	if math.Abs(flash-0.5) > 0.021 || math.Abs(beep-flash) > 0.04 {
		t.Errorf("the flash is at %.3f s, the beep at %.3f s; both belong at 0.5", flash, beep)
	}
	if !info.Audio || len(all.frames) != 100 {
		t.Errorf("%d frames, audio %t", len(all.frames), info.Audio)
	}
}

// TestDecodeShapes decodes odd and stretched pictures: the outputs are even
// and in square pixels.
func TestDecodeShapes(t *testing.T) {
	for _, test := range []struct{ name, source, more, want string }{
		{"odd.mkv", "testsrc=s=101x61:r=25:d=0.2", "yuv444p", "100x60"},
		{"stretched.mp4", "testsrc=s=240x180:r=25:d=0.2,setsar=4/3", "yuv420p", "320x180"},
		{"ten bits.mp4", "testsrc=s=320x180:r=25:d=0.2", "yuv420p10le", "320x180"},
		{"tall.mp4", "testsrc=s=1080x1920:r=25:d=0.2", "yuv420p", "608x1080"},
		{"-y 100% [a];b'.mp4", "testsrc=s=64x64:r=25:d=0.2", "yuv420p", "64x64"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := generate(t, "clip"+filepath.Ext(test.name), "-f", "lavfi", "-i", test.source, "-pix_fmt", test.more, "-c:v", "libx264", "-preset", "ultrafast")
			path = write(t, test.name, read(t, path))
			all := decodeAll(t, path, probed(t, path), 640)
			out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-show_entries",
				"stream=width,height,sample_aspect_ratio", "-of", "csv=p=0", all.file("video.mp4")).Output()
			var w, h int
			if _, scan := fmt.Sscanf(string(out), "%d,%d,1:1", &w, &h); scan != nil || err != nil || sizeText(w, h) != test.want {
				t.Errorf("video.mp4 is %s, %v, want %s", out, err, test.want)
			}
			if len(all.frames) != 5 {
				t.Errorf("%d frames", len(all.frames))
			}
		})
	}
}

// TestDecodeInterlaced keeps one picture a frame.
func TestDecodeInterlaced(t *testing.T) {
	path := generate(t, "fields.mp4", "-f", "lavfi", "-i", "testsrc=s=128x128:r=50:d=1", "-vf", "tinterlace=interleave_top",
		"-flags", "+ilme+ildct", "-c:v", "libx264", "-preset", "ultrafast")
	info := probed(t, path)
	all := decodeAll(t, path, info, 128)
	if !info.Interlaced || len(all.frames) != 25 {
		t.Errorf("interlaced %t, %d frames", info.Interlaced, len(all.frames))
	}
	if last := all.frames[24].Time.Seconds(); math.Abs(last-0.96) > 1e-6 {
		t.Errorf("the last frame is at %g", last)
	}
}

// TestDecodeUntimed decodes B-frames from AVI, which has no times for them:
// ffmpeg fills them in, and every frame still comes once and in order.
func TestDecodeUntimed(t *testing.T) {
	path := generate(t, "packed.avi", "-f", "lavfi", "-i", barcode(50, "25"), "-c:v", "mpeg4", "-bf", "2")
	all := decodeAll(t, path, probed(t, path), 320)
	if len(all.frames) != 50 {
		t.Fatalf("%d frames", len(all.frames))
	}
	for i := range all.frames {
		if number := readBars(grey(all.pixels[i][45*320*3:46*320*3], 3)); number != i {
			t.Errorf("frame %d shows %d", i, number)
		}
		if i > 0 && all.frames[i].Time.Ticks <= all.frames[i-1].Time.Ticks {
			t.Errorf("frame %d is at %v, the one before at %v", i, all.frames[i].Time, all.frames[i-1].Time)
		}
	}
}

// resized is a recording whose pictures become smaller half way.
func resized(t *testing.T) string {
	t.Helper()
	list := ""
	for i, scale := range []string{"null", "scale=160:90"} {
		part := generate(t, fmt.Sprintf("part%d.webm", i), "-f", "lavfi", "-i", barcode(20, "20"), "-vf", scale, "-c:v", "libvpx", "-deadline", "realtime", "-b:v", "2M")
		list += "file '" + part + "'\n"
	}
	return generate(t, "call.webm", "-f", "concat", "-safe", "0", "-i", write(t, "list", []byte(list)), "-c", "copy")
}

// TestDecodeResized goes through a change of size: all frames come, at the
// size of the first and with their own times, and mattes stay with them.
func TestDecodeResized(t *testing.T) {
	path := resized(t)
	info := probed(t, path)
	all := decodeAll(t, path, info, 320)
	if len(all.frames) != 40 {
		t.Fatalf("%d frames", len(all.frames))
	}
	for i, frame := range all.frames {
		if number := readBars(grey(all.pixels[i][45*320*3:46*320*3], 3)); number != i%20 || math.Abs(frame.Time.Seconds()-float64(i)/20) > 0.002 {
			t.Errorf("frame %d shows %d at %g s", i, number, frame.Time.Seconds())
		}
	}
	sameTimes(t, all.file("video.mp4"), all.frames, 1e-4)
	dir := t.TempDir()
	composeAll(t, path, info, all.frames, CompositePlan{Dir: dir, SilhouetteMP4: "silhouette.mp4", Overlay: "overlay.mp4"}, drawBars)
	for i, picture := range decoded(t, filepath.Join(dir, "silhouette.mp4"), "gray", 2*320*180) {
		if white, matte := readBars(picture[135*320:136*320]), readBars(picture[270*320:271*320]); white != i || matte != i {
			t.Errorf("stacked %d: cut-out %d, matte %d", i, white, matte)
		}
	}
}

// TestDecodeBroken decodes files that a probe cannot tell from healthy ones.
func TestDecodeBroken(t *testing.T) {
	clip := []string{"-f", "lavfi", "-i", "testsrc=s=320x180:r=30:d=4", "-c:v", "libx264", "-preset", "ultrafast", "-g", "15"}
	zeroed := func(path string, from, to int) string {
		content := read(t, path)
		for i := len(content) * from / 100; i < len(content)*to/100; i++ {
			content[i] = 0
		}
		return write(t, filepath.Base(path), content)
	}
	for name, path := range map[string]string{
		"second half lost": zeroed(generate(t, "front.mp4", append(clip, "-movflags", "+faststart")...), 50, 100),
		"middle lost":      zeroed(generate(t, "middle.mp4", append(clip, "-movflags", "+faststart")...), 30, 70),
		"matroska":         zeroed(generate(t, "half.mkv", clip...), 50, 98),
	} {
		t.Run(name, func(t *testing.T) {
			info := probed(t, path)
			d, err := tools(t).Decode(t.Context(), DecodePlan{Input: path, Info: info, Dir: t.TempDir(), Frames: true, FrameWidth: 64, FrameHeight: 36})
			if err != nil {
				t.Fatal(err)
			}
			_, err = d.Wait()
			wantKind(t, err, job.Corrupt, filepath.Base(path), "")
			t.Log(err)
		})
	}
}

// TestDecodeLyingLength decodes a file whose header says two seconds but
// whose second frame is ten hours away.
func TestDecodeLyingLength(t *testing.T) {
	path := generate(t, "gap.mkv", "-f", "lavfi", "-i", barcode(3, "1"), "-vf", "setpts=N*36000/TB", "-fps_mode", "passthrough",
		"-c:v", "libx264", "-preset", "ultrafast")
	content := read(t, path)
	for _, id := range []string{"\x44\x89\x88"} { // Duration, a double, in milliseconds
		at := bytes.Index(content, []byte(id))
		if at < 0 {
			t.Fatal("there is no Duration")
		}
		binary.BigEndian.PutUint64(content[at+3:], math.Float64bits(2000))
	}
	content = bytes.ReplaceAll(content, []byte("DURATION"), []byte("WHATEVER"))
	path = write(t, "gap.mkv", content)
	info := probed(t, path)
	if info.Duration != 2 {
		t.Fatalf("the probe says %g s", info.Duration)
	}
	began := time.Now()
	d, err := tools(t).Decode(t.Context(), DecodePlan{Input: path, Info: info, Dir: t.TempDir(), Video: "video.mp4", Deadline: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Wait()
	wantKind(t, err, job.OverLimit, "gap.mkv", "lasts longer")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}

// TestAVaryingRateEndsInTime has one second of frames at each end of eight: the last one lasts no longer
// than the video, though frames are far apart on the average.
func TestAVaryingRateEndsInTime(t *testing.T) {
	path := generate(t, "gap.mp4", "-f", "lavfi", "-i", barcode(200, "25"), "-vf", "select='lt(n,25)+gt(n,174)'", "-fps_mode", "vfr",
		"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2")
	info := probed(t, path)
	dir := decodePlain(t, DecodePlan{Input: path, Info: info, Video: "video.mp4", Sprite: "sprite.jpg", SpriteIndex: "sprite.vtt"})
	out, err := tools(t).Inspect(t.Context(), filepath.Join(dir, "video.mp4"))
	if err != nil || out.Frames != 50 || math.Abs(out.Duration-8) > 0.01 {
		t.Errorf("video.mp4 is %+v, %v", out, err)
	}
	index, err := os.ReadFile(filepath.Join(dir, "sprite.vtt"))
	if err != nil || !strings.Contains(string(index), "--> 00:00:08.000\n") {
		t.Errorf("the sprite's index is %s, %v", index, err)
	}
}
