package media

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/grafov/m3u8"
)

// TestHLS makes presentations of several kinds of video and reads them as a
// player would: with a parser of playlists that is not ours, and with ffprobe.
func TestHLS(t *testing.T) {
	x264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-g", "50"}
	film := func(size, rate, seconds string, more ...string) []string {
		return append([]string{"-f", "lavfi", "-i", "testsrc2=s=" + size + ":r=" + rate + ":d=" + seconds}, more...)
	}
	tone := func(seconds string) []string {
		return []string{"-f", "lavfi", "-i", "sine=440:d=" + seconds, "-c:a", "aac"}
	}
	two := []Rung{{Width: 256, Height: 144, Quality: 21, MaxRate: 900_000}, {Width: 128, Height: 72, Quality: 23, MaxRate: 400_000}}
	for _, c := range []struct {
		name   string
		source []string
		ladder Ladder
		// frames, segments, rate: what there must be.
		frames, segments int
		rate             float64
	}{
		{"with sound that ends early", film("256x144", "30", "9", append(tone("3"), x264...)...), Ladder{1, two}, 270, 3, 30},
		{"at 29.97", film("256x144", "30000/1001", "5", append(tone("6"), x264...)...), Ladder{1, two}, 150, 2, 29.97},
		{"one second, no sound", film("256x144", "25", "1", x264...), Ladder{1, two}, 25, 1, 25},
		{"one frame", film("256x144", "25", "0.04", x264...), Ladder{1, two}, 1, 1, 25},
		{"varying, portrait, odd", film("75x135", "30", "6", append([]string{"-pix_fmt", "yuv444p", "-fps_mode", "passthrough",
			"-vf", "setpts=(N+floor(N*N/300)+0.3*mod(N\\,3))/30/TB", "-enc_time_base", "1:90000"}, x264...)...),
			Ladder{1, []Rung{{Width: 74, Height: 134, Quality: 21, MaxRate: 400_000}, {Width: 40, Height: 72, Quality: 23, MaxRate: 200_000}}}, 180, 3, 0},
		{"slow motion", film("256x144", "120", "3", append(tone("3"), x264...)...), Ladder{2, two}, 180, 1, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := generate(t, "source.mp4", c.source...)
			info := probed(t, path)
			p := present(t, path, info, c.ladder)
			if len(p.rungs) != len(c.ladder.Rungs) || (p.sound != nil) != info.Audio {
				t.Fatalf("there are %d rungs, sound %t", len(p.rungs), p.sound != nil)
			}
			for i, r := range p.rungs {
				want := c.ladder.Rungs[i]
				if r.resolution != fmt.Sprintf("%dx%d", want.Width, want.Height) || want.Width > info.Width || want.Height > info.Height {
					t.Errorf("rung %d is %s of a source of %dx%d", i, r.resolution, info.Width, info.Height)
				}
				if len(r.packets.packets) != c.frames || len(r.starts) != c.segments {
					t.Errorf("rung %d has %d frames in %d segments, want %d in %d", i, len(r.packets.packets), len(r.starts), c.frames, c.segments)
				}
				if c.rate > 0 && r.rate != c.rate {
					t.Errorf("rung %d says %g frames a second, want %g", i, r.rate, c.rate)
				}
				if !slices.Equal(r.times(), p.rungs[0].times()) || !slices.Equal(r.starts, p.rungs[0].starts) {
					t.Errorf("rung %d has other times than the top: segments at %v, not %v", i, r.starts, p.rungs[0].starts)
				}
			}
			if c.ladder.Every == 1 {
				if !slices.Equal(p.rungs[0].hashes(), packets(t, filepath.Join(p.dir, "video.mp4"), "v:0").hashes()) {
					t.Error("the top rung and video.mp4 are not the same encoding")
				}
				if sameAsSource(t, p.rungs[0], path) > 1e-3 {
					t.Error("the frames are not at the source's times")
				}
			}
			if p.sound != nil && math.Abs(p.sound.seconds-p.rungs[0].seconds) > 0.05 && p.sound.seconds < info.Duration {
				t.Errorf("the sound lasts %g s, the picture %g s", p.sound.seconds, p.rungs[0].seconds)
			}
		})
	}
}

// presentation is what was read of one.
type presentation struct {
	dir   string
	rungs []shownRung
	sound *shownRung
}

