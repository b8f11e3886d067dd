package pipeline

import (
	"compress/gzip"
	"errors"
	"os"

	"github.com/motionmill/motionmill/inference"
	"github.com/motionmill/motionmill/media"
)

// trackFile writes pose.json.gz; a nil one writes nothing.
type trackFile struct {
	file  *os.File
	zip   *gzip.Writer
	track *inference.TrackWriter
}

func (w *work) openTrack() (*trackFile, error) {
	path := w.path(Pose, "pose.json.gz")
	if path == "" {
		return nil, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, failed("create", path, err)
	}
	t := &trackFile{file: file, zip: gzip.NewWriter(file)}
	names, pairs := w.choice.Pose.Keypoints()
	t.track = inference.NewTrackWriter(t.zip, inference.TrackHeader{
		Width: w.info.Width, Height: w.info.Height, Keypoints: names, Skeleton: pairs, Models: w.analyser.Used(),
	})
	return t, nil
}

func (t *trackFile) write(r inference.Result) error {
	if t == nil {
		return nil
	}
	if err := t.track.WriteFrame(r); err != nil {
		return failed("write", t.file.Name(), err)
	}
	return nil
}

func (t *trackFile) close() error {
	if t == nil {
		return nil
	}
	// The file is closed whatever became of its content.
	if err := errors.Join(t.track.Close(), t.zip.Close(), t.file.Close()); err != nil {
		return failed("write", t.file.Name(), err)
	}
	return nil
}

func (w *work) frameSize() (width, height int) { return media.FrameSize(w.info, frameLongest) }

func (w *work) decodePlan() media.DecodePlan {
	plan := media.DecodePlan{
		Input: w.input, Info: w.info, Dir: w.dir, Video: w.path(Video, "video.mp4"), Poster: w.path(Poster, "poster.jpg"),
		Limits: w.Limits, Deadline: w.deadline(), Threads: w.threads(), Encoder: w.encoder,
	}
	if w.analyser != nil || w.seesFrames() {
		plan.Frames = true
		plan.FrameWidth, plan.FrameHeight = w.frameSize()
		return w.forPlayers(plan)
	}
	plan.OnProgress = func(p media.Progress) {
		w.frames = p.Frames
		w.report("encode")
	}
	return w.forPlayers(plan)
}

func (w *work) compositePlan() media.CompositePlan {
	plan := media.CompositePlan{
		Input: w.input, Info: w.info, Dir: w.dir, Overlay: w.path(Overlay, "overlay.mp4"),
		SilhouetteWebM: w.path(Silhouette, "silhouette.webm"), SilhouetteMP4: w.path(Silhouette, "silhouette.mp4"),
		Limits: w.Limits, Deadline: w.deadline(), Threads: w.threads(), Encoder: w.encoder,
	}
	if w.profile.Wants(Silhouette) {
		plan.MatteWidth, plan.MatteHeight = w.analyser.MatteSize(w.video())
	}
	if plan.Background, _ = w.profile.background(); plan.Background != nil { // It was checked when the profile was read.
		plan.SilhouetteWebM = ""
	}
	if w.profile.Wants(Overlay) {
		plan.LayerWidth, plan.LayerHeight = w.frameSize()
	}
	return plan
}

func (w *work) video() inference.Video {
	width, height := w.frameSize()
	return inference.Video{
		Width: w.info.Width, Height: w.info.Height, FrameWidth: width, FrameHeight: height, Parallel: w.threads(),
		People: w.profile.People, DetectEvery: w.profile.DetectEvery, Matte: w.profile.Matte,
	}
}
