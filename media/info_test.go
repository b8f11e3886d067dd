package media

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func sizeText(w, h int) string { return fmt.Sprintf("%dx%d", w, h) }

func TestSizes(t *testing.T) {
	for _, test := range []struct {
		w, h                     int
		frame, video, silhouette string
	}{
		{1920, 1080, "640x360", "1920x1080", "1280x720"},
		{3840, 2160, "640x360", "1920x1080", "1280x720"},
		{1080, 1920, "360x640", "608x1080", "406x720"},
		{384, 496, "384x496", "384x496", "384x496"},
		{101, 61, "100x60", "100x60", "100x60"},
		{8, 8, "8x8", "8x8", "8x8"},
		{1, 1, "2x2", "2x2", "2x2"},
	} {
		info := Info{Width: test.w, Height: test.h}
		frame, video, silhouette := sizeText(FrameSize(info, 640)), sizeText(VideoSize(info)), sizeText(SilhouetteSize(info))
		if frame != test.frame || video != test.video || silhouette != test.silhouette {
			t.Errorf("%dx%d gives %s, %s, %s", test.w, test.h, frame, video, silhouette)
		}
	}
}

func TestFrameSizeHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		info := Info{Width: rapid.IntRange(2, 9000).Draw(t, "w"), Height: rapid.IntRange(2, 9000).Draw(t, "h")}
		longest := rapid.IntRange(2, 2000).Draw(t, "longest")
		w, h := FrameSize(info, longest)
		if w%2 != 0 || h%2 != 0 || w < 2 || h < 2 {
			t.Fatalf("%dx%d is not even", w, h)
		}
		if w > info.Width || h > info.Height || max(w, h) > longest {
			t.Fatalf("%dx%d is larger than allowed", w, h)
		}
	})
}

func TestReadTurn(t *testing.T) {
	for _, test := range []struct {
		a, b, c, d int
		want       turn
		degrees    int
	}{
		{1, 0, 0, 1, turn{}, 0},
		{0, 1, -1, 0, turn{transpose: true, hflip: true}, 90},
		{-1, 0, 0, -1, turn{hflip: true, vflip: true}, 180},
		{0, -1, 1, 0, turn{transpose: true, vflip: true}, 270},
		{0, 0, 0, 0, turn{}, 0},
	} {
		dump := fmt.Sprintf("\n00000000: %d %d 0\n00000001: %d %d 0\n00000002: 0 0 1073741824\n",
			test.a<<16, test.b<<16, test.c<<16, test.d<<16)
		if got := readTurn(dump); got != test.want || got.degrees() != test.degrees {
			t.Errorf("%s gives %+v, %d degrees", dump, got, got.degrees())
		}
	}
	if got := readTurn("rubbish"); got != (turn{}) {
		t.Errorf("rubbish gives %+v", got)
	}
}

func TestLostIsNotWhatWasCutOut(t *testing.T) {
	for name, c := range map[string]struct {
		info   Info
		frames int64
		end    float64
		want   Lost
	}{
		"cut by an edit list":  {Info{demuxer: isoMedia, Frames: 80, Duration: 2.7, FrameRate: 25, ends: true}, 67, 2.68, Lost{Errors: 1}},
		"the end is missing":   {Info{demuxer: isoMedia, Frames: 80, Duration: 3.2, FrameRate: 25, ends: true}, 60, 2.4, Lost{Frames: 20, Seconds: 0.8, Errors: 1}},
		"some in the middle":   {Info{demuxer: isoMedia, Frames: 80, Duration: 3.2, FrameRate: 25, ends: true}, 75, 3.2, Lost{Frames: 5, Seconds: 0.2, Errors: 1}},
		"29.97, all are there": {Info{demuxer: isoMedia, Frames: 90, Duration: 3.003, FrameRate: 30000.0 / 1001, ends: true}, 90, 3.003, Lost{Errors: 1}},
		"29.97, one is not":    {Info{demuxer: isoMedia, Frames: 90, Duration: 3.003, FrameRate: 30000.0 / 1001, ends: true}, 89, 3.003, Lost{Frames: 1, Seconds: 0.033, Errors: 1}},
		"AVI, cut off":         {Info{Frames: 120, Duration: 3.05, FrameRate: 20, ends: true}, 60, 3, Lost{Frames: 60, Seconds: 0.05, Errors: 1}},
		"no number of frames":  {Info{demuxer: isoMedia, Duration: 3.2, FrameRate: 25, ends: true}, 60, 2.4, Lost{Frames: 20, Seconds: 0.8, Errors: 1}},
	} {
		if got := c.info.lost(c.frames, c.end, 1); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
