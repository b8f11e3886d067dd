package media

import (
	"math"
	"slices"
	"testing"
)

// Encoders of the matrix's inputs.
func x264(more ...string) []string {
	return append([]string{"-c:v", "libx264", "-preset", "veryfast", "-crf", "10", "-g", "12"}, more...)
}

func x265(more ...string) []string {
	return append([]string{"-c:v", "libx265", "-preset", "ultrafast", "-crf", "8", "-x265-params", "log-level=none:keyint=12:pools=2"}, more...)
}

func quantised(codec string, more ...string) []string {
	return append([]string{"-c:v", codec, "-q:v", "2", "-g", "12"}, more...)
}

func aac() []string { return []string{"-c:a", "aac", "-b:a", "128k"} }

// matrixInputs are the rows of the matrix. The first of them is what all others vary.
func matrixInputs() []matrixInput {
	return slices.Concat(containerInputs(), codecInputs(), orientationInputs(), shapeInputs(), fieldInputs(), colourInputs(), hdrInputs(), timeInputs(), streamInputs())
}

// plain is a film of 30 frames in MP4 with H.264 and AAC.
func plain(name, file string, change ...func(*matrixInput)) matrixInput {
	m := matrixInput{
		name: name, file: file, card: card{count: 30, rate: 25}, w: 320, h: 180, matrix: "bt601", pixels: "yuv420p",
		video: x264(), sound: aac(),
	}
	for _, c := range change {
		c(&m)
	}
	return m
}

func coded(video, sound []string) func(*matrixInput) {
	return func(m *matrixInput) { m.video, m.sound = video, sound }
}

func in(pixels string) func(*matrixInput) { return func(m *matrixInput) { m.pixels = pixels } }

func with(more ...string) func(*matrixInput) { return func(m *matrixInput) { m.more = more } }

func short(m *matrixInput) { m.short = true }

func silent(m *matrixInput) { m.sound = nil }

// containerInputs are the containers with what usually is in them.
func containerInputs() []matrixInput {
	return []matrixInput{
		plain("MP4", "a.mp4"),
		plain("MOV", "a.mov", coded(x264(), []string{"-c:a", "pcm_s16le"})),
		plain("M4V", "a.m4v", coded(quantised("mpeg4"), aac())),
		plain("fragmented MP4", "a.mp4", with("-movflags", "+frag_keyframe+empty_moov+default_base_moof")),
		plain("3GP", "a.3gp", func(m *matrixInput) { m.w, m.h, m.shownW, m.shownH = 352, 288, 384, 288 }, coded(quantised("h263"), aac())),
		plain("3G2", "a.3g2", coded(quantised("mpeg4"), aac())),
		plain("MKV", "a.mkv", coded(x264(), []string{"-c:a", "flac"})),
		plain("MKV without sizes", "a.mkv", coded(x264(), []string{"-c:a", "libvorbis"}), with("-live", "1")),
		plain("WebM", "a.webm", coded([]string{"-c:v", "libvpx", "-b:v", "4M", "-deadline", "realtime"}, []string{"-c:a", "libvorbis"})),
		plain("AVI", "a.avi", coded(quantised("mpeg4", "-bf", "0"), []string{"-c:a", "libmp3lame"}), with("-avoid_negative_ts", "disabled"),
			func(m *matrixInput) { m.looseSound = 0.025 }), // AVI cannot say that the encoder's first 1105 samples are none
		plain("AVI with B-frames", "a.avi", coded(quantised("mpeg4", "-bf", "2"), []string{"-c:a", "pcm_s16le"}),
			func(m *matrixInput) { m.looseSound = 0.041 }), // nor that pictures are stored one frame late
		plain("MPEG-TS", "a.ts", short, coded(x264("-bf", "2"), aac())),
		plain("M2TS", "a.m2ts", coded(x264("-bf", "2"), []string{"-c:a", "ac3"})),
		plain("MPEG-PS", "a.mpg", coded(quantised("mpeg2video"), []string{"-c:a", "mp2"})),
		plain("VOB", "a.vob", coded(quantised("mpeg2video", "-bf", "2"), []string{"-c:a", "ac3"})),
		plain("MPEG-1", "a.mpg", coded(quantised("mpeg1video"), []string{"-c:a", "mp2"}), with("-f", "mpeg")),
		plain("FLV", "a.flv", coded(x264("-bf", "2"), aac())),
		plain("FLV, Sorenson", "a.flv", coded(quantised("flv"), []string{"-c:a", "libmp3lame", "-ar", "44100"})),
		plain("WMV", "a.wmv", coded(quantised("wmv2"), []string{"-c:a", "wmav2"})),
		plain("WMV 7", "a.wmv", coded(quantised("wmv1"), []string{"-c:a", "wmav1"})),
		plain("ASF, MPEG-4 v3", "a.asf", coded(quantised("msmpeg4"), []string{"-c:a", "libmp3lame"})),
		plain("GIF", "a.gif", silent, in("bgr8"), func(m *matrixInput) {
			m.matrix, m.pixels = "", "rgb24"
			m.filter = "split[a][b];[a]palettegen=stats_mode=full[p];[b][p]paletteuse=dither=none"
			m.video = []string{"-c:v", "gif"}
		}),
	}
}

