package media

import (
	"fmt"
	"path/filepath"
	"testing"
)

func TestLadder(t *testing.T) {
	dear := Complexity{Scale: 58.8, Power: 0.78, Peak: 1.2}
	cheap := Complexity{Scale: 5, Power: 0.78, Peak: 1}
	flat := Complexity{Scale: 20_000, Power: 0.3, Peak: 1}
	for _, c := range []struct {
		name          string
		width, height int
		rate          float64
		cost          Complexity
		want          string
	}{
		{"full HD", 1920, 1080, 30, dear, "every 1: 1920x1080 1280x720 854x480 640x360 426x240"},
		{"unknown content", 1920, 1080, 30, Complexity{}, "every 1: 1920x1080 1280x720 854x480 640x360 426x240"},
		{"larger than any rung", 3840, 2160, 30, dear, "every 1: 1920x1080 1280x720 854x480 640x360 426x240"},
		{"hardly any content", 1920, 1080, 30, cheap, "every 1: 1920x1080 1280x720"},
		{"smaller costs the same", 1920, 1080, 30, flat, "every 1: 1920x1080 1280x720 640x360"},
		{"portrait", 1080, 1920, 30, dear, "every 1: 608x1080 406x720 270x480"},
		{"odd", 853, 481, 25, dear, "every 1: 852x480 638x360 426x240"},
		{"small", 320, 240, 25, dear, "every 1: 320x240"},
		{"tiny", 16, 16, 25, dear, "every 1: 16x16"},
		{"a strip", 4000, 100, 25, dear, "every 1: 4000x100"},
		{"slow motion", 1280, 720, 240, dear, "every 4: 1280x720 854x480 640x360 426x240"},
		{"59.94", 1280, 720, 60000.0 / 1001, dear, "every 1: 1280x720 854x480 640x360 426x240"},
	} {
		l := NewLadder(Info{Width: c.width, Height: c.height, FrameRate: c.rate}, c.cost)
		got := fmt.Sprintf("every %d:", l.Every)
		for i, r := range l.Rungs {
			got += fmt.Sprintf(" %dx%d", r.Width, r.Height)
			if r.Width > c.width || r.Height > c.height {
				t.Errorf("%s: %dx%d is above the source", c.name, r.Width, r.Height)
			}
			if r.MaxRate <= 0 || i > 0 && (r.MaxRate > l.Rungs[i-1].MaxRate || r.Expected >= l.Rungs[i-1].Expected) {
				t.Errorf("%s: rung %d is %+v below %+v", c.name, i, r, l.Rungs[max(i-1, 0)])
			}
		}
		if got != c.want {
			t.Errorf("%s gives %s, want %s", c.name, got, c.want)
		}
	}
}

// TestSample compares what samples let expect with what the encodings took.
func TestSample(t *testing.T) {
	x264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", "-g", "50"}
	for name, c := range map[string]struct {
		source string
		rungs  int
	}{
		"in motion": {"testsrc2=s=854x480:r=25:d=4,noise=alls=3:allf=t", 3},
		"a still":   {"smptebars=s=854x480:r=25:d=4", 1},
	} {
		t.Run(name, func(t *testing.T) {
			path := generate(t, "film.mp4", append([]string{"-f", "lavfi", "-i", c.source}, x264...)...)
			info := probed(t, path)
			cost, usage, err := tools(t).Sample(t.Context(), SamplePlan{Input: path, Info: info, Threads: 2})
			if err != nil || usage.Frames == 0 {
				t.Fatalf("%d frames, %v", usage.Frames, err)
			}
			ladder := NewLadder(info, cost)
			if len(ladder.Rungs) != c.rungs {
				t.Errorf("the ladder of %+v is %+v", cost, ladder)
			}
			dir := decodePlain(t, DecodePlan{Input: path, Info: info, Video: "video.mp4", Ladder: &ladder})
			for i, r := range ladder.Rungs {
				file := filepath.Join(dir, "video.mp4")
				if i > 0 {
					file = rungFile(dir, r)
				}
				took, most := float64(len(read(t, file)))*8/info.Duration, float64(r.MaxRate)
				if c.rungs > 1 && (took < 0.5*float64(r.Expected) || took > 1.5*float64(r.Expected)) || took > 1.1*most {
					t.Errorf("%dx%d took %.0f bits a second, expected were %d, at most %d", r.Width, r.Height, took, r.Expected, r.MaxRate)
				}
			}
		})
	}
	path := generate(t, "film.mp4", append([]string{"-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=2"}, x264...)...)
	info, content := probed(t, path), read(t, path)
	for i := range content[len(content)/4:] {
		content[len(content)/4+i] = 0
	}
	cost, _, err := tools(t).Sample(t.Context(), SamplePlan{Input: write(t, "broken.mp4", content), Info: info})
	if err != nil || cost != (Complexity{}) {
		t.Errorf("a broken file gives %+v, %v", cost, err)
	}
}

func TestSamplesAreSpread(t *testing.T) {
	for _, c := range []struct {
		duration, rate float64
		starts, frames int
	}{{0, 30, 1, 24}, {1, 30, 1, 24}, {10, 30, 1, 30}, {30, 30, 2, 30}, {3600, 60, 4, 60}, {20, 240, 1, 240}} {
		starts, frames := SamplePlan{Info: Info{Duration: c.duration, FrameRate: c.rate}}.moments()
		if len(starts) != c.starts || frames != c.frames {
			t.Errorf("%g s at %g: at %v, %d frames each", c.duration, c.rate, starts, frames)
		}
		for _, at := range starts {
			if at < 0 || at > c.duration {
				t.Errorf("%g s are sampled at %g", c.duration, at)
			}
		}
	}
}

// TestLevelOfWidePictures has few macroblocks, but more side by side than the lowest level allows:
// the square of a side may be eight times the most of a picture (ITU-T H.264, A.3.1).
func TestLevelOfWidePictures(t *testing.T) {
	for _, c := range []struct {
		w, h int
		want string
	}{{1280, 720, "3.1"}, {2704, 16, "3.1"}, {2720, 16, "4.0"}, {16, 2720, "4.0"}, {4096, 16, "4.0"}, {4112, 16, "4.2"}, {1920, 1080, "4.0"}, {8640, 16, "5.1"}} {
		if got := level(c.w, c.h, 25); got != c.want {
			t.Errorf("%d x %d has level %s, want %s", c.w, c.h, got, c.want)
		}
	}
}