// shownRung is a rung or the sound as its playlist and its segments show it.
type shownRung struct {
	resolution string
	rate       float64
	packets    packetList
	starts     []int64 // of the segments, in ticks
	seconds    float64
	bytes      int64
	codec      string
}

// present decodes a file into a ladder, packages that and reads all of it.
func present(t *testing.T, path string, info Info, ladder Ladder) presentation {
	t.Helper()
	plan := DecodePlan{Input: path, Info: info, Dir: t.TempDir(), Video: "video.mp4", Ladder: &ladder, Threads: 2}
	d, err := tools(t).Decode(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Wait(); err != nil {
		t.Fatal(err)
	}
	files, _, err := tools(t).Package(t.Context(), PackagePlan{Video: "video.mp4", Info: info, Ladder: ladder, Dir: plan.Dir})
	if err != nil {
		t.Fatal(err)
	}
	listedFiles(t, plan.Dir, files)
	p := presentation{dir: plan.Dir}
	root := filepath.Join(plan.Dir, HLSFolder)
	list, kind, err := m3u8.DecodeFrom(bytes.NewReader(read(t, filepath.Join(root, HLSMaster))), true)
	if err != nil || kind != m3u8.MASTER {
		t.Fatalf("the master is of kind %d: %v", kind, err)
	}
	var top *m3u8.Variant
	for _, v := range list.(*m3u8.MasterPlaylist).Variants {
		folder := filepath.Join(root, filepath.Dir(v.URI))
		if v.Iframe {
			checkIframes(t, folder, v)
			continue
		}
		r := readRung(t, folder, "v:0")
		if top == nil {
			top = v
			if len(v.Alternatives) > 0 && v.Alternatives[0] != nil {
				sound := readRung(t, filepath.Join(root, filepath.Dir(v.Alternatives[0].URI)), "a:0")
				p.sound = &sound
			}
		}
		r.rate, r.resolution = v.FrameRate, v.Resolution
		if r.resolution != r.packets.size {
			t.Errorf("RESOLUTION is %s, ffprobe says %s", r.resolution, r.packets.size)
		}
		checkVariant(t, v, r, p.sound)
		p.rungs = append(p.rungs, r)
	}
	return p
}

// listedFiles holds the list of files against those that are there.
func listedFiles(t *testing.T, dir string, files []Packaged) {
	t.Helper()
	var there, named []string
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			there = append(there, path)
		}
		return err
	})
	for _, f := range files {
		named = append(named, filepath.Join(dir, filepath.FromSlash(f.Path)))
		if f.Type == "" {
			t.Errorf("%s has no type", f.Path)
		}
	}
	named = append(named, filepath.Join(dir, "video.mp4"))
	slices.Sort(named)
	if err != nil || !slices.Equal(there, named) {
		t.Errorf("there are %v, named %v (%v)", there, named, err)
	}
}

// checkVariant holds what the master says of a rung against its files.
func checkVariant(t *testing.T, v *m3u8.Variant, r shownRung, sound *shownRung) {
	t.Helper()
	codecs, mean := r.codec, float64(r.bytes)*8/r.seconds
	if sound != nil {
		codecs += "," + sound.codec
		mean += float64(sound.bytes) * 8 / sound.seconds
	}
	if v.Codecs != codecs {
		t.Errorf("CODECS of %s is %q, ffprobe says %q", v.URI, v.Codecs, codecs)
	}
	if off := math.Abs(float64(v.AverageBandwidth)-mean) / mean; off > 0.01 {
		t.Errorf("AVERAGE-BANDWIDTH of %s is %d, the files have %.0f", v.URI, v.AverageBandwidth, mean)
	}
	if v.Bandwidth < v.AverageBandwidth {
		t.Errorf("BANDWIDTH of %s is %d, below the average of %d", v.URI, v.Bandwidth, v.AverageBandwidth)
	}
}