// codecInputs are the codecs.
func codecInputs() []matrixInput {
	opus := []string{"-c:a", "libopus"}
	vp9 := func(more ...string) []string {
		return append([]string{"-c:v", "libvpx-vp9", "-b:v", "0", "-crf", "12", "-deadline", "realtime", "-cpu-used", "8", "-g", "12"}, more...)
	}
	av1 := []string{"-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-crf", "20", "-b:v", "0", "-g", "12"}
	return []matrixInput{
		plain("HEVC", "a.mp4", coded(x265("-tag:v", "hvc1"), aac())),
		plain("HEVC 10 bit", "a.mkv", in("yuv420p10le"), coded(x265(), aac())),
		plain("HEVC 12 bit", "a.mp4", in("yuv420p12le"), coded(x265(), aac())),
		plain("HEVC 4:2:2 10 bit", "a.mov", in("yuv422p10le"), coded(x265("-tag:v", "hvc1"), aac())),
		plain("HEVC 4:4:4 12 bit", "a.mp4", in("yuv444p12le"), coded(x265(), aac())),
		plain("H.264 10 bit", "a.mp4", in("yuv420p10le"), coded(x264(), aac())),
		plain("H.264 4:2:2", "a.mp4", in("yuv422p"), coded(x264(), aac())),
		plain("H.264 4:2:2 10 bit", "a.mov", in("yuv422p10le"), coded(x264(), []string{"-c:a", "pcm_s24le"})),
		plain("H.264 4:4:4", "a.mkv", in("yuv444p"), coded(x264(), []string{"-c:a", "ac3"})),
		plain("H.264 grey", "a.mp4", in("gray"), coded(x264(), aac()), func(m *matrixInput) {
			m.colour = func(rgb [3]float64) [3]float64 {
				y := 0.299*rgb[0] + 0.587*rgb[1] + 0.114*rgb[2]
				return [3]float64{y, y, y}
			}
		}),
		plain("VP9", "a.webm", coded(vp9(), opus)),
		plain("VP9 in MP4", "a.mp4", coded(vp9(), opus)),
		plain("VP9 4:4:4", "a.webm", in("yuv444p"), coded(vp9("-profile:v", "1"), opus)),
		plain("VP9 12 bit 4:2:2", "a.webm", in("yuv422p12le"), coded(vp9("-profile:v", "3"), opus)),
		plain("AV1", "a.mp4", coded(av1, aac())),
		plain("AV1 10 bit", "a.webm", in("yuv420p10le"), coded(av1, opus)),
		plain("MPEG-2 4:2:2", "a.mkv", in("yuv422p"), coded(quantised("mpeg2video", "-bf", "2"), []string{"-c:a", "mp2"})),
		plain("ProRes 422 HQ", "a.mov", in("yuv422p10le"), coded([]string{"-c:v", "prores_ks", "-profile:v", "3"}, []string{"-c:a", "pcm_s24le"})),
		plain("ProRes 4444", "a.mov", in("yuva444p10le"), coded([]string{"-c:v", "prores_ks", "-profile:v", "4"}, []string{"-c:a", "pcm_s16be"})),
		plain("DNxHR", "a.mov", in("yuv422p"), func(m *matrixInput) { m.matrix = "bt709" }, coded([]string{"-c:v", "dnxhd", "-profile:v", "dnxhr_hq"}, []string{"-c:a", "pcm_s16le"})),
		plain("MJPEG", "a.mov", func(m *matrixInput) { m.pixels, m.full = "yuvj422p", true }, coded(quantised("mjpeg"), []string{"-c:a", "pcm_s16le"})),
		plain("MJPEG in AVI", "a.avi", func(m *matrixInput) { m.pixels, m.full = "yuvj420p", true }, coded(quantised("mjpeg"), []string{"-c:a", "pcm_u8"})),
		plain("DV", "a.mov", func(m *matrixInput) {
			m.w, m.h, m.shownW, m.shownH, m.fields = 720, 576, 768, 576, 2
			m.filter = "setsar=16/15"
		}, coded([]string{"-c:v", "dvvideo"}, []string{"-c:a", "pcm_s16le"})),
	}
}

