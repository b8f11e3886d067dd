package media

import (
	"math"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// loudnessOf measures a file with another filter than the one that levelled it.
func loudnessOf(t *testing.T, path string) (integrated, peak float64) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-hide_banner", "-i", path, "-map", "0:a", "-af", "ebur128=peak=true:framelog=verbose", "-f", "null", "-").CombinedOutput()
	if err != nil {
		t.Fatalf("measure %s: %v", path, err)
	}
	read := func(pattern string) float64 {
		found := regexp.MustCompile(pattern).FindStringSubmatch(string(out))
		if found == nil {
			t.Fatalf("no %s in %s", pattern, out)
		}
		value, _ := strconv.ParseFloat(found[1], 64)
		return value
	}
	return read(`I:\s+(-?[\d.]+|-inf) LUFS`), read(`Peak:\s+(-?[\d.]+|-inf) dBFS`)
}

// TestLoudness levels sounds that are too quiet, too loud, and quiet with loud
// peaks; silence stays silent.
func TestLoudness(t *testing.T) {
	for name, sound := range map[string]string{
		"quiet":      "sine=440:d=4:r=48000,volume=-20dB",
		"loud":       "anoisesrc=d=4:c=pink:r=48000:a=0.9:seed=1,volume=6dB",
		"with peaks": "aevalsrc='0.01*sin(880*PI*t)+0.9*lt(mod(t,1),0.01)*sin(6000*PI*t)':d=6:s=48000",
		"silent":     "anullsrc=r=48000,atrim=end=2",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := generate(t, "film.mp4", "-f", "lavfi", "-i", "color=s=64x64:r=10:d=6", "-f", "lavfi", "-i", sound,
				"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-b:a", "192k")
			info := probed(t, path)
			l, _, err := tools(t).Loudness(t.Context(), path, info)
			if err != nil {
				t.Fatal(err)
			}
			if before, _ := loudnessOf(t, path); name != "silent" && math.Abs(l.Integrated-before) > 0.5 {
				t.Errorf("measured %+v, ebur128 says %g", l, before)
			}
			l.Target = -16
			after, peak := loudnessOf(t, filepath.Join(decodePlain(t, DecodePlan{Input: path, Info: info, Video: "video.mp4", Loudness: &l}), "video.mp4"))
			switch {
			case name == "silent":
				if !l.Silent() || after > -60 {
					t.Errorf("silence became %g LUFS", after)
				}
			case name == "with peaks":
				if after < -24 || after > -15 || peak > -0.5 {
					t.Errorf("%g LUFS with a peak of %g became so", after, peak)
				}
			case math.Abs(after+16) > 0.7 || peak > -0.5:
				t.Errorf("it is %g LUFS, the peak %g", after, peak)
			}
		})
	}
}

// TestLoudnessOfOtherLayouts levels the same sound with peaks as it comes in one channel, and in
// one of eight: neither may come out quieter than from two.
func TestLoudnessOfOtherLayouts(t *testing.T) {
	t.Parallel()
	const voice = "0.05*sin(880*PI*t)+0.5*lt(mod(t,1),0.01)*sin(6000*PI*t)"
	levelled := func(channels string) float64 {
		path := generate(t, "film.mov", "-f", "lavfi", "-i", "color=s=64x64:r=10:d=3", "-f", "lavfi", "-i",
			"aevalsrc='"+channels+":d=3:s=48000", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le")
		info := probed(t, path)
		l, _, err := tools(t).Loudness(t.Context(), path, info)
		if err != nil {
			t.Fatal(err)
		}
		if l.Target = -16; !strings.Contains(l.filter(), "loudnorm") {
			t.Fatalf("%+v needs no riding", l)
		}
		after, _ := loudnessOf(t, filepath.Join(decodePlain(t, DecodePlan{Input: path, Info: info, Video: "video.mp4", Loudness: &l}), "video.mp4"))
		return after
	}
	two := levelled(voice + "|" + voice + "':c=stereo")
	for name, channels := range map[string]string{"one": voice + "'", "one of eight": "0|0|" + voice + "|0|0|0|0|0':c=7.1"} {
		if after := levelled(channels); math.Abs(after-two) > 0.8 {
			t.Errorf("%s: %g LUFS, of two channels %g", name, after, two)
		}
	}
}

// TestLoudnessKeepsTime rides the level of a click at 1 s: it stays there.
func TestLoudnessKeepsTime(t *testing.T) {
	path := generate(t, "film.mp4", "-f", "lavfi", "-i", "color=s=64x64:r=10:d=5", "-f", "lavfi", "-i",
		"aevalsrc='0.05*sin(880*PI*t)+0.9*between(t,1,1.01)*sin(2000*PI*t)':d=5:s=48000", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac")
	info := probed(t, path)
	l, _, err := tools(t).Loudness(t.Context(), path, info)
	if err != nil {
		t.Fatal(err)
	}
	l.Target = -16
	if !strings.Contains(l.filter(), "loudnorm") {
		t.Fatalf("%+v needs no riding", l)
	}
	dir := decodePlain(t, DecodePlan{Input: path, Info: info, Video: "video.mp4", Loudness: &l})
	onset := func(path string) float64 {
		out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-i", path, "-map", "0:a", "-ac", "1", "-ar", "48000", "-f", "u8", "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		loudest := 0
		for _, b := range out {
			loudest = max(loudest, absolute(int(b)-128))
		}
		for i, b := range out {
			if absolute(int(b)-128) > loudest*2/3 {
				return float64(i) / 48000
			}
		}
		return -1
	}
	if before, after := onset(path), onset(filepath.Join(dir, "video.mp4")); math.Abs(before-after) > 0.005 {
		t.Errorf("the click at %g s is at %g s", before, after)
	}
}

func FuzzReadLoudness(f *testing.F) {
	f.Add(`{"input_i" : "-23.1", "input_tp" : "-3", "input_lra" : "4", "input_thresh" : "-33"}`)
	f.Add(`{"input_i" : "-inf", "input_tp" : "-inf", "input_lra" : "0.00", "input_thresh" : "-70.00"}`)
	f.Add("}{")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := readLoudness(strings.Split(text, "\n"))
		if err != nil {
			return
		}
		l.Target = -16
		// Whatever was measured becomes a filter without words of its own.
		if found := regexp.MustCompile(`^(anull|volume=-?\d+\.\d\ddB|aformat=channel_layouts=stereo,loudnorm=[A-Za-z_:=.0-9-]*,aresample=48000)$`).MatchString(l.filter()); !found && !math.IsInf(l.Peak, 0) && !math.IsInf(l.Range, 0) && !math.IsInf(l.Threshold, 0) && !math.IsInf(l.Integrated, 0) {
			t.Errorf("%q gives %+v and %q", text, l, l.filter())
		}
	})
}
