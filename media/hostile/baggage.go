package hostile

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"image"
	"image/color"
	"image/gif"
	"math/rand/v2"
	"strings"
)

// baggage is what lies beside the pictures: tags, attachments, subtitles, fonts.
func baggage() []File {
	text := func(mb int) []byte { return bytes.Repeat([]byte("x"), mb<<20) }
	script := func(b Bait) string {
		return "[Script Info]\nVideo File: " + b.Video + "\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Default," + b.Secret +
			"\n[Fonts]\nfontname: ../../" + b.Secret + "\n[Events]\nDialogue: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,{\\fn" + b.Secret + "}x\n"
	}
	all := []File{
		{Name: "tags.mov", Group: "baggage", Trick: "40 MB of tags", Outcomes: harmless, Heavy: true,
			Make: fixed(func() []byte { return movie{beside: box("udta", quickTimeTag("\xa9nam", text(40)))}.bytes() })},
		{Name: "tags-many.mov", Group: "baggage", Trick: "a hundred thousand tags", Outcomes: harmless,
			Make: fixed(func() []byte {
				return movie{beside: box("udta", bytes.Repeat(quickTimeTag("\xa9cmt", []byte(strings.Repeat("y", 100))), 100_000))}.bytes()
			})},
		{Name: "tags.mkv", Group: "baggage", Trick: "120 MB of tags in Matroska", Outcomes: harmless, Heavy: true,
			Make: fixed(func() []byte {
				return clipMKV(mkv{beside: element(0x1254c367, tag("T", text(60)), tag("U", text(60)))})
			})},
		{Name: "tags-many.mkv", Group: "baggage", Trick: "a hundred thousand tags in Matroska", Outcomes: harmless,
			Make: fixed(func() []byte {
				return clipMKV(mkv{beside: element(0x1254c367, bytes.Repeat(tag("T", []byte("value")), 100_000))})
			})},
		{Name: "attached.mkv", Group: "baggage", Trick: "a font of 100 MB attached", Outcomes: harmless, Heavy: true,
			Make: fixed(func() []byte {
				return clipMKV(mkv{beside: element(0x1941a469, attachment("a.ttf", "font/ttf", text(100)))})
			})},
		{Name: "attached-path.mkv", Group: "baggage", Trick: "attachments whose names are paths out of the folder", Outcomes: []string{Made},
			Make: content(func(b Bait) []byte {
				return clipMKV(mkv{beside: element(0x1941a469, attachment(b.Dir+"/planted.ttf", "font/ttf", []byte("planted")),
					attachment("../../planted.ttf", "application/x-truetype-font", []byte("planted")))})
			})},
		{Name: "ass.mkv", Group: "baggage", Trick: "subtitles in ASS that name local files as fonts", Outcomes: []string{Made},
			Make: content(func(b Bait) []byte { return subtitled(script(b)) })},
		{Name: "gab2-hls.avi", Group: "baggage", Trick: "subtitles in AVI that are an HLS playlist of a local file", Outcomes: harmless,
			Make: content(func(b Bait) []byte { return gab2(hls("", "file://"+b.Video)) })},
		{Name: "gab2-concat.avi", Group: "baggage", Trick: "subtitles in AVI that are a concat script of an address", Outcomes: harmless,
			Make: content(func(b Bait) []byte { return gab2("ffconcat version 1.0\nfile 'http://" + b.Address + "/'\n") })},
		{Name: "linked.mkv", Group: "baggage", Trick: "Matroska that says it goes on in another file", Outcomes: harmless,
			Make: content(func(b Bait) []byte {
				return clipMKV(mkv{beside: element(0x1549a966, element(0x3e83bb, []byte(b.Video)), element(0x3c83ab, []byte(b.Secret)))})
			})},
		{Name: "nested.mkv", Group: "baggage", Trick: "tags nested three thousand deep", Outcomes: harmless,
			Make: fixed(func() []byte { return clipMKV(mkv{beside: element(0x1254c367, element(0x7373, nest(0x67c8, 3000)))}) })},
		{Name: "squeezed.mkv", Group: "baggage", Trick: "frames that swell a thousandfold (zlib), to 300 MB each", Outcomes: harmless, Heavy: true, Make: fixed(squeezed)},
		{Name: "seek-loop.mkv", Group: "baggage", Trick: "a table of places that names itself", Outcomes: harmless,
			Make: fixed(func() []byte {
				seek := element(0x114d9b74, element(0x4dbb, element(0x53ab, u32(0x114d9b74)), element(0x53ac, u64(0))))
				return clipMKV(mkv{beside: bytes.Repeat(seek, 20)})
			})},
	}
	return all
}

// quickTimeTag is a text of user data.
func quickTimeTag(kind string, text []byte) []byte {
	return box(kind, u16(min(len(text), 65535)), u16(0), text)
}