// turned is an upright picture of 320 x 180 whose file holds it turned, with the
// display matrix (a, b; c, d) that undoes it.
func turned(filter string, a, b, c, d int32) func(*matrixInput) {
	return func(m *matrixInput) {
		m.filter = filter
		m.mend = func(t testing.TB, path string) string {
			patchMatrix(t, path, a, b, c, d)
			return path
		}
	}
}

// orientationInputs are the eight ways in which a rectangle can be laid down, said by
// an MP4's display matrix and by Matroska's projection and tag.
func orientationInputs() []matrixInput {
	lies := func(filter string, yaw, roll float32) func(*matrixInput) {
		return func(m *matrixInput) {
			m.filter = filter
			projection(yaw, roll)(m)
		}
	}
	tag := func(filter, degrees string) func(*matrixInput) {
		return func(m *matrixInput) {
			m.filter, m.more = filter, []string{"-metadata:s:v:0", "ROTATE=" + degrees}
		}
	}
	return []matrixInput{
		plain("turned 90° (matrix)", "a.mp4", turned("transpose=cclock", 0, 1, -1, 0)),
		plain("turned 180° (matrix)", "a.mp4", turned("hflip,vflip", -1, 0, 0, -1)),
		plain("turned 270° (matrix)", "a.mov", turned("transpose=clock", 0, -1, 1, 0)),
		plain("mirrored (matrix)", "a.mp4", turned("hflip", -1, 0, 0, 1)),
		plain("mirrored, 180° (matrix)", "a.mp4", turned("vflip", 1, 0, 0, -1)),
		plain("mirrored, 90° (matrix)", "a.mp4", turned("transpose=clock_flip", 0, -1, -1, 0)),
		plain("mirrored, 270° (matrix)", "a.mp4", turned("transpose=cclock_flip", 0, 1, 1, 0)),
		plain("turned 90° (projection)", "a.mkv", short, lies("transpose=cclock", 0, -90)),
		plain("turned 180° (projection)", "a.mkv", lies("hflip,vflip", 0, 180)),
		plain("turned 270° (projection)", "a.mkv", lies("transpose=clock", 0, 90)),
		plain("mirrored (projection)", "a.mkv", lies("hflip", 180, 0)),
		plain("mirrored, 180° (projection)", "a.mkv", lies("vflip", 180, 180)),
		plain("mirrored, 90° (projection)", "a.mkv", lies("transpose=clock_flip", 180, -90)),
		plain("mirrored, 270° (projection)", "a.webm", lies("transpose=cclock_flip", 180, 90), coded([]string{"-c:v", "libvpx", "-b:v", "4M", "-deadline", "realtime"}, []string{"-c:a", "libvorbis"})),
		plain("turned 90° (tag)", "a.mkv", tag("transpose=cclock", "90")),
		plain("turned 180° (tag)", "a.mkv", tag("hflip,vflip", "180")),
		plain("turned 270° (tag)", "a.mkv", tag("transpose=clock", "270")),
	}
}