// readRung reads a media playlist and decodes every segment alone.
func readRung(t *testing.T, folder, stream string) shownRung {
	t.Helper()
	list, kind, err := m3u8.DecodeFrom(bytes.NewReader(read(t, filepath.Join(folder, "playlist.m3u8"))), true)
	if err != nil || kind != m3u8.MEDIA {
		t.Fatalf("%s is of kind %d: %v", folder, kind, err)
	}
	media := list.(*m3u8.MediaPlaylist)
	if !media.Closed || media.MediaType != m3u8.VOD || media.Map == nil {
		t.Errorf("%s: closed %t, type %v, map %v", folder, media.Closed, media.MediaType, media.Map)
	}
	r := shownRung{}
	head := read(t, filepath.Join(folder, media.Map.URI))
	for _, s := range media.Segments[:media.Count()] {
		body := read(t, filepath.Join(folder, s.URI))
		alone := write(t, "alone.mp4", append(slices.Clone(head), body...))
		all := packets(t, alone, stream)
		if len(all.packets) == 0 || !all.packets[0].key {
			t.Fatalf("%s does not start with a keyframe", s.URI)
		}
		if n := len(decodedAlone(t, alone, stream, "warning")); stream == "v:0" && n != len(all.packets) {
			t.Errorf("%s alone gives %d frames of %d", s.URI, n, len(all.packets))
		}
		if math.Round(s.Duration) > media.TargetDuration {
			t.Errorf("%s lasts %g s, the target is %g", s.URI, s.Duration, media.TargetDuration)
		}
		if off := all.seconds(all.packets[0].pts) - r.seconds; math.Abs(off) > 0.002 {
			t.Errorf("%s/%s starts %g s off", filepath.Base(folder), s.URI, off)
		}
		r.starts = append(r.starts, all.packets[0].pts)
		r.packets = packetList{append(r.packets.packets, all.packets...), all.size, all.codec, all.timescale}
		r.seconds += s.Duration
		r.bytes += int64(len(body))
	}
	if stream == "v:0" {
		checkKeys(t, folder, r)
	}
	r.codec = r.packets.codec
	return r
}

// checkKeys wants a keyframe every two seconds.
func checkKeys(t *testing.T, folder string, r shownRung) {
	t.Helper()
	last := int64(0)
	for _, p := range r.packets.packets {
		if !p.key {
			continue
		}
		if gap := r.packets.seconds(p.pts - last); p.pts > 0 && (gap < 1.7 || gap > 2.3) {
			t.Errorf("%s: a keyframe at %g s comes after %g s", folder, r.packets.seconds(p.pts), gap)
		}
		last = p.pts
	}
}

// checkIframes takes each keyframe by its byte range and decodes it alone.
func checkIframes(t *testing.T, folder string, v *m3u8.Variant) {
	t.Helper()
	list, _, err := m3u8.DecodeFrom(bytes.NewReader(read(t, filepath.Join(folder, "iframes.m3u8"))), true)
	if err != nil {
		t.Fatal(err)
	}
	media := list.(*m3u8.MediaPlaylist)
	if !media.Iframe || v.Bandwidth == 0 || v.Resolution == "" || v.Codecs == "" {
		t.Errorf("%s: %+v", folder, v)
	}
	head := read(t, filepath.Join(folder, media.Map.URI))
	for i, s := range media.Segments[:media.Count()] {
		if i > 1 {
			break // Two tell, a process each.
		}
		body := read(t, filepath.Join(folder, s.URI))
		alone := write(t, "key.mp4", append(slices.Clone(head), body[s.Offset:s.Offset+s.Limit]...))
		if n := len(decodedAlone(t, alone, "v:0", "fatal")); n != 1 {
			t.Errorf("%s at %d gives %d pictures", s.URI, s.Offset, n)
		}
	}
}

// packet is one as ffprobe lists it.
type packet struct {
	pts  int64
	key  bool
	hash string
}

type packetList struct {
	packets   []packet
	size      string
	codec     string
	timescale float64
}

func (l packetList) seconds(ticks int64) float64 { return float64(ticks) / l.timescale }

func (l packetList) hashes() (all []string) {
	for _, p := range l.packets {
		all = append(all, p.hash)
	}
	return all
}

func (r shownRung) hashes() []string { return r.packets.hashes() }

// times are when the frames are shown, in ticks, in order.
func (r shownRung) times() (all []int64) {
	for _, p := range r.packets.packets {
		all = append(all, p.pts)
	}
	slices.Sort(all)
	return all
}

