package media

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/motionmill/motionmill/job"
)

// TestProbeTestdata says of every file of the shared test data what comes of
// it: a decoding with so many frames, or a typed error.
func TestProbeTestdata(t *testing.T) {
	for _, test := range []struct {
		name    string
		frames  int
		size    string
		kind    job.Kind // of the probe's error
		finding string
		damaged bool // passes the probe, fails in decoding
	}{
		{name: "kaiakol_jumpingjack_correct_001.mp4", frames: 159, size: "1280x720"},
		{name: "talmolab_dance_track0.mp4", frames: 545, size: "384x496"},
		{name: "unchaptered_hevc_hlg_rot90.mp4", frames: 96, size: "1080x1920"},
		{name: "mmpose_demo.mp4", frames: 5, size: "960x540"},
		{name: "edge/lfs_pointer_named_dance.mp4", kind: job.NotAVideo, finding: "Git LFS pointer"},
		{name: "edge/libwebm_bbb_480p_vp9_opus_1second.webm", frames: 24, size: "854x480"},
		{name: "edge/libwebm_invalid_vp9_bitstream-bug_1417.webm", kind: job.Corrupt, finding: "cut off"},
		{name: "edge/mp4parse_chunk_out_of_range.mp4", kind: job.Corrupt, finding: "cannot be read"},
		{name: "edge/mp4parse_no_timescale.mp4", kind: job.Corrupt, finding: "damaged", damaged: true},
		{name: "edge/mp4parse_short-cenc.mp4", kind: job.Unsupported, finding: "encrypted"},
		{name: "edge/mp4parse_tiny_av1.mp4", frames: 1, size: "64x64"},
		{name: "edge/mp4parse_video_rotation_90.mp4", frames: 1, size: "60x100"},
		{name: "edge/nestegg_dancer1.webm", kind: job.Corrupt, finding: "cut off"},
		{name: "edge/nestegg_hdr10.webm", frames: 1, size: "638x480"},
		{name: "edge/small_mp4-with-audio.mp4", kind: job.NotAVideo, finding: "has no video stream"},
		{name: "edge/small_webm.webm", frames: 1, size: "8x8"},
		{name: "edge/wetransfer_rotated.mp4", frames: 281, size: "360x640"},
	} {
		t.Run(filepath.Base(test.name), func(t *testing.T) {
			path := testdata(t, test.name)
			info, err := tools(t).Probe(t.Context(), path, Limits{})
			if test.kind != "" && !test.damaged {
				wantKind(t, err, test.kind, filepath.Base(path), test.finding)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			w, h := FrameSize(info, 160)
			d, err := tools(t).Decode(t.Context(), DecodePlan{Input: path, Info: info, Dir: t.TempDir(),
				Frames: true, FrameWidth: w, FrameHeight: h, Threads: 2})
			if err != nil {
				t.Fatal(err)
			}
			usage, err := d.Wait()
			if test.damaged {
				wantKind(t, err, test.kind, filepath.Base(path), test.finding)
				return
			}
			if err != nil || usage.Frames != int64(test.frames) {
				t.Errorf("%d frames, %v, want %d", usage.Frames, err, test.frames)
			}
			if size := sizeText(info.Width, info.Height); size != test.size {
				t.Errorf("size %s, want %s", size, test.size)
			}
		})
	}
}

func TestProbeManifestForm(t *testing.T) {
	got, err := json.Marshal(probed(t, testdata(t, "unchaptered_hevc_hlg_rot90.mp4")))
	want := `{"container":"mp4","codecs":["hevc","aac"],"width":1080,"height":1920,"rotation":90,"sar":"1:1",` +
		`"frame_rate":30,"vfr":false,"duration_s":3.2,"hdr":"hlg","audio":true}`
	if diff := cmp.Diff(want, string(got)); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

// TestProbeBytes feeds what is no video by its bytes.
func TestProbeBytes(t *testing.T) {
	for _, test := range []struct {
		name, content string
		kind          job.Kind
		finding       string
	}{
		{"empty.mp4", "", job.NotAVideo, "0 bytes"},
		{"text.mp4", "hello, this is no video\n", job.NotAVideo, "text file"},
		{"random.mp4", "\x00\x01\x02\x03\xfe\xfd\xfc random \x00", job.NotAVideo, "not a video"},
		{"hls.mp4", "#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\n/etc/passwd\n", job.NotAVideo, "playlist"},
		{"concat.mp4", "ffconcat version 1.0\nfile '/etc/passwd'\n", job.NotAVideo, "playlist"},
		{"dash.mp4", "<?xml version=\"1.0\"?><MPD></MPD>", job.NotAVideo, "playlist"},
		{"picture.mp4", "\x89PNG\r\n\x1a\n", job.NotAVideo, "PNG"},
		{"song.mp4", "ID3\x04\x00", job.NotAVideo, "no video stream"},
		{"flash.mp4", "FLV\x01\x05", job.Corrupt, "cut off"},
		{"windows.wmv", asfHeader, job.Corrupt, "cut off"},
		{"picture.gif", "GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02L\x01\x00;", job.NotAVideo, "still picture"},
		{"cut.gif", "GIF89a\x01\x00\x01\x00\x80\x00\x00", job.Corrupt, "cut off"},
		{"heic.mp4", "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", job.NotAVideo, "still picture"},
		{"head.mp4", "\x00\x00\x00\x10ftypisom\x00\x00\x00\x00", job.Corrupt, "moov"},
		{"head.webm", "\x1a\x45\xdf\xa3", job.Corrupt, "cut off"},
		{"head.avi", "RIFF\xff\xff\x00\x00AVI LIST", job.Corrupt, "cut off"},
		{"-i.mp4", "no option either", job.NotAVideo, "text file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := tools(t).Probe(t.Context(), write(t, test.name, []byte(test.content)), Limits{})
			wantKind(t, err, test.kind, test.name, test.finding)
		})
	}
	t.Run("missing", func(t *testing.T) {
		_, err := tools(t).Probe(t.Context(), filepath.Join(t.TempDir(), "gone.mp4"), Limits{})
		wantKind(t, err, job.SourceGone, "gone.mp4", "does not exist")
	})
	t.Run("folder", func(t *testing.T) {
		dir := t.TempDir()
		_, err := tools(t).Probe(t.Context(), dir, Limits{})
		wantKind(t, err, job.NotAVideo, filepath.Base(dir), "regular file")
	})
}

// TestProbeCut cuts a healthy file at several places: no part of it passes.
func TestProbeCut(t *testing.T) {
	clip := []string{"-f", "lavfi", "-i", barcode(60, "30"), "-c:v", "libx264", "-preset", "ultrafast"}
	for name, path := range map[string]string{
		"index behind":   generate(t, "behind.mp4", clip...),
		"index in front": generate(t, "front.mp4", append(clip, "-movflags", "+faststart")...),
		"matroska":       generate(t, "clip.mkv", clip...),
		"avi":            generate(t, "clip.avi", clip...),
		"flv":            generate(t, "clip.flv", clip...),
		"wmv":            generate(t, "clip.wmv", "-f", "lavfi", "-i", barcode(60, "30"), "-c:v", "wmv2"),
		"gif":            generate(t, "clip.gif", "-f", "lavfi", "-i", barcode(10, "10")),
	} {
		probed(t, path)
		whole := read(t, path)
		for _, part := range []int{10, 50, 90, 99} {
			t.Run(name, func(t *testing.T) {
				cut := write(t, filepath.Base(path), whole[:len(whole)*part/100])
				_, err := tools(t).Probe(t.Context(), cut, Limits{})
				wantKind(t, err, job.Corrupt, filepath.Base(path), "")
			})
		}
	}
}

func TestProbeLimits(t *testing.T) {
	clip := generate(t, "clip.mp4", "-f", "lavfi", "-i", barcode(30, "30"), "-c:v", "libx264", "-preset", "ultrafast")
	// Two frames ten hours apart, in some kilobytes.
	gap := []string{"-f", "lavfi", "-i", barcode(2, "1"), "-vf", "setpts=N*36000/TB", "-fps_mode", "passthrough",
		"-c:v", "libx264", "-preset", "ultrafast"}
	for _, test := range []struct {
		name, path string
		limits     Limits
		finding    string
	}{
		{"bytes", clip, Limits{MaxBytes: 1000}, "bytes, more than the limit of 1000"},
		{"duration", clip, Limits{MaxDuration: 1}, "lasts 1s"},
		{"pixels", clip, Limits{MaxPixels: 320*180 - 1}, "320 x 180"},
		{"frame rate", clip, Limits{MaxFrameRate: 29}, "30 frames a second"},
		{"frames", clip, Limits{MaxFrames: 29}, "has 30 frames"},
		{"gap in mp4", generate(t, "gap.mp4", gap...), Limits{}, "lasts 10h"},
		{"gap in matroska", generate(t, "gap.mkv", gap...), Limits{}, "lasts 10h"},
		{"gap unannounced", generate(t, "live.mkv", append(gap, "-live", "1")...), Limits{}, "lasts 10h"},
		{"streams", generate(t, "streams.mp4", "-f", "lavfi", "-i", barcode(2, "30"), "-map", "0", "-map", "0", "-map", "0"),
			Limits{MaxStreams: 2}, "3 streams"},
		{"huge", generate(t, "huge.mp4", "-f", "lavfi", "-i", "color=s=10000x10000:r=1", "-frames:v", "1", "-c:v", "mjpeg"),
			Limits{}, "10000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := tools(t).Probe(t.Context(), test.path, test.limits)
			wantKind(t, err, job.OverLimit, filepath.Base(test.path), test.finding)
		})
	}
}

