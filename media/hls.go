package media

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"github.com/motionmill/motionmill/job"
)

// PackagePlan says of which finished encodings an HLS presentation is made.
type PackagePlan struct {
	// Video is the path of the rendition that Decode made: the ladder's top,
	// where the ladder has every frame, and the sound.
	Video string
	Info  Info
	// Ladder and Dir are those of the DecodePlan. The presentation lies in the
	// folder hls in Dir; the rungs that Decode left there are removed.
	Ladder Ladder
	Dir    string
}

// Packaged is one file of a presentation.
type Packaged struct {
	// Path is relative to the plan's Dir, with slashes: "hls/720p/init.mp4".
	Path string
	// Type is the media type.
	Type string
	// Codecs is as in RFC 6381. It and the fields below are set for
	// playlists of a track.
	Codecs        string
	Width, Height int
	Frames        int64
	// Duration is in seconds.
	Duration float64
}

// HLSFolder is the folder of a presentation, HLSMaster the name of the playlist
// in it that players open.
const (
	HLSFolder = "hls"
	HLSMaster = masterName
)

const (
	playlistType = "application/vnd.apple.mpegurl"
	videoSegment = "video/iso.segment"
	audioSegment = "audio/mp4"
)

// Package makes an HLS presentation in CMAF of a ladder: no picture is encoded
// again. It returns the files, the master first.
func (t *Tools) Package(ctx context.Context, plan PackagePlan) ([]Packaged, Usage, error) {
	const op = "package"
	subject := filepath.Base(plan.Video)
	if len(plan.Ladder.Rungs) == 0 || plan.Info.TimeBase.Num <= 0 {
		return nil, Usage{}, job.Fail(job.Internal, op, subject, "the plan has no ladder, or no result of a probe", "", nil)
	}
	var err error
	if plan.Dir, err = filepath.Abs(plan.Dir); err != nil {
		return nil, Usage{}, fmt.Errorf("find the folder for %s: %w", subject, err)
	}
	usage, err := t.remux(ctx, plan, op, subject)
	if err != nil {
		return nil, usage, err
	}
	files, err := plan.cutAll()
	if err != nil {
		remedy := ""
		if job.KindOf(err) == job.OutOfDisk {
			remedy = freeSpace
		}
		return nil, usage, job.Fail(job.KindOf(err), op, subject, "", remedy, err)
	}
	return files, usage, nil
}

// soundFile is where the sound lies until it is cut into segments.
func (p PackagePlan) soundFile() string { return filepath.Join(p.Dir, ".sound.mp4") }

// remux copies the rendition's picture and sound into fragmented files.
func (t *Tools) remux(ctx context.Context, plan PackagePlan, op, subject string) (Usage, error) {
	if !plan.Ladder.shared() && !plan.Info.Audio {
		return Usage{}, nil
	}
	from, err := outputPath(plan.Video, plan.Dir)
	if err != nil {
		return Usage{}, err
	}
	args := append(withoutProgress(globals(0, maxErrorRate)), "-protocol_whitelist", "file,pipe", "-format_whitelist", whitelist(isoMedia), "-f", string(isoMedia), "-i", from)
	scale := strconv.FormatInt(timescale(plan.Info), 10)
	movflags := fragments()
	if plan.Ladder.shared() {
		args = append(args, "-map", "0:v:0", "-c", "copy", "-f", "mp4", "-movflags", fmt.Sprint(movflags["movflags"]), "-brand", "cmfc",
			"-movie_timescale", scale, "-video_track_timescale", scale, "file:"+rungFile(plan.Dir, plan.Ladder.Rungs[0]))
	}
	if plan.Info.Audio {
		// The encoder's run-up before zero is left out: players differ in how
		// they skip it. Without frag_keyframe, since every packet is one.
		args = append(args, "-map", "0:a:0", "-c", "copy", "-copypriorss", "0", "-f", "mp4", "-brand", "cmfc",
			"-movflags", "+delay_moov+default_base_moof+skip_trailer", "-frag_duration", "1000000", "file:"+plan.soundFile())
	}
	p, err := t.start(ctx, command{
		path: t.ffmpeg, args: args, dir: plan.Dir, deadline: deadlineFor(0, plan.Info), op: op, subject: subject, input: from[len("file:"):],
	})
	if err != nil {
		return Usage{}, err
	}
	return p.wait()
}

