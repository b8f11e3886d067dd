package media

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grafov/m3u8"
)

// steady is a track of fragments of so many bytes, two seconds each.
func steady(bytes ...int64) listed {
	t := &track{codec: "avc1.64001f", width: 640, height: 360, timescale: 1000}
	at := int64(0)
	for i, n := range bytes {
		t.fragments = append(t.fragments, fragment{at: at, bytes: n, key: n / 2, start: int64(i) * 2000, end: int64(i+1) * 2000, samples: 60})
		at += n
	}
	return listed{track: t, folder: "360p", segments: t.segments(), rate: 30}
}

func TestSegmentsAndRates(t *testing.T) {
	l := steady(1000, 1000, 5000, 1000, 1000)
	if len(l.segments) != 3 || l.segments[1].name != "00002.m4s" || l.segments[1].bytes() != 6000 {
		t.Fatalf("the segments are %+v", l.segments)
	}
	extents := l.extents()
	if mean := average(extents); math.Abs(mean-7200) > 1e-6 { // 9000 bytes in 10 s
		t.Errorf("the average is %g", mean)
	}
	if most := peak(extents); math.Abs(most-12000) > 1e-6 { // 6000 bytes in 4 s
		t.Errorf("the peak is %g", most)
	}
	// A frame that remains alone joins the segment before.
	l.fragments = append(l.fragments[:4:4], fragment{at: 8000, bytes: 10, key: 10, start: 8000, end: 8033, samples: 1})
	if joined := l.track.segments(); len(joined) != 2 || joined[1].bytes() != 6010 {
		t.Errorf("the segments are %+v", joined)
	}
	// A picture that stands for a minute gives one long segment, not many.
	l.fragments = []fragment{{bytes: 10, end: 1000, samples: 1}, {at: 10, bytes: 10, start: 60_000, end: 62_000, samples: 60}}
	if long := (listed{track: l.track, segments: l.track.segments()}).extents(); len(long) != 2 || long[0].seconds != 60 || target(long) != 60 {
		t.Errorf("the segments last %+v", long)
	}
}

// TestPlaylistsAreRead gives playlists of many shapes to a parser that is not ours.
func TestPlaylistsAreRead(t *testing.T) {
	for count := 1; count < 8; count++ {
		sizes := make([]int64, count)
		for i := range sizes {
			sizes[i] = int64(1000 * (i + 1))
		}
		l := steady(sizes...)
		sound := &listed{track: &track{codec: "mp4a.40.2", channels: 2, timescale: 1000, fragments: l.fragments}, folder: "audio", segments: l.segments}
		for _, with := range []*listed{nil, sound} {
			list, kind, err := m3u8.DecodeFrom(strings.NewReader(master([]listed{l, l}, with)), true)
			if err != nil || kind != m3u8.MASTER || len(list.(*m3u8.MasterPlaylist).Variants) != 4 {
				t.Fatalf("%d segments: the master is %v, %v", count, list, err)
			}
			if v := list.(*m3u8.MasterPlaylist).Variants[0]; (with != nil) != (v.Audio == "audio") || v.URI != "360p/playlist.m3u8" {
				t.Errorf("the first variant is %+v", v)
			}
		}
		for text, segments := range map[string]int{l.media(): (count + 1) / 2, l.iframes(): count} {
			list, kind, err := m3u8.DecodeFrom(strings.NewReader(text), true)
			if err != nil || kind != m3u8.MEDIA {
				t.Fatalf("%d segments: %v", count, err)
			}
			media := list.(*m3u8.MediaPlaylist)
			sum := 0.0
			for _, s := range media.Segments[:media.Count()] {
				sum += s.Duration
			}
			if int(media.Count()) != segments || math.Abs(sum-float64(2*count)) > 1e-6 {
				t.Errorf("%d segments of %g s", media.Count(), sum)
			}
		}
	}
}

// FuzzTrack reads damaged fragmented files: an error or a track whose parts lie
// within the file.
func FuzzTrack(f *testing.F) {
	if dir, err := seedTrack(f); err == nil {
		f.Add(read(f, dir))
	}
	f.Add([]byte("\x00\x00\x00\x08moof\x00\x00\x00\x08mdat"))
	f.Fuzz(func(t *testing.T, data []byte) {
		track, err := scanTrack(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for _, fr := range track.fragments {
			if fr.at < 0 || fr.bytes <= 0 || fr.at+fr.bytes > int64(len(data)) || fr.end <= fr.start {
				t.Fatalf("the fragment %+v of %d bytes", fr, len(data))
			}
		}
		l := listed{track: track, folder: "x", segments: track.segments()}
		_, _, _ = l.media(), l.iframes(), fmt.Sprint(l.files(videoSegment))
	})
}

// seedTrack makes a small fragmented file.
func seedTrack(f *testing.F) (string, error) {
	f.Helper()
	if _, err := Find(f.Context(), Config{}); err != nil {
		return "", err
	}
	return generate(f, "seed.mp4", "-f", "lavfi", "-i", "testsrc=s=32x32:r=5:d=3", "-c:v", "libx264", "-g", "10",
		"-movflags", "+frag_keyframe+delay_moov+default_base_moof+skip_trailer"), nil
}

func FuzzWebP(f *testing.F) {
	f.Add([]byte("RIFF\x20\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x3f\x01\x00\xb3\x00\x00ANMF\x10\x00\x00\x00"))
	f.Add([]byte("RIFFxxxxWEBPANMF\xff\xff\xff\xff"))
	f.Add([]byte("RIFF\x18\x00\x00\x00WEBPVP8 \x0a\x00\x00\x00\x10\x00\x00\x9d\x01\x2a\x40\x01\xb4\x00"))
	f.Add([]byte("RIFF\x12\x00\x00\x00WEBPVP8L\x05\x00\x00\x00\x2f\x3f\xc1\x2c\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if out, err := readWebP(data); err == nil && (out.Width < 1 || out.Height < 1 || out.Frames < 1 || out.Duration < 0) {
			t.Errorf("%+v", out)
		}
	})
}

func TestThumbIndexNamesTheSprite(t *testing.T) {
	text := thumbIndex(filepath.Base("/x/sprite.jpg"), []float64{0, 3599.9996, 3661.5}, 7322.25, 160, 90)
	want := "WEBVTT\n\n00:00:00.000 --> 01:00:00.000\nsprite.jpg#xywh=0,0,160,90\n\n01:00:00.000 --> 01:01:01.500\nsprite.jpg#xywh=160,0,160,90\n\n" +
		"01:01:01.500 --> 02:02:02.250\nsprite.jpg#xywh=320,0,160,90\n"
	if text != want {
		t.Errorf("got %q", text)
	}
}