func TestProbeStreams(t *testing.T) {
	cover := write(t, "cover.png", nil)
	if err := os.WriteFile(cover, read(t, generate(t, "c.png", "-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1")), 0o600); err != nil {
		t.Fatal(err)
	}
	sound := []string{"-f", "lavfi", "-i", "sine=d=1"}
	t.Run("cover is no video", func(t *testing.T) {
		args := append(sound, "-i", cover, "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v:0", "attached_pic")
		_, err := tools(t).Probe(t.Context(), generate(t, "song.mp4", args...), Limits{})
		wantKind(t, err, job.NotAVideo, "song.mp4", "no video stream, only sound (aac)")
	})
	t.Run("cover beside video", func(t *testing.T) {
		args := append(sound, "-i", cover, "-f", "lavfi", "-i", barcode(10, "10"), "-map", "1", "-map", "0", "-map", "2",
			"-c:v:0", "copy", "-disposition:v:0", "attached_pic")
		info := probed(t, generate(t, "both.mp4", args...))
		if info.Width != 320 || !info.Audio || info.VideoCodec != "h264" {
			t.Errorf("took the wrong stream: %+v", info)
		}
	})
	t.Run("frames that are turned, and others not", func(t *testing.T) {
		path := generate(t, "some.mp4", "-f", "lavfi", "-i", barcode(10, "10"), "-c:v", "libx264", "-preset", "ultrafast",
			"-bsf:v", "h264_metadata=display_orientation=insert:rotate=90")
		_, err := tools(t).Probe(t.Context(), path, Limits{})
		wantKind(t, err, job.Unsupported, "some.mp4", "only some of its frames")
	})
	t.Run("Dolby Vision without a base", func(t *testing.T) {
		path := generate(t, "five.mp4", append([]string{"-f", "lavfi", "-i", barcode(5, "10"), "-tag:v", "hvc1"}, x265()...)...)
		_, err := tools(t).Probe(t.Context(), addDolbyVision(t, path, 5, 0), Limits{})
		wantKind(t, err, job.Unsupported, "five.mp4", "Dolby Vision")
	})
	t.Run("codec not on the list", func(t *testing.T) {
		path := generate(t, "odd.mkv", "-f", "lavfi", "-i", barcode(5, "10"), "-c:v", "ffv1")
		_, err := tools(t).Probe(t.Context(), path, Limits{})
		wantKind(t, err, job.Unsupported, "odd.mkv", "ffv1")
	})
}