// squeezed is Matroska whose frames are compressed zeros.
func squeezed() []byte {
	var small bytes.Buffer
	w := zlib.NewWriter(&small)
	for range 300 {
		_, _ = w.Write(make([]byte, 1<<20)) // A buffer takes everything.
	}
	_ = w.Close()
	compression := element(0x6d80, element(0x6240, element(0x5031, u64(0)), element(0x5032, u64(1)), element(0x5033, u64(0)), element(0x5034, element(0x4254, u64(0)))))
	return clipMKV(mkv{frame: small.Bytes(), more: compression})
}

// animation is a GIF of one colour, with a size in its header that need not be true.
func animation(w, h, frames, delay int) []byte {
	picture := image.NewPaletted(image.Rect(0, 0, min(w, 64), min(h, 64)), color.Palette{green, color.Black})
	all := gif.GIF{Config: image.Config{Width: w, Height: h, ColorModel: picture.Palette}}
	for range frames {
		all.Image, all.Delay = append(all.Image, picture), append(all.Delay, delay)
	}
	var out bytes.Buffer
	if err := gif.EncodeAll(&out, &all); err != nil {
		panic(err) // A buffer takes everything.
	}
	return out.Bytes()
}

// other is what is no video, under a video's name.
func other() []File {
	var all []File
	for _, o := range []struct {
		name, trick string
		outcomes    []string
		make        func() []byte
	}{
		{"empty.mp4", "nothing", notVideo, func() []byte { return nil }},
		{"one-byte.mp4", "one byte", notVideo, func() []byte { return []byte{0} }},
		{"random.mp4", "64 KB of noise", notVideo, noise},
		{"zeros.mp4", "a megabyte of zeros", notVideo, func() []byte { return make([]byte, 1<<20) }},
		{"page.mp4", "a page of HTML", notVideo, func() []byte { return []byte("<!doctype html><script src=//x></script><video src=/etc/passwd>") }},
		{"archive.mp4", "a ZIP whose names lead out of its folder", notVideo, archive},
		{"program.mp4", "an ELF program", notVideo, func() []byte { return []byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 100)) }},
		{"sound.mp4", "a WAV", notVideo, func() []byte {
			return chunk("RIFF", []byte("WAVE"), chunk("fmt ", l16(1), l16(1), l32(8000), l32(8000), l16(1), l16(8)), chunk("data", make([]byte, 8000)))
		}},
		{"picture.mp4", "a JPEG", notVideo, func() []byte { return still(64, 64, green) }},
		{"picture-huge.mp4", "a JPEG that says 65500 x 65500", notVideo, func() []byte { return resized(still(64, 64, green), 65500, 65500) }},
		{"picture.png", "a PNG that says 2^31-1 x 2^31-1", notVideo, func() []byte {
			return join([]byte("\x89PNG\r\n\x1a\n"), u32(13), []byte("IHDR"), u32(1<<31-1), u32(1<<31-1), []byte{8, 6, 0, 0, 0, 0, 0, 0, 0})
		}},
		{"two-faces.mp4", "an MP4 that is a ZIP too", []string{Made}, func() []byte { return join(movie{}.bytes(), archive()) }},
		{"lying.mkv", "an MP4 under another container's name", []string{Made}, func() []byte { return movie{}.bytes() }},
		{"noise.mkv", "noise in the place of frames", harmless, func() []byte { return clipMKV(mkv{frame: noise()}) }},
		{"noise-hevc.mkv", "noise in the place of HEVC, with noise for its header", refused, func() []byte {
			return clipMKV(mkv{frame: noise(), codec: "V_MPEGH/ISO/HEVC", private: noise()[:200]})
		}},
		{"mixed.mov", "frames each of another size", harmless, mixed},
	} {
		all = append(all, File{Name: o.name, Group: "others", Trick: o.trick, Outcomes: o.outcomes, Make: fixed(o.make), Poses: o.name == "mixed.mov"})
	}
	return all
}

func noise() []byte {
	random := rand.New(rand.NewPCG(1, 2))
	out := make([]byte, 64<<10)
	for i := range out {
		out[i] = byte(random.Uint32())
	}
	out[0] = 0x99 // no container's first byte
	return out
}

// archive is a ZIP file of megabytes of zeros, under names that lead out.
func archive() []byte {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	zeros := make([]byte, 1<<20)
	for range 8 {
		w, err := z.Create("../../planted")
		if err == nil {
			_, err = w.Write(zeros)
		}
		if err != nil {
			panic(err) // A buffer takes everything.
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// mixed is a movie of pictures of ten sizes.
func mixed() []byte {
	var frames []byte
	sizes := [][]byte{u32(0), u32(10)}
	for i := range 10 {
		frame := still(32+16*i, 144-8*i, green)
		frames, sizes = append(frames, frame...), append(sizes, u32(uint32(len(frame))))
	}
	return movie{frame: frames, frames: 1, sizes: full("stsz", 0, 0, sizes...), times: full("stts", 0, 0, u32(1), u32(10), u32(100)),
		chunks: full("stsc", 0, 0, u32(1), u32(1), u32(10), u32(1)), duration: 1000}.bytes()
}
