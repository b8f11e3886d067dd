package media

import (
	"strings"

	"github.com/motionmill/motionmill/job"
	ffmpeg "github.com/u2takey/ffmpeg-go"
)

// turnSource is where a turn is said: ffmpeg itself follows a matrix of the
// stream, and one of frames as far as these have it; what else the header says is ours
// to follow.
type turnSource int

const (
	byStream turnSource = iota
	byFrames
	byHeader
)

// readRotate reads the tag "rotate", which is in degrees clockwise.
func readRotate(tags map[string]string) turn {
	for name, value := range tags {
		if !strings.EqualFold(name, "rotate") {
			continue
		}
		switch value {
		case "90", "-270":
			return turn{transpose: true, hflip: true}
		case "180", "-180":
			return turn{hflip: true, vflip: true}
		case "270", "-90":
			return turn{transpose: true, vflip: true}
		}
	}
	return turn{}
}

// apply turns a stream.
func (t turn) apply(s *ffmpeg.Stream) *ffmpeg.Stream {
	if t.transpose {
		s = s.Filter("transpose", ffmpeg.Args{"cclock_flip"})
	}
	if t.hflip {
		s = s.HFlip()
	}
	if t.vflip {
		s = s.VFlip()
	}
	return s
}

// upright finds the turn that is said in the stream, in its frames, in a tag or by
// Matroska's projection.
func upright(video stream, frame frame, projection turn) (turn, turnSource) {
	if matrix, ok := displayMatrix(video.SideData); ok {
		return readTurn(matrix), byStream
	}
	if matrix, ok := displayMatrix(frame.SideData); ok {
		return readTurn(matrix), byFrames
	}
	if t := readRotate(video.Tags); t != (turn{}) {
		return t, byHeader
	}
	return projection, byHeader
}

func displayMatrix(list []sideData) (matrix string, ok bool) {
	for _, data := range list {
		// A stream's is a "Display Matrix", a frame's a "3x3 displaymatrix".
		if name := strings.ReplaceAll(strings.ToLower(data.Type), " ", ""); strings.HasSuffix(name, "displaymatrix") {
			return data.Matrix, true
		}
	}
	return "", false
}

// steady refuses a video in which only some frames say how they lie: ffmpeg would turn
// those and no others.
func (p prober) steady(info Info, frames []frame) error {
	if info.turnedBy != byFrames {
		return nil
	}
	for _, f := range frames {
		matrix, ok := displayMatrix(f.SideData)
		if f.Width > 0 && (!ok || readTurn(matrix) != info.turn) {
			return p.fail(job.Unsupported, export, "only some of its frames say how they are to be turned")
		}
	}
	return nil
}

// fields fills in whether frames hold two fields: the frames know it better than
// the container, where their codec can say it.
func (info *Info) fields(video stream, frames []frame) {
	for _, f := range frames {
		if f.Interlaced == 1 {
			info.Interlaced = true
			return
		}
	}
	if info.Interlaced && !named(fieldCodecs[:], video.Codec) {
		// "tb" means that the top field is stored first and the bottom one shown first.
		if info.firstField = "tff"; strings.HasSuffix(video.FieldOrder, "b") {
			info.firstField = "bff"
		}
	}
}

// startsAt takes in when the first frame is shown on the file's own clock, in
// seconds. In Matroska some write when a stream ends for its duration, and some how
// long it is; where that makes a difference, the packets have to tell.
func (info *Info) startsAt(first float64) {
	if info.demuxer != matroska || !info.ends || first <= 0 {
		return
	}
	if info.Duration -= first; first > 0.1 || info.Duration <= 0 {
		info.Duration = 0
	}
}

// projection is the turn that the header of a Matroska file says.
func (p prober) projection(videoStream int) turn {
	if p.demuxer != matroska {
		return turn{}
	}
	return projected(p.path, videoStream)
}