// cutAll cuts the fragmented files and writes the playlists.
func (p PackagePlan) cutAll() ([]Packaged, error) {
	made := []Packaged{{Path: path.Join(HLSFolder, masterName), Type: playlistType}}
	var rungs []listed
	for _, r := range p.Ladder.Rungs {
		l, err := p.cut(rungFile(p.Dir, r), fmt.Sprintf("%dp", r.Height))
		if err != nil {
			return nil, err
		}
		l.rate = l.frameRate(p.Info, p.Ladder.Every)
		rungs = append(rungs, l)
		made = append(made, l.files(videoSegment)...)
	}
	var sound *listed
	if p.Info.Audio {
		l, err := p.cut(p.soundFile(), audioFolder)
		if err != nil {
			return nil, err
		}
		sound = &l
		made = append(made, l.files(audioSegment)...)
	}
	for _, l := range append(rungs[:len(rungs):len(rungs)], soundOf(sound)...) {
		if err := p.write(path.Join(l.folder, playlistName), l.media()); err != nil {
			return nil, err
		}
		if l.width == 0 {
			continue
		}
		if err := p.write(path.Join(l.folder, iframesName), l.iframes()); err != nil {
			return nil, err
		}
	}
	return made, p.write(masterName, master(rungs, sound))
}

func soundOf(sound *listed) []listed {
	if sound == nil {
		return nil
	}
	return []listed{*sound}
}

// cut makes the folder of one track and removes the file that it came in.
func (p PackagePlan) cut(file, folder string) (listed, error) {
	t, err := readTrack(file)
	if err != nil {
		return listed{}, fmt.Errorf("read %s: %w", folder, err)
	}
	l := listed{track: t, folder: folder, segments: t.segments()}
	if err := t.split(file, filepath.Join(p.Dir, HLSFolder, folder), l.segments); err != nil {
		return l, fmt.Errorf("cut %s: %w", folder, err)
	}
	return l, os.Remove(file)
}

func (p PackagePlan) write(name, text string) error {
	return os.WriteFile(filepath.Join(p.Dir, HLSFolder, filepath.FromSlash(name)), []byte(text), 0o644)
}

// frameRate is the highest that a player has to show, in frames a second: where
// the source's varies, that of the group with the most.
func (l listed) frameRate(info Info, every int) float64 {
	highest := rate(info) / float64(every)
	if !info.VFR {
		return highest
	}
	for i, e := range l.keys() {
		if e.seconds >= groupSeconds/2 {
			highest = max(highest, float64(l.fragments[i].samples)/e.seconds)
		}
	}
	return highest
}

// files lists what lies in the folder of a track.
func (l listed) files(segmentType string) []Packaged {
	samples := int64(0)
	for _, f := range l.fragments {
		samples += f.samples
	}
	list := Packaged{
		Path: l.path(playlistName), Type: playlistType, Codecs: l.codec, Width: l.width, Height: l.height,
		Duration: l.seconds(l.end() - l.fragments[0].start),
	}
	header := "audio/mp4"
	all := []Packaged{}
	if l.width > 0 {
		list.Frames, header = samples, "video/mp4"
		winding := list
		winding.Path, winding.Frames = l.path(iframesName), int64(len(l.fragments))
		all = append(all, list, winding)
	} else {
		all = append(all, list)
	}
	all = append(all, Packaged{Path: l.path(initName), Type: header})
	for _, s := range l.segments {
		all = append(all, Packaged{Path: l.path(s.name), Type: segmentType})
	}
	return all
}

func (l listed) path(name string) string { return path.Join(HLSFolder, l.folder, name) }