// shapeInputs are sizes and shapes of pixels.
func shapeInputs() []matrixInput {
	stretched := func(w, h, shownW, shownH int, sar string) func(*matrixInput) {
		return func(m *matrixInput) {
			m.w, m.h, m.shownW, m.shownH, m.filter = w, h, shownW, shownH, "setsar="+sar
		}
	}
	sized := func(w, h int) func(*matrixInput) { return func(m *matrixInput) { m.w, m.h = w, h } }
	return []matrixInput{
		plain("SAR 4:3", "a.mp4", stretched(240, 180, 320, 180, "4/3")),
		plain("SAR 4:3 in MKV", "a.mkv", stretched(240, 180, 320, 180, "4/3")),
		plain("SAR 64:45 (PAL, wide)", "a.mpg", stretched(360, 288, 512, 288, "64/45"), coded(quantised("mpeg2video"), []string{"-c:a", "mp2"})),
		plain("SAR 3:4, turned 90°", "a.mp4", stretched(240, 180, 320, 180, "4/3"), func(m *matrixInput) { // The coded picture is 180 x 240 with 3:4.
			turned("setsar=4/3,transpose=cclock", 0, 1, -1, 0)(m)
		}),
		plain("odd size 4:4:4", "a.mkv", in("yuv444p"), sized(321, 181)),
		plain("odd size VP9", "a.webm", sized(321, 181), coded([]string{"-c:v", "libvpx-vp9", "-b:v", "0", "-crf", "12", "-deadline", "realtime", "-cpu-used", "8"}, []string{"-c:a", "libopus"})),
		plain("odd size, turned 90°", "a.mp4", in("yuv444p"), sized(321, 181), turned("transpose=cclock", 0, 1, -1, 0)),
		plain("portrait", "a.mp4", sized(180, 320)),
		plain("square", "a.mp4", sized(200, 200), turned("transpose=cclock", 0, 1, -1, 0)),
		plain("720 lines", "a.mp4", sized(1280, 720), func(m *matrixInput) { m.matrix = "bt709" }),
	}
}

// fieldInputs are interlaced.
func fieldInputs() []matrixInput {
	fields := func(first int) func(*matrixInput) { return func(m *matrixInput) { m.fields = first } }
	return []matrixInput{
		plain("interlaced, top field first", "a.mp4", short, fields(1), coded(x264("-flags", "+ilme+ildct", "-x264-params", "tff=1"), aac())),
		plain("interlaced, bottom field first", "a.mp4", fields(2), coded(x264("-flags", "+ilme+ildct", "-x264-params", "bff=1"), aac())),
		plain("interlaced H.264 in TS", "a.ts", fields(1), coded(x264("-flags", "+ilme+ildct", "-x264-params", "tff=1"), []string{"-c:a", "ac3"})),
		plain("interlaced MPEG-2", "a.mpg", fields(1), coded(quantised("mpeg2video", "-flags", "+ilme+ildct", "-top", "1"), []string{"-c:a", "mp2"})),
		plain("interlaced MPEG-2, bottom field first", "a.ts", fields(2), coded(quantised("mpeg2video", "-flags", "+ilme+ildct", "-top", "0"), []string{"-c:a", "mp2"})),
		plain("interlaced ProRes", "a.mov", fields(1), in("yuv422p10le"), coded([]string{"-c:v", "prores_ks", "-profile:v", "2", "-flags", "+ildct", "-top", "1"}, []string{"-c:a", "pcm_s16le"})),
		plain("interlaced MJPEG said by the container", "a.mov", fields(1), func(m *matrixInput) { m.pixels, m.full = "yuvj422p", true },
			coded(quantised("mjpeg", "-field_order", "tt"), []string{"-c:a", "pcm_s16le"})),
	}
}

// colourInputs are ways in which colours are coded and tagged.
func colourInputs() []matrixInput {
	tags := func(matrix, space, primaries, transfer string) func(*matrixInput) {
		return func(m *matrixInput) {
			m.matrix = matrix
			m.more = []string{"-colorspace", space, "-color_primaries", primaries, "-color_trc", transfer}
		}
	}
	size := func(w, h int) func(*matrixInput) { return func(m *matrixInput) { m.w, m.h = w, h } }
	return []matrixInput{
		plain("untagged, HD", "a.mp4", size(1280, 720), func(m *matrixInput) { m.matrix = "bt709" }),
		plain("tagged BT.709", "a.mp4", tags("bt709", "bt709", "bt709", "bt709")),
		plain("tagged BT.601 (625)", "a.mp4", tags("bt601", "bt470bg", "bt709", "bt709")),
		plain("tagged BT.601 (525)", "a.mp4", tags("bt601", "smpte170m", "smpte170m", "smpte170m"), func(m *matrixInput) { m.colour = fromSMPTEC }),
		plain("tagged FCC", "a.mp4", tags("fcc", "fcc", "bt709", "bt709")),
		plain("tagged SMPTE 240M", "a.mp4", tags("smpte240m", "smpte240m", "bt709", "bt709")),
		plain("full range", "a.mp4", func(m *matrixInput) {
			m.full, m.more = true, []string{"-color_range", "pc"}
		}),
		plain("full range, BT.709, MKV", "a.mkv", tags("bt709", "bt709", "bt709", "bt709"), func(m *matrixInput) {
			m.full, m.more = true, append(m.more, "-color_range", "pc")
		}),
		plain("RGB", "a.mkv", func(m *matrixInput) { m.matrix, m.pixels = "", "gbrp" }, coded([]string{"-c:v", "libx264rgb", "-preset", "veryfast", "-crf", "8"}, aac())),
		plain("Display P3", "a.mp4", tags("bt709", "bt709", "smpte432", "bt709"), func(m *matrixInput) { m.colour = fromP3 }),
		plain("BT.2020, ordinary range", "a.mp4", tags("bt2020", "bt2020nc", "bt2020", "bt709"), in("yuv420p10le"), func(m *matrixInput) {
			m.card.light = wideLight
		}),
	}
}