func TestProbeShape(t *testing.T) {
	x264 := []string{"-c:v", "libx264", "-preset", "ultrafast"}
	for _, test := range []struct {
		name string
		args []string
		want Info
	}{
		{"anamorphic.mp4", append([]string{"-f", "lavfi", "-i", "testsrc=s=240x180:r=25:d=0.4", "-vf", "setsar=4/3"}, x264...),
			Info{Width: 320, Height: 180, SAR: "4:3", FrameRate: 25}},
		{"odd.mkv", append([]string{"-f", "lavfi", "-i", "testsrc=s=101x61:r=25:d=0.4", "-pix_fmt", "yuv444p"}, x264...),
			Info{Width: 101, Height: 61, SAR: "1:1", FrameRate: 25}},
		{"varying.mp4", append([]string{"-f", "lavfi", "-i", "testsrc=s=64x64:r=25:d=1", "-vf", "select='not(eq(mod(n,5),3))'", "-fps_mode", "passthrough"}, x264...),
			Info{Width: 64, Height: 64, SAR: "1:1", FrameRate: 20, VFR: true}},
		{"film.mkv", append([]string{"-f", "lavfi", "-i", "testsrc=s=64x64:r=24000/1001:d=1"}, x264...),
			Info{Width: 64, Height: 64, SAR: "1:1", FrameRate: 24000. / 1001}},
		{"fields.mp4", append([]string{"-f", "lavfi", "-i", "testsrc=s=64x64:r=50:d=1", "-vf", "tinterlace=interleave_top", "-flags", "+ilme+ildct"}, x264...),
			Info{Width: 64, Height: 64, SAR: "1:1", FrameRate: 25, Interlaced: true}},
		{"pq.mp4", append([]string{"-f", "lavfi", "-i", "testsrc=s=64x64:r=25:d=0.4", "-pix_fmt", "yuv420p10le", "-color_trc", "smpte2084",
			"-color_primaries", "bt2020", "-colorspace", "bt2020nc"}, x264...),
			Info{Width: 64, Height: 64, SAR: "1:1", FrameRate: 25, HDR: "pq"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			info := probed(t, generate(t, test.name, test.args...))
			got := Info{Width: info.Width, Height: info.Height, SAR: info.SAR, FrameRate: info.FrameRate,
				VFR: info.VFR, Interlaced: info.Interlaced, HDR: info.HDR}
			if difference := got.FrameRate - test.want.FrameRate; difference > 0.5 || difference < -0.5 {
				t.Errorf("frame rate %g, want %g", got.FrameRate, test.want.FrameRate)
			}
			got.FrameRate, test.want.FrameRate = 0, 0
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(Info{}, turn{}, colour{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestPlaylistReachesNothing plants a secret and playlists that point to it.
// Even where the probe's answer is that of another file, as if this one had
// been put in its place since, no byte of the secret comes out.
func TestPlaylistReachesNothing(t *testing.T) {
	secret := generate(t, "secret.ts", "-f", "lavfi", "-i", barcode(30, "30"), "-c:v", "libx264", "-preset", "ultrafast")
	info := probed(t, generate(t, "honest.mp4", "-f", "lavfi", "-i", barcode(30, "30"), "-c:v", "libx264", "-preset", "ultrafast"))
	for name, content := range map[string]string{
		"hls.mp4":    "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\nfile:" + secret + "\n#EXT-X-ENDLIST\n",
		"concat.mp4": "ffconcat version 1.0\nfile 'file:" + secret + "'\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, name, []byte(content))
			if _, err := tools(t).Probe(t.Context(), path, Limits{}); err == nil {
				t.Fatal("the probe let it pass")
			}
			dir := t.TempDir()
			d, err := tools(t).Decode(t.Context(), DecodePlan{Input: path, Info: info, Dir: dir, Video: "video.mp4",
				Poster: "poster.jpg", Frames: true, FrameWidth: 320, FrameHeight: 180})
			if err != nil {
				t.Fatal(err)
			}
			_, err = d.Next(make([]byte, 3*320*180))
			wantKind(t, err, job.Corrupt, name, "")
			if strings.Contains(err.Error(), filepath.Dir(path)) {
				t.Errorf("the error shows a private folder: %v", err)
			}
			files, err := filepath.Glob(filepath.Join(dir, "*"))
			for _, file := range files {
				if len(bytes.TrimSpace(read(t, file))) > 0 {
					t.Errorf("%s was written", file)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestRecordingFromTheMiddle(t *testing.T) {
	whole := generate(t, "whole.ts", "-f", "lavfi", "-i", barcode(300, "25"), "-c:v", "libx264", "-preset", "ultrafast", "-g", "100", "-sc_threshold", "0")
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	// Without the first half a second the next keyframe is 87 packets away.
	path := filepath.Join(t.TempDir(), "middle.ts")
	if err := os.WriteFile(path, data[len(data)/188*12/300*188:], 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := tools(t).Probe(t.Context(), path, Limits{Partial: true})
	if err != nil {
		t.Fatal(err)
	}
	d, err := tools(t).Decode(t.Context(), DecodePlan{Input: path, Info: info, Dir: t.TempDir(), Video: "video.mp4"})
	if err != nil {
		t.Fatal(err)
	}
	if usage, err := d.Wait(); err != nil || usage.Frames != 200 || d.Lost() == nil {
		t.Errorf("%d frames, %v, lost %+v", usage.Frames, err, d.Lost())
	}
}
