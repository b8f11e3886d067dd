package media

import (
	"fmt"
	"path/filepath"

	ffmpeg "github.com/u2takey/ffmpeg-go"
)

// rungFile is where a decoding leaves a rung of a ladder until it is packaged:
// in the working folder, in fragments. Of a ladder of every frame the first rung
// is the rendition itself.
func rungFile(dir string, rung Rung) string {
	return filepath.Join(dir, fmt.Sprintf(".rung-%dp.mp4", rung.Height))
}

// shared tells that the ladder's first rung is the rendition.
func (l Ladder) shared() bool { return l.Every == 1 }

// apart are the rungs that are encoded for the ladder alone.
func (l *Ladder) apart() []Rung {
	switch {
	case l == nil:
		return nil
	case l.shared():
		return l.Rungs[1:]
	default:
		return l.Rungs
	}
}

// sound is what is said of the rendition's audio: it is moved to the zero of
// the first frame, gaps in it are filled, and it is levelled if wanted. For a ladder
// it lasts as long as the picture, since players stop where one of the two ends.
func (p *DecodePlan) sound() ffmpeg.KwArgs {
	chain := "asetpts=PTS-(" + decimal(p.Info.StartTime) + ")/TB,aresample=48000:async=1:first_pts=0"
	if p.Loudness != nil {
		chain += "," + p.Loudness.filter()
	}
	if p.Ladder != nil && p.Info.Duration > 0 {
		chain += ",apad=whole_dur=" + decimal(p.Info.Duration)
	}
	return ffmpeg.KwArgs{"c:a": "aac", "b:a": "128k", "ac": 2, "ar": 48000, "af": chain}
}

// rung is the output of one that is encoded for the ladder alone.
func (p *DecodePlan) rung(s *ffmpeg.Stream, r Rung) (*ffmpeg.Stream, error) {
	path, err := outputPath(rungFile(p.Dir, r), p.Dir)
	every := p.Ladder.Every
	if every > 1 {
		s = s.Filter("select", nil, ffmpeg.KwArgs{"expr": fmt.Sprintf("not(mod(n,%d))", every)})
	}
	s = s.Filter("scale", nil, ffmpeg.KwArgs{
		"w": r.Width, "h": r.Height, "flags": "bicubic", "in_color_matrix": "bt709", "out_color_matrix": "bt709",
	}).Filter("setsar", ffmpeg.Args{"1"})
	s, options := p.Encoder.encode(s, film{info: p.Info, every: every, w: r.Width, h: r.Height, quality: r.Quality, threads: p.Threads, rung: &r})
	return output([]*ffmpeg.Stream{s}, path, options, fragments()), err
}

// fragments are the options of a fragmented MP4 with one fragment a keyframe
// (CMAF, ISO/IEC 23000-19). With the header delayed an edit list tells players
// that frames are stored before they are shown; without it all would come late.
func fragments() ffmpeg.KwArgs {
	return ffmpeg.KwArgs{"movflags": "+frag_keyframe+delay_moov+default_base_moof+skip_trailer", "brand": "cmfc"}
}