// hdrInputs are of a high dynamic range.
func hdrInputs() []matrixInput {
	high := func(kind, transfer string, light func([3]float64) [3]float64) func(*matrixInput) {
		return func(m *matrixInput) {
			m.hdr, m.card.light, m.colour = kind, light, mapped
			m.matrix, m.pixels = "bt2020", "yuv420p10le"
			m.more = []string{"-colorspace", "bt2020nc", "-color_primaries", "bt2020", "-color_trc", transfer}
		}
	}
	metadata := "log-level=none:keyint=12:pools=2:hdr10=1:max-cll=1000,400:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
	dolby := func(compatible byte) func(*matrixInput) {
		return func(m *matrixInput) {
			m.mend = func(t testing.TB, path string) string { return addDolbyVision(t, path, 8, compatible) }
		}
	}
	apple := coded(x265("-tag:v", "hvc1"), aac())
	return []matrixInput{
		plain("HDR10", "a.mp4", short, high("pq", "smpte2084", pqLight), coded(x265("-tag:v", "hvc1", "-x265-params", metadata), aac())),
		plain("HDR10 in MKV", "a.mkv", high("pq", "smpte2084", pqLight), coded(x265(), aac())),
		plain("PQ in VP9", "a.webm", high("pq", "smpte2084", pqLight), coded([]string{"-c:v", "libvpx-vp9", "-profile:v", "2", "-b:v", "0", "-crf", "12", "-deadline", "realtime", "-cpu-used", "8"}, []string{"-c:a", "libopus"})),
		plain("HLG", "a.mov", high("hlg", "arib-std-b67", hlgLight), apple),
		plain("HLG, turned 90°", "a.mov", high("hlg", "arib-std-b67", hlgLight), apple, turned("transpose=cclock", 0, 1, -1, 0)),
		plain("Dolby Vision 8.4 (HLG)", "a.mp4", high("hlg", "arib-std-b67", hlgLight), apple, dolby(4)),
		plain("Dolby Vision 8.1 (HDR10)", "a.mp4", high("pq", "smpte2084", pqLight), apple, dolby(1)),
	}
}

// timeInputs are ways in which times run.
func timeInputs() []matrixInput {
	rated := func(rate float64, count int) func(*matrixInput) {
		return func(m *matrixInput) { m.card.rate, m.card.count = rate, count }
	}
	// Gaps of one to three ticks of 1/30 s, and a little jitter.
	varied := func(i int) float64 { return (float64(i) + math.Floor(float64(i*i)/40) + 0.3*float64(i%3)) / 30 }
	vfr := func(m *matrixInput) {
		m.card.at, m.card.rate = varied, 30
		m.filter = "settb=1/90000,setpts=(N+floor(N*N/40)+0.3*mod(N\\,3))/30/TB"
		m.more = []string{"-enc_time_base", "1:90000", "-video_track_timescale", "90000"}
		m.soundLength = 1.8
	}
	return []matrixInput{
		plain("23.976 a second", "a.mp4", rated(24000.0/1001, 30)),
		plain("29.97 a second", "a.mov", rated(30000.0/1001, 36)),
		plain("59.94 a second", "a.mp4", rated(60000.0/1001, 72)),
		plain("120 a second", "a.mp4", rated(120, 110)),
		plain("240 a second", "a.mp4", rated(240, 200)),
		plain("1 a second", "a.mp4", rated(1, 3)),
		plain("rate that varies", "a.mp4", vfr),
		plain("rate that varies, MKV", "a.mkv", vfr, func(m *matrixInput) { m.more = m.more[:2] }),
		plain("rate that varies, MOV, B-frames", "a.mov", vfr, coded(x264("-bf", "3"), aac())),
		plain("B-frames, no edit list", "a.mp4", coded(x264("-bf", "3"), aac()), with("-use_editlist", "0")),
		plain("B-frames, negative offsets", "a.mp4", coded(x264("-bf", "3"), aac()), with("-movflags", "+negative_cts_offsets")),
		plain("edit list: cut in mid-group", "a.mp4", cutIn(20)),
		plain("edit list: picture starts late", "a.mp4", func(m *matrixInput) { m.early = 0.28 }),
		plain("edit list: two parts", "a.mp4", silent, coded(x264("-bf", "0"), nil), twoParts),
		plain("starts at 5 s, MKV", "a.mkv", with("-output_ts_offset", "5")),
		plain("starts at 10 h, TS", "a.ts", coded(x264("-bf", "2"), aac()), with("-output_ts_offset", "36000")),
		plain("clock runs over, TS", "a.ts", coded(x264("-bf", "2"), aac()), with("-output_ts_offset", "95441.9")),
		plain("picture late, TS", "a.ts", func(m *matrixInput) { m.early = 0.28 }),
		plain("picture late, MKV", "a.mkv", func(m *matrixInput) { m.early = 0.28 }),
		plain("negative times, MOV", "a.mov", with("-avoid_negative_ts", "disabled", "-output_ts_offset", "-0.08"), func(m *matrixInput) {
			m.drop, m.soundFilter = [2]int{0, 2}, "adelay=80:all=1"
		}),
	}
}

