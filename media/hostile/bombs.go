package hostile

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
)

// sizes are pictures that are larger than their file lets one think.
func sizes() []File {
	small := func() []byte { return still(64, 64, green) }
	black := func(size string, more ...string) func(context.Context, Maker) error {
		return encoded(append(append([]string{"-f", "lavfi", "-i", "color=black:r=10:d=0.3:s=" + size}, more...),
			"-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "threads=1:lookahead-threads=1:sync-lookahead=0:rc-lookahead=0", "-pix_fmt", "yuv420p")...)
	}
	return []File{
		{Name: "headers-65535.mov", Group: "sizes", Trick: "headers of 65535 x 65535 around small pictures", Outcomes: harmless,
			Make: fixed(func() []byte { return movie{width: 65535, height: 65535}.bytes() })},
		{Name: "jpeg-65500.mov", Group: "sizes", Trick: "small headers around a JPEG that says 65500 x 65500", Outcomes: refused,
			Make: fixed(func() []byte { return movie{frame: resized(small(), 65500, 65500)}.bytes() })},
		{Name: "jpeg-8192.mkv", Group: "sizes", Trick: "a JPEG of 8192 x 8192 in Matroska, announced as 64 x 64", Outcomes: refused,
			Make: fixed(func() []byte { return clipMKV(mkv{frame: resized(small(), 8192, 8192)}) })},
		{Name: "wide.mov", Group: "sizes", Trick: "a picture of 65500 x 16", Outcomes: limited,
			Make: fixed(func() []byte {
				return movie{width: 65500, height: 16, frame: still(65500, 16, green), frames: 3}.bytes()
			})},
		{Name: "wide-allowed.mov", Group: "sizes", Trick: "a picture of 16000 x 16", Outcomes: []string{Made},
			Make: fixed(func() []byte {
				return movie{width: 16000, height: 16, frame: still(16000, 16, green), frames: 3}.bytes()
			})},
		{Name: "high.mov", Group: "sizes", Trick: "a picture of 16 x 16000", Outcomes: []string{Made},
			Make: fixed(func() []byte {
				return movie{width: 16, height: 16000, frame: still(16, 16000, green), frames: 3}.bytes()
			})},
		{Name: "zero.mov", Group: "sizes", Trick: "headers of 0 x 0 around pictures", Outcomes: harmless,
			Make: fixed(func() []byte { return movie{width: 65536, height: 65536}.bytes() })},
		{Name: "h264-8192.mp4", Group: "sizes", Trick: "H.264 of 8192 x 8192 in some kilobytes", Outcomes: limited, Heavy: true, Make: black("8192x8192")},
		{Name: "h264-4096.mp4", Group: "sizes", Trick: "H.264 of 4096 x 4096 in some kilobytes", Outcomes: harmless, Heavy: true, Make: black("4096x4096")},
		{Name: "grows.ts", Group: "sizes", Trick: "64 x 64 that becomes 8192 x 8192 on the way", Outcomes: harmless, Heavy: true, Make: grows},
		{Name: "sar.mov", Group: "sizes", Trick: "pixels 65535 times as wide as high", Outcomes: harmless,
			Make: fixed(func() []byte { return movie{entry: jpegEntry(64, 64, box("pasp", u32(65535), u32(1)))}.bytes() })},
	}
}

// jpegEntry is a sample entry of JPEG with boxes at its end.
func jpegEntry(w, h int, more []byte) []byte {
	return box("jpeg", make([]byte, 6), u16(1), make([]byte, 16), u16(w), u16(h), u32(72<<16), u32(72<<16), u32(0),
		u16(1), make([]byte, 32), u16(24), u16(0xffff), more)
}

// grows joins two transport streams, the second one huge.
func grows(ctx context.Context, m Maker) error {
	var all []byte
	for i, size := range []string{"64x64", "8192x8192"} {
		part := fmt.Sprintf("%s.%d.ts", m.Path, i)
		err := lavfi(ctx, m.FFmpeg, part, "-f", "lavfi", "-i", "color=black:r=10:d=1:s="+size, "-frames:v", fmt.Sprint(10-8*i),
			"-output_ts_offset", fmt.Sprint(i), "-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "rc-lookahead=0", "-pix_fmt", "yuv420p")
		if err != nil {
			return err
		}
		data, err := os.ReadFile(part)
		if err != nil {
			return err
		}
		if err := os.Remove(part); err != nil {
			return err
		}
		all = append(all, data...)
	}
	return os.WriteFile(m.Path, all, 0o600)
}

// lengths are times and counts of frames that are larger than their file lets one think.
func lengths() []File {
	one := func(name, trick string, outcomes []string, m func() movie) File {
		return File{Name: name, Group: "lengths", Trick: trick, Outcomes: outcomes, Make: fixed(func() []byte { return m().bytes() })}
	}
	gap := []string{"-f", "lavfi", "-i", "color=black:s=64x64:r=1:d=2", "-vf", "setpts=N*36000/TB", "-fps_mode", "passthrough", "-c:v", "libx264", "-preset", "ultrafast"}
	return []File{
		{Name: "gap.mp4", Group: "lengths", Trick: "two frames ten hours apart", Outcomes: limited, Make: encoded(gap...)},
		{Name: "gap-live.mkv", Group: "lengths", Trick: "two frames ten hours apart, in a stream without a length", Outcomes: limited,
			Make: encoded(append(gap, "-live", "1")...)},
		one("gap-hidden.mov", "two frames ten hours apart, announced as a second", harmless, func() movie {
			return movie{frames: 2, duration: 1000, times: full("stts", 0, 0, u32(2), u32(1), u32(36_000_000), u32(1), u32(1))}
		}),
		one("years.mov", "a duration of 2^63 ticks", harmless, func() movie { return movie{duration: 1 << 63} }),
		one("all-ones.mov", "a duration of all ones", harmless, func() movie { return movie{duration: math.MaxUint64} }),
		one("timescale-max.mov", "2^31-1 ticks a second", harmless, func() movie { return movie{timescale: math.MaxInt32, delta: math.MaxInt32 / 10} }),
		one("timescale-negative.mov", "2^32-1 ticks a second", harmless, func() movie { return movie{timescale: math.MaxUint32, delta: math.MaxInt32 / 5} }),
		one("million-fps.mov", "a million frames a second", limited, func() movie { return movie{timescale: 1_000_000, delta: 1, frames: 200} }),
		one("no-time.mov", "frames that all last no time", harmless, func() movie {
			return movie{times: full("stts", 0, 0, u32(1), u32(10), u32(0))}
		}),
		one("endless-times.mov", "a table of times for 2^32-1 frames", refused, func() movie {
			return movie{times: full("stts", 0, 0, u32(1), u32(1<<32-1), u32(1))}
		}),
		one("endless-table.mov", "a table of times of 2^32-1 entries", broken, func() movie { return movie{times: full("stts", 0, 0, u32(1<<32-1), u32(10), u32(100))} }),
		one("twenty-million.mov", "an index of twenty million frames in one line", refused, func() movie { return claims(20_000_000) }),
		one("four-billion.mov", "an index of 2^32-1 frames in one line", refused, func() movie { return claims(math.MaxUint32) }),
		one("edits.mov", "an edit list that plays ten frames a hundred thousand times", refused, func() movie {
			entry := join(u32(1000), u32(0), u32(0x10000))
			return movie{edits: box("edts", full("elst", 0, 0, u32(100_000), bytes.Repeat(entry, 100_000)))}
		}),
		one("edit-far.mov", "an edit list that starts 2^62 ticks in", harmless, func() movie {
			return movie{edits: box("edts", full("elst", 1, 0, u32(1), u64(1000), u64(1<<62), u32(0x10000)))}
		}),
		{Name: "fragments.mp4", Group: "lengths", Trick: "a fragment of twenty million frames in one line", Outcomes: refused, Make: fixed(fragmented)},
		{Name: "scale.mkv", Group: "lengths", Trick: "Matroska whose unit of time is 2^62 ns", Outcomes: harmless,
			Make: fixed(func() []byte { return clipMKV(mkv{scale: 1 << 62}) })},
		{Name: "duration.mkv", Group: "lengths", Trick: "Matroska that lasts for 1e300 ticks", Outcomes: harmless,
			Make: fixed(func() []byte { return clipMKV(mkv{duration: 1e300}) })},
		{Name: "nan.mkv", Group: "lengths", Trick: "Matroska that lasts for no number of ticks", Outcomes: harmless,
			Make: fixed(func() []byte { return clipMKV(mkv{duration: math.NaN()}) })},
		{Name: "gif-frames.gif", Group: "lengths", Trick: "a GIF of five thousand frames", Outcomes: harmless, Heavy: true,
			Make: fixed(func() []byte { return animation(16, 16, 5_000, 2) })},
		{Name: "gif-size.gif", Group: "lengths", Trick: "a GIF of 65535 x 65535 in a hundred bytes", Outcomes: refused,
			Make: fixed(func() []byte { return animation(65535, 65535, 2, 2) })},
		{Name: "gif-hours.gif", Group: "lengths", Trick: "a GIF of twenty frames that stand for eleven minutes each", Outcomes: harmless,
			Make: fixed(func() []byte { return animation(64, 64, 20, 65535) })},
	}
}

// claims is a movie whose index says of one line that it holds count frames of a byte.
func claims(count uint32) movie {
	return movie{
		duration: 1000, times: full("stts", 0, 0, u32(1), u32(count), u32(1)),
		sizes: full("stsz", 0, 0, u32(1), u32(count)), chunks: full("stsc", 0, 0, u32(1), u32(1), u32(count), u32(1)),
	}
}

func fragmented() []byte {
	m := movie{beside: box("mvex", full("trex", 0, 0, u32(1), u32(1), u32(100), u32(1), u32(0)))}
	run := full("trun", 0, 1, u32(20_000_000), u32(0))
	return join(m.bytes(), box("moof", full("mfhd", 0, 0, u32(1)), box("traf", full("tfhd", 0, 0x20000, u32(1)), run)), box("mdat", make([]byte, 100)))
}

// crowds are many streams.
func crowds() []File {
	return []File{
		{Name: "tracks.mov", Group: "streams", Trick: "a thousand video tracks of the same frames", Outcomes: limited,
			Make: fixed(func() []byte { return movie{tracks: 1000}.bytes() })},
		{Name: "tracks.mkv", Group: "streams", Trick: "a thousand tracks in Matroska", Outcomes: limited,
			Make: fixed(func() []byte { return clipMKV(mkv{tracks: 1000}) })},
		{Name: "programs.ts", Group: "streams", Trick: "a transport stream of a thousand streams", Outcomes: limited, Make: fixed(transport)},
	}
}

// transport is a transport stream (ISO/IEC 13818-1) whose programs have 50 streams each, and
// a packet of each of them.
func transport() []byte {
	const programs, each = 40, 50
	section := func(table byte, id int, body []byte) []byte {
		s := join([]byte{table}, u16(0xb000|(len(body)+9)), u16(id), []byte{0xc1, 0, 0}, body)
		return append(s, u32(crcMPEG(s))...)
	}
	packet := func(pid, count int, payload []byte) []byte {
		p := join([]byte{0x47}, u16(0x4000|pid), []byte{0x10 | byte(count&15)}, payload)
		return append(p, bytes.Repeat([]byte{0xff}, 188-len(p))...)
	}
	var list, out []byte
	for i := range programs {
		list = append(list, join(u16(i+1), u16(0xe000|(0x20+i)))...)
	}
	for round := range 4 {
		out = append(out, packet(0, round, append([]byte{0}, section(0, 1, list)...))...)
		for i := range programs {
			body := join(u16(0xe000|(0x100+i*each)), u16(0xf000))
			for j := range each / 2 { // as many as one packet holds
				body = append(body, join([]byte{2}, u16(0xe000|(0x100+i*each+j)), u16(0xf000))...)
			}
			out = append(out, packet(0x20+i, round, append([]byte{0}, section(2, i+1, body)...))...)
			for j := range each {
				out = append(out, packet(0x100+i*each+j, round, join([]byte{0, 0, 1, 0xe0}, u16(0), []byte{0x80, 0, 0}, make([]byte, 100)))...)
			}
		}
	}
	return out
}

// crcMPEG is the CRC-32 of sections: the usual polynomial, without mirrors.
func crcMPEG(data []byte) uint32 {
	crc := uint32(0xffffffff)
	for _, b := range data {
		crc ^= uint32(b) << 24
		for range 8 {
			if crc&0x80000000 != 0 {
				crc = crc<<1 ^ 0x04c11db7
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