// packets lists a stream with ffprobe.
func packets(t *testing.T, path, stream string) packetList {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-select_streams", stream, "-show_data_hash", "md5",
		"-show_entries", "packet=pts,flags,data_hash:stream=codec_name,profile,level,width,height,time_base", "-of", "compact", path).Output()
	if err != nil {
		t.Fatalf("list the packets of %s: %v", path, err)
	}
	var l packetList
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		kind, rest, _ := strings.Cut(line, "|")
		fields := map[string]string{}
		for _, field := range strings.Split(rest, "|") {
			key, value, _ := strings.Cut(field, "=")
			fields[key] = value
		}
		switch kind {
		case "packet":
			pts, err := strconv.ParseInt(fields["pts"], 10, 64)
			if err != nil {
				t.Fatalf("%s: %s", path, line)
			}
			l.packets = append(l.packets, packet{pts, strings.HasPrefix(fields["flags"], "K"), fields["data_hash"]})
		case "stream":
			_, scale, _ := strings.Cut(fields["time_base"], "/")
			l.timescale, _ = strconv.ParseFloat(scale, 64)
			l.size = fields["width"] + "x" + fields["height"]
			level, _ := strconv.Atoi(fields["level"])
			l.codec = map[string]string{"h264 High": fmt.Sprintf("avc1.6400%02x", level), "aac LC": "mp4a.40.2"}[fields["codec_name"]+" "+fields["profile"]]
		}
	}
	return l
}

// decodedAlone decodes a stream and refuses complaints of ffmpeg's from a level on.
func decodedAlone(t *testing.T, path, stream, level string) []string {
	t.Helper()
	var complaints bytes.Buffer
	command := exec.CommandContext(t.Context(), "ffmpeg", "-v", level, "-nostdin", "-i", path, "-map", "0:"+stream, "-fps_mode", "passthrough", "-f", "framecrc", "-")
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil || complaints.Len() > 0 {
		t.Errorf("decode %s: %v %s", path, err, complaints.String())
	}
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(string(out)), "\n"), func(line string) bool { return strings.HasPrefix(line, "#") })
}

// sameAsSource is how far a rung's frames are from the source's, in seconds at most.
func sameAsSource(t *testing.T, r shownRung, path string) float64 {
	t.Helper()
	want, got := times(t, path), r.times()
	if len(want) != len(got) {
		return math.Inf(1)
	}
	most := 0.0
	for i := range want {
		most = math.Max(most, math.Abs(want[i]-want[0]-r.packets.seconds(got[i]-got[0])))
	}
	return most
}

// TestStreamsKeepTime flashes and beeps at the same moment, with the picture
// starting half a second after the sound, and reads both from the streams with
// ffmpeg's own player of HLS.
func TestStreamsKeepTime(t *testing.T) {
	path := generate(t, "clap.mp4", "-f", "lavfi", "-i", "aevalsrc='if(gte(t,1.5),sin(880*PI*t),0)':d=3:s=44100",
		"-itsoffset", "0.5", "-f", "lavfi", "-i", "nullsrc=s=64x64:r=50:d=2.5,format=gray,geq=lum='if(gte(T,1),255,0)',format=yuv420p",
		"-fps_mode", "passthrough", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac")
	p := present(t, path, probed(t, path), Ladder{1, []Rung{{Width: 64, Height: 64, Quality: 21, MaxRate: 400_000}}})
	list := filepath.Join(p.dir, HLSFolder, HLSMaster)
	stream := func(args ...string) []byte {
		out, err := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-v", "error", "-nostdin", "-i", list}, args...)...).Output()
		if err != nil {
			t.Fatalf("read the streams: %v", err)
		}
		return out
	}
	flash, beep := -1.0, -1.0
	for i, grey := range stream("-map", "0:v:0", "-vf", "scale=1:1,format=gray", "-f", "rawvideo", "-") {
		if grey > 127 {
			flash = float64(i) / 50
			break
		}
	}
	// Silence fills what the demuxer says is missing before the first sample.
	sound := stream("-map", "0:a:0", "-af", "aresample=48000:async=1:first_pts=0", "-ac", "1", "-f", "u8", "-")
	for i, level := range sound {
		if absolute(int(level)-128) > 40 {
			beep = float64(i) / 48000
			break
		}
	}
	if math.Abs(flash-1) > 0.001 || math.Abs(beep-flash) > 0.01 {
		t.Errorf("the flash is at %.3f s, the beep at %.3f s; both belong at 1", flash, beep)
	}
}