// streamInputs are sets of streams.
func streamInputs() []matrixInput {
	cover := []string{"-f", "lavfi", "-i", "color=red:s=64x64:d=0.04"}
	other := []string{"-f", "lavfi", "-i", "testsrc=s=128x96:r=10:d=2", "-f", "lavfi", "-i", "sine=300:d=2"}
	return []matrixInput{
		plain("no sound", "a.mp4", silent),
		plain("sound ends early", "a.mp4", func(m *matrixInput) { m.soundLength = 0.8 }),
		plain("sound goes on", "a.mp4", func(m *matrixInput) { m.soundLength = 3 }),
		plain("5.1, beep in the centre", "a.mp4", func(m *matrixInput) { m.soundFilter = "pan=5.1|FC=c0" }, coded(x264(), []string{"-c:a", "ac3"})),
		plain("5.1, beep behind", "a.mp4", func(m *matrixInput) { m.soundFilter = "pan=5.1|BL=c0" }),
		plain("mono, 8 kHz", "a.mov", coded(x264(), []string{"-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"})),
		plain("several of each", "a.mkv", func(m *matrixInput) {
			m.inputs = other
			m.maps = []string{"-map", "0:v", "-map", "2:v", "-map", "3:a", "-map", "1:a"}
			m.more = []string{"-disposition:v:0", "default", "-disposition:v:1", "0", "-disposition:a:0", "0", "-disposition:a:1", "default"}
		}),
		plain("several, first by chance, TS", "a.ts", func(m *matrixInput) {
			m.inputs = other
			m.maps = []string{"-map", "0:v", "-map", "1:a", "-map", "3:a"}
		}),
		plain("subtitles and data", "a.mkv", subtitled),
		plain("cover as a stream", "a.mp4", func(m *matrixInput) {
			m.inputs, m.maps = cover, []string{"-map", "0:v", "-map", "1:a", "-map", "2:v"}
			m.more = []string{"-c:v:1", "png", "-disposition:v:1", "attached_pic"}
		}),
		plain("cover, MKV", "a.mkv", func(m *matrixInput) {
			m.inputs, m.maps = cover, []string{"-map", "0:v", "-map", "1:a", "-map", "2:v"}
			m.more = []string{"-c:v:1", "png", "-disposition:v:1", "attached_pic"}
		}),
		plain("cover in front that nothing marks", "a.mov", func(m *matrixInput) {
			m.inputs, m.maps, m.picture = cover, []string{"-map", "2:v", "-map", "0:v", "-map", "1:a"}, 1
			m.more = []string{"-c:v:0", "mjpeg", "-pix_fmt:v:0", "yuvj420p"}
		}),
		plain("a still with sound", "a.mp4", short, still(0.25)),
		plain("a still with sound, MKV", "a.mkv", still(0.25)),
		plain("a still of one frame's length", "a.mp4", still(25)),
		plain("a still of one frame's length, MKV", "a.mkv", still(25)),
	}
}
